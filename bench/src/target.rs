//! The servers that are loaded: nginx, and hatchery's own embedded target.
//!
//! A target is a child on a CPU of its own, on ports of this machine's loopback that nobody else
//! uses, with all its files in a temporary directory.

mod nginx;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use regex::Regex;

use crate::{
    case::Case,
    measure::{Guard, complaint, pinned},
    peer::{Places, hatchery_program},
};

/// Where the embedded target tells how many requests it has served, as JSON.
const SERVED_PATH: &str = "/served";
/// How long a target may take until it accepts connections.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Debian's nginx, with one worker.
    Nginx,
    /// `hatchery target`.
    Embedded,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::Embedded => "embedded",
        }
    }
}

/// A running server. It ends when this is dropped.
pub(crate) struct Target {
    guard: Guard,
    kind: Kind,
    ports: Ports,
}

/// Where a target listens for each way to speak to it, as far as it has them.
#[derive(Clone, Copy)]
struct Ports {
    http: SocketAddr,
    https: Option<SocketAddr>,
    /// HTTP/2 without asking.
    h2c: Option<SocketAddr>,
    h2_tls: Option<SocketAddr>,
}

impl Target {
    /// Starts a server on `cpu` and waits until it accepts connections.
    ///
    /// # Errors
    /// If its program is missing, or it does not come up; the message says what it said.
    pub(crate) fn start(kind: Kind, cpu: u32, places: &Places, dir: &Path) -> Result<Target> {
        let http = free_address()?;
        let (mut command, ports) = match kind {
            Kind::Nginx => {
                let (https, h2c, h2_tls) = (free_address()?, free_address()?, free_address()?);
                let ports =
                    Ports { http, https: Some(https), h2c: Some(h2c), h2_tls: Some(h2_tls) };
                let program = nginx::program().map_err(anyhow::Error::msg)?;
                nginx::prepare(dir, &nginx::Listens { http, https, h2c, h2_tls })?;
                let mut command = pinned(&program, cpu);
                command.arg("-p").arg(dir).args(["-c", "nginx.conf", "-e", "stderr"]);
                (command, ports)
            }
            Kind::Embedded => {
                let program = hatchery_program(places).map_err(anyhow::Error::msg)?;
                let mut command = pinned(&program, cpu);
                command.args(["target", "--listen", &http.to_string()]);
                command.args(["--cores", &cpu.to_string()]);
                // It tells HTTP/2 by the first bytes of a connection.
                (command, Ports { http, https: None, h2c: Some(http), h2_tls: None })
            }
        };
        let err = dir.join("target.err");
        let guard = Guard::spawn(&mut command, &dir.join("target.out"), &err)?;
        let mut target = Target { guard, kind, ports };
        target.wait_until_up(&err)?;
        Ok(target)
    }

    fn wait_until_up(&mut self, err: &Path) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(self.ports.http).is_err() {
            if let Some(status) = self.guard.ended()? {
                bail!("{} ended with {status}: {}", self.kind.name(), complaint(err));
            }
            if started.elapsed() > START_PATIENCE {
                bail!("{} does not accept connections on {}", self.kind.name(), self.ports.http);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.guard.pid()
    }

    /// Scheme, host and port for a case, or why the target has no such thing.
    pub(crate) fn base(&self, case: &Case) -> Result<String, String> {
        let ports = self.ports;
        let (scheme, address) = match (case.tls, case.http2) {
            (false, false) => ("http", Some(ports.http)),
            (false, true) => ("http", ports.h2c),
            (true, false) => ("https", ports.https),
            (true, true) => ("https", ports.h2_tls),
        };
        let address = address.ok_or_else(|| format!("the {} target has no TLS", self.kind.name()));
        Ok(format!("{scheme}://{}", address?))
    }

    /// How many requests the server has counted itself, where it does.
    pub(crate) fn served(&self) -> Option<u64> {
        match self.kind {
            Kind::Nginx => {
                ask(self.ports.http, nginx::STATUS_PATH).and_then(|page| nginx_count(&page))
            }
            Kind::Embedded => {
                ask(self.ports.http, SERVED_PATH).and_then(|page| embedded_count(&page))
            }
        }
        .ok()
    }

    /// How many requests were served since `before`, without this question, which nginx counts.
    pub(crate) fn served_since(&self, before: Option<u64>) -> Option<u64> {
        let own = match self.kind {
            Kind::Nginx => 1,
            Kind::Embedded => 0,
        };
        self.served()?.checked_sub(before? + own)
    }
}

/// An address whose port was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?)
}

/// One question to the server itself, on a connection of its own.
fn ask(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The third number of nginx's `stub_status` page.
fn nginx_count(answer: &str) -> Result<u64> {
    let regex = Regex::new(r"(?m)^ \d+ \d+ (\d+)").expect("a constant");
    let found = regex.captures(answer).context("find the counters in nginx's status page")?;
    Ok(found[1].parse()?)
}

/// The total over the embedded target's routes; the question is not among them.
fn embedded_count(answer: &str) -> Result<u64> {
    let (_, json) = answer.split_once("\r\n\r\n").context("find the body")?;
    let routes: BTreeMap<String, u64> = serde_json::from_str(json).context("read the counts")?;
    routes.get("total").copied().context("find the total")
}

/// Lets nginx's worker, which is another user where nginx is started by root, read the files.
fn open_to_all(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_status_page_is_read() {
        let page = "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nActive connections: 1 \n\
                    server accepts handled requests\n 27996 27996 214098 \n\
                    Reading: 0 Writing: 1 Waiting: 0 \n";
        assert_eq!(nginx_count(page).unwrap(), 214_098);
        assert!(nginx_count("HTTP/1.1 404 Not Found").is_err());
    }

    #[test]
    fn a_page_of_the_embedded_targets_counts_is_read() {
        let page = "HTTP/1.1 200 OK\r\n\r\n{\"/\": 40, \"/pay\": 2, \"total\": 42}\n";
        assert_eq!(embedded_count(page).unwrap(), 42);
        assert!(embedded_count("HTTP/1.1 404 Not Found\r\n\r\nno such route").is_err());
    }

    #[test]
    fn nginx_serves_the_routes_of_every_case() {
        let places = Places::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        if nginx::program().is_err() {
            return; // Nothing is installed by tests either.
        }
        let target = Target::start(Kind::Nginx, 0, &places, dir.path()).unwrap();
        let get = |request: &str| {
            let mut stream = TcpStream::connect(target.ports.http).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            String::from_utf8(answer).unwrap()
        };
        assert!(get("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nhello"));
        assert!(get("GET /bytes/1024 HTTP/1.0\r\n\r\n").ends_with(&"x".repeat(1024)));
        assert!(get("GET /item/7 HTTP/1.0\r\n\r\n").ends_with("item 7\n"));
        assert!(get("POST /login HTTP/1.0\r\n\r\n").contains("Set-Cookie: session=bench; Path=/"));
        let cookies = get("GET /cookies HTTP/1.0\r\nCookie: session=bench\r\n\r\n");
        assert!(cookies.ends_with("session=bench\n"));
        assert!(get("POST /pay HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 401"));
        assert!(target.served().unwrap() >= 6);
    }
}
