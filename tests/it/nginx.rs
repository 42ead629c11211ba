//! A real nginx: what it served is what was recorded.

use hatchery_tests::{programs::Program, servers::Nginx};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

const SERVER: &str = "server {
    listen 127.0.0.1:PORT;
    location / { return 200 hello; }
    location /close { keepalive_timeout 0; return 200 bye; }
    location /moved { return 301 /; }
    location /served { stub_status; }
}";

/// Requests served so far, this one included.
fn n_served(nginx: &Nginx) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", nginx.port())).unwrap();
    stream.write_all(b"GET /served HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    // The line after "server accepts handled requests".
    let line = text.lines().skip_while(|line| !line.contains("accepts")).nth(1).unwrap();
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}

#[track_caller]
fn check(name: &str, path: &str, extra: &[&str], n_served_per_request: u64) {
    let Some(nginx) = Nginx::start(name, SERVER) else { return };
    let url = nginx.url(path);
    let before = n_served(&nginx);
    let args = [&*url, "-u", "10", "-t", "1s", "--stop-timeout", "10s", "--json"];
    let finished = Program::start(HATCHERY, &[&args[..], extra].concat()).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let n_requests = finished.sum("num_requests");
    assert!(n_requests > 100, "{}", finished.stderr);
    assert_eq!(n_served(&nginx) - before - 1, n_requests * n_served_per_request);
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
