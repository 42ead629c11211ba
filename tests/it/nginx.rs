//! A real nginx: what it served is what was recorded.

use hatchery_tests::programs::{Program, wait_until};
use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process,
};

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

/// nginx with a folder and a port of its own, as one process that ends with its `Program`; `None` if it is not installed.
struct Nginx {
    _program: Program,
    folder: PathBuf,
    port: u16,
}

impl Nginx {
    fn start(name: &str) -> Option<Nginx> {
        let Some(path) = ["/usr/sbin/nginx", "/usr/bin/nginx"]
            .into_iter()
            .find(|path| fs::exists(path).unwrap_or(false))
        else {
            assert!(env::var_os("CI").is_none(), "CI has to install nginx");
            eprintln!("skipped: nginx is not installed (apt-get install nginx-light)");
            return None;
        };
        let folder = env::temp_dir().join(format!("hatchery-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {0}/pid; error_log {0}/error.log;
             events {{ worker_connections 1024; }}
             http {{
                 access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
                 fastcgi_temp_path {0}/fcgi; uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi;
                 server {{
                     listen 127.0.0.1:{port};
                     location / {{ return 200 hello; }}
                     location /close {{ keepalive_timeout 0; return 200 bye; }}
                     location /moved {{ return 301 /; }}
                     location /served {{ stub_status; }}
                 }}
             }}",
            folder.display()
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config).unwrap();
        let (file, prefix) = (file.display().to_string(), folder.display().to_string());
        let args = ["-e", "stderr", "-p", &prefix, "-c", &file];
        let nginx = Nginx { _program: Program::start(path, &args), folder, port };
        wait_until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(nginx)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Requests served so far, this one included.
    fn n_served(&self) -> u64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /served HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        // The line after "server accepts handled requests".
        let line = text.lines().skip_while(|line| !line.contains("accepts")).nth(1).unwrap();
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[track_caller]
fn check(name: &str, path: &str, extra: &[&str], n_served_per_request: u64) {
    let Some(nginx) = Nginx::start(name) else { return };
    let url = nginx.url(path);
    let before = nginx.n_served();
    let args = [&*url, "-u", "10", "-t", "1s", "--stop-timeout", "10s", "--json"];
    let finished = Program::start(HATCHERY, &[&args[..], extra].concat()).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let n_requests = finished.sum("num_requests");
    assert!(n_requests > 100, "{}", finished.stderr);
    assert_eq!(nginx.n_served() - before - 1, n_requests * n_served_per_request);
}

#[test]
fn nginx_serves_what_is_recorded_on_connections_that_last() {
    check("keep-alive", "/", &[], 1);
}

#[test]
fn nginx_serves_what_is_recorded_on_a_connection_each() {
    check("no-keepalive", "/", &["--no-keepalive"], 1);
    check("server-closes", "/close", &[], 1);
}

#[test]
fn a_redirect_is_one_request_of_two_steps() {
    check("redirect", "/moved", &[], 2);
}
