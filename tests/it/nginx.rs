//! A real nginx: what it served is what was recorded.

use hatchery_tests::{programs::Program, servers::Nginx};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

const HATCHERY: &str = env!("CARGO_BIN_EXE_hatchery-under-test");

const SERVER: &str = "
ssl_certificate FOLDER/cert.pem;
ssl_certificate_key FOLDER/key.pem;
keepalive_requests 20;
server {
    listen 127.0.0.1:PORT;
    listen 127.0.0.2:PORT ssl;
    listen 127.0.0.3:PORT http2;
    listen 127.0.0.4:PORT ssl http2;
    location / { return 200 hello; }
    location /close { keepalive_timeout 0; return 200 bye; }
    location /moved { return 301 /; }
    location /large { alias FOLDER/large; }
    location /http1 { if ($server_protocol != HTTP/1.1) { return 400; } return 200 hello; }
    location /http2 { if ($server_protocol != HTTP/2.0) { return 400; } return 200 hello; }
    location /served { stub_status; }
}";

/// A certificate, and a file to be served.
fn fill(folder: &Path) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), own.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), own.signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("large"), vec![b'x'; 200_000]).unwrap();
}

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
    check_at(name, "http://127.0.0.1", path, extra, n_served_per_request);
}

/// The same for another of its addresses.
#[track_caller]
fn check_at(name: &str, host: &str, path: &str, extra: &[&str], n_served_per_request: u64) {
    let Some(nginx) = Nginx::start_with(name, SERVER, fill) else { return };
    let url = format!("{host}:{}{path}", nginx.port());
    let before = n_served(&nginx);
    // As many as make each connection be closed by nginx at least once, however slow the machine.
    let args = [&*url, "-u", "10", "--iterations", "400", "--stop-timeout", "10s", "--json"];
    let finished = Program::start(HATCHERY, &[&args[..], extra].concat()).finish();
    assert_eq!(finished.code(), 0, "{name}: {}", finished.stderr);
    let n_requests = finished.sum("num_requests");
    assert!(n_requests >= 400, "{name}: {n_requests} requests, {}", finished.stderr);
    let n_served = n_served(&nginx) - before - 1;
    assert_eq!(n_served, n_requests * n_served_per_request, "{name}: {}", finished.stderr);
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

#[test]
fn http_2_is_spoken_with_those_that_want_it_and_goes_on_when_nginx_says_goodbye() {
    let tls = ["--http2", "--insecure"];
    check_at("http2-tls", "https://127.0.0.4", "/http2", &tls, 1);
    check_at("http2-large", "https://127.0.0.4", "/large", &tls, 1);
    check_at("http2-each", "https://127.0.0.4", "/http2", &["-k", "--http2", "--no-keepalive"], 1);
    check_at("http2-known", "http://127.0.0.3", "/http2", &["--http2-prior-knowledge"], 1);
    check_at("http2-moved", "http://127.0.0.3", "/moved", &["--http2-prior-knowledge"], 2);
}

#[test]
fn http_1_is_spoken_unless_both_want_http_2() {
    check_at("http2-declined", "https://127.0.0.2", "/http1", &["--http2", "--insecure"], 1);
    check_at("http2-unasked", "https://127.0.0.4", "/http1", &["--insecure"], 1);
    check("http2-plain", "/http1", &["--http2"], 1);
}
