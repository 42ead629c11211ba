//! A real proxy: tinyproxy.

use crate::{
    harness::{Server, answer, on_shard, options},
    tls,
};
use hatchery_http::{HttpError, HttpSession, Proxies, SessionOptions};
use std::{
    env, fs,
    io::Write,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// tinyproxy, with a port of its own and a password.
struct Tinyproxy {
    child: Child,
    _folder: tempfile::TempDir,
    url: String,
}

impl Tinyproxy {
    /// `None` if it is not installed.
    fn start() -> Option<Tinyproxy> {
        let port =
            TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tinyproxy.conf");
        let config = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\nAllow 127.0.0.1\n\
             BasicAuth user password\nLogLevel Error\n"
        );
        fs::write(&file, config).expect("written");
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            let is_ci = env::var_os("CI").or_else(|| env::var_os("HATCHERY_CI")).is_some();
            assert!(!is_ci, "CI has to install tinyproxy");
            eprintln!("skipped: tinyproxy is not installed (apt-get install tinyproxy-bin)");
            return None;
        };
        let url = format!("http://user:password@127.0.0.1:{port}");
        let proxy = Tinyproxy { child, _folder: folder, url };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "tinyproxy does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Some(proxy)
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tinyproxy_passes_requests_on_and_makes_tunnels() {
    let Some(proxy) = Tinyproxy::start() else { return };
    let plain = Server::answering(|_| answer("200 OK", "", "plain"));
    let secret = tls::server("localhost", |_, tls| {
        tls.write_all(&answer("200 OK", "", "secret")).is_ok() && tls.flush().is_ok()
    });
    let (plain_url, secret_url) = (plain.url.clone(), secret.url.clone());
    let SessionOptions { lean, http_version, .. } = options();
    let proxies = Proxies::all(&proxy.url).expect("a URL");
    let options = SessionOptions { proxies, lean, http_version, ..tls::trusting(&secret) };
    let recorded = on_shard(move |shard| {
        let (plain_url, secret_url) = (plain_url.clone(), secret_url.clone());
        let options = options.clone();
        async move {
            let client = HttpSession::with_options(&shard, &plain_url, options).expect("a URL");
            for _ in 0..3 {
                assert_eq!(client.get("/plain").await.text(), "plain");
                let response = client.get(secret_url.clone() + "/secret").await;
                assert_eq!(response.text(), "secret", "{response:?}");
            }
        }
    });
    recorded.check(&["GET /plain 3/0", "GET /secret 3/0"], &[]);
    assert!(plain.seen()[0].header("via").is_some_and(|via| via.contains("tinyproxy")));
    assert_eq!(plain.seen()[0].header("proxy-authorization"), None);
}

#[test]
fn tinyproxy_refuses_those_without_the_password() {
    let Some(proxy) = Tinyproxy::start() else { return };
    let url = proxy.url.replace("user:password@", "");
    let named = url.clone();
    let recorded = on_shard(move |shard| {
        let proxies = Proxies::all(&url).expect("a URL");
        let options = SessionOptions { proxies, ..options() };
        async move {
            let client =
                HttpSession::with_options(&shard, "http://shop.test", options).expect("a URL");
            assert_eq!(client.get("/plain").await.status_code(), 407);
            let response = client.get("https://shop.test/secret").await;
            assert!(response.error().is_some_and(HttpError::is_proxy), "{response:?}");
        }
    });
    let refused = format!(
        "ProxyError: {named}: it refused to connect to shop.test:443: 407 Proxy Authentication \
         Required"
    );
    let plain = "HTTPError: 407 Client Error: Proxy Authentication Required for url: /plain";
    recorded.check(&["GET /plain 1/1", "GET /secret 1/1"], &[plain, &refused]);
}
