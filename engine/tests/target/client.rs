//! A client that does just what the test says, byte for byte.

use hatchery::target::{Target, TargetOptions};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Two shards, so that what is summed and shared is really two things.
pub(crate) fn start() -> Target {
    Target::start(&TargetOptions { cpus: vec![0, 1], ..TargetOptions::loopback() }).unwrap()
}

pub(crate) fn address(target: &Target) -> SocketAddr {
    target.url().strip_prefix("http://").unwrap().parse().unwrap()
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(target: &Target) -> Client {
        let stream = TcpStream::connect(address(target)).unwrap();
        // A test that hangs says nothing; one that times out says where.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.ask("GET", path, "", "")
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let length = match body.len() {
            0 => String::new(),
            n => format!("Content-Length: {n}\r\n"),
        };
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: t\r\n{headers}{length}\r\n{body}"));
        self.reply(method != "HEAD")
    }

    pub(crate) fn reply(&mut self, with_body: bool) -> Reply {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).expect(&status_line).parse().unwrap();
        let mut headers = vec![];
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut reply = Reply { status, headers, body: vec![] };
        let length = reply.header("content-length").map_or(0, |n| n.parse().unwrap());
        if with_body {
            reply.body.resize(length, 0);
            self.0.read_exact(&mut reply.body).unwrap();
        }
        reply
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Whether the other side has closed, in whatever way.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(n) => n == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
