//! Requests through proxies.

use crate::{
    harness::{LEAN, NOBODY, Server, answer, on_shard, on_shard_of, read_head},
    tls,
};
use hatchery_core::shard::Common;
use hatchery_http::{HttpError, HttpSession, Proxies, SessionOptions};
use std::{
    io::{self, BufReader, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

fn through(proxies: Proxies) -> SessionOptions {
    SessionOptions { proxies, lean: LEAN, ..SessionOptions::default() }
}

/// The URL of a proxy that wants user and password.
fn with_password(url: &str) -> String {
    url.replace("http://", "http://user:pass%20word@")
}

const AUTHORIZATION: &str = "Basic dXNlcjpwYXNzIHdvcmQ=";

#[test]
fn plain_requests_are_given_to_the_proxy_whole() {
    let proxy = Server::answering(|_| answer("200 OK", "", "by proxy"));
    let url = with_password(&proxy.url);
    let recorded = on_shard(move |shard| {
        let options = through(Proxies::all(&url).expect("a URL"));
        async move {
            let client =
                HttpSession::with_options(&shard, "http://shop.test/app", options).expect("a URL");
            for _ in 0..2 {
                assert_eq!(client.get("/item?id=1").await.text(), "by proxy");
            }
            client.post("http://other.test:81/").body("x").await;
        }
    });
    recorded.check(&["GET /app/item?id=1 2/0", "POST / 1/0"], &[]);
    let seen = proxy.seen();
    assert_eq!(seen[0].line, "GET http://shop.test/app/item?id=1 HTTP/1.1");
    assert_eq!(seen[0].header("host"), Some("shop.test"));
    assert_eq!(seen[0].header("proxy-authorization"), Some(AUTHORIZATION));
    assert_eq!(
        (&*seen[2].line, &*seen[2].body),
        ("POST http://other.test:81/ HTTP/1.1", &b"x"[..])
    );
    // Connections are kept by proxy and origin.
    let connections: Vec<_> = seen.iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[test]
fn a_request_chooses_its_own_proxy_or_none_and_a_session_its_own_later() {
    let proxy = Server::answering(|_| answer("200 OK", "", "by proxy"));
    let target = Server::answering(|_| answer("200 OK", "", "direct"));
    let (proxy_url, url) = (proxy.url.clone(), target.url.clone());
    let recorded = on_shard(move |shard| {
        let (proxy_url, url) = (proxy_url.clone(), url.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            assert_eq!(client.get("/").await.text(), "direct");
            assert_eq!(client.get("/").proxy(&proxy_url).await.text(), "by proxy");
            assert_eq!(client.get("/").await.text(), "direct");
            let wrong = client.get("/").proxy("socks5://127.0.0.1:1").await;
            assert!(wrong.error().is_some_and(HttpError::is_invalid_request));
            let options = through(Proxies::all(&proxy_url).expect("a URL"));
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            assert_eq!(client.get("/").await.text(), "by proxy");
            assert_eq!(client.get("/").no_proxy().await.text(), "direct");
            client.set_proxies(Proxies::default());
            assert_eq!(client.get("/").await.text(), "direct");
            assert_eq!(client.get("/").proxy(&proxy_url).verify(false).await.text(), "by proxy");
            client.set_proxies(Proxies::all(&proxy_url).expect("a URL"));
            assert_eq!(client.get("/").verify(false).await.text(), "by proxy");
            assert_eq!(client.get("/").no_proxy().await.text(), "direct");
        }
    });
    recorded.check(&["GET / 9/0"], &[]);
    // Without a password there is nothing to authorize.
    assert_eq!(proxy.seen()[0].header("proxy-authorization"), None);
}

#[test]
fn redirects_go_through_the_proxy_of_where_they_lead() {
    let direct = Server::answering(|_| answer("200 OK", "", "direct"));
    let to = format!("location: {}/\r\n", direct.url);
    let proxy = Server::answering(move |_| answer("302 Found", &to, ""));
    let url = proxy.url.clone();
    let recorded = on_shard(move |shard| {
        let proxies = Proxies::all(&url).and_then(|proxies| proxies.without("http://127.0.0.1"));
        let options = through(proxies.expect("URLs"));
        async move {
            let client = HttpSession::with_options(&shard, "http://a.test", options).expect("one");
            assert_eq!(client.get("/").await.text(), "direct");
        }
    });
    recorded.check(&["GET / 1/0"], &[]);
}

/// The first lines of the requests that a proxy saw, and what authorized them.
pub(crate) type Log = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A proxy that makes tunnels to this machine, whatever the name.
pub(crate) fn tunnelling() -> (Server, Log) {
    tunnelling_after(Duration::ZERO)
}

/// The same, if it takes so long to say yes.
fn tunnelling_after(pause: Duration) -> (Server, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let server = Server::raw(move |_, stream| {
        let mut reader = BufReader::new(stream);
        let Some((line, headers)) = read_head(&mut reader) else { return };
        let authorization = headers.into_iter().find(|(name, _)| name == "proxy-authorization");
        seen.lock().expect("no panic").push((line.clone(), authorization.map(|(_, value)| value)));
        let port = line.split([':', ' ']).nth(2).and_then(|port| port.parse().ok()).expect("one");
        let target = TcpStream::connect(("127.0.0.1", port)).expect("the target listens");
        let mut stream = reader.into_inner();
        thread::sleep(pause);
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("open");
        let (mut from, mut to) =
            (stream.try_clone().expect("open"), target.try_clone().expect("open"));
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &target, &mut stream);
    });
    (server, log)
}

#[test]
fn a_proxys_consent_is_a_part_of_the_connect() {
    let target =
        tls::server("localhost", |_, tls| tls.write_all(&answer("200 OK", "", "")).is_ok());
    let pause = Duration::from_millis(200);
    let (proxy, _) = tunnelling_after(pause);
    let url = target.url.clone();
    let options = SessionOptions {
        proxies: Proxies::default().with("https", &proxy.url).expect("a URL"),
        lean: LEAN,
        ..tls::trusting(&target)
    };
    on_shard_of(Common { phases: true, ..Common::default() }, move |shard| {
        let (url, options) = (url.clone(), options.clone());
        async move {
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let response = client.get("/").await;
            let phases = response.phases();
            assert!(phases.connect().is_some_and(|time| time >= pause), "{response:?} {phases:?}");
            assert!(phases.tls().is_some() && phases.n_connections() == 1);
        }
    });
}

#[test]
fn tls_goes_through_a_tunnel_that_is_kept() {
    let target = tls::server("localhost", |line, tls| {
        assert!(line.starts_with("GET / "), "{line}");
        tls.write_all(&answer("200 OK", "", "secret")).is_ok() && tls.flush().is_ok()
    });
    let (proxy, log) = tunnelling();
    let url = target.url.clone();
    let options = SessionOptions {
        proxies: Proxies::default().with("https", &with_password(&proxy.url)).expect("a URL"),
        lean: LEAN,
        ..tls::trusting(&target)
    };
    let recorded = on_shard(move |shard| {
        let (url, options) = (url.clone(), options.clone());
        async move {
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            for _ in 0..3 {
                assert_eq!(client.get("/").await.text(), "secret");
            }
        }
    });
    recorded.check(&["GET / 3/0"], &[]);
    let authority = target.url.strip_prefix("https://").expect("https");
    let line = format!("CONNECT {authority} HTTP/1.1");
    assert_eq!(*log.lock().expect("no panic"), [(line, Some(AUTHORIZATION.to_owned()))]);
}

#[test]
fn tunnels_are_kept_apart_by_whom_their_requests_trust() {
    let target = tls::server("localhost", |_, tls| {
        tls.write_all(&answer("200 OK", "", "secret")).is_ok() && tls.flush().is_ok()
    });
    let (proxy, log) = tunnelling();
    let (url, proxy_url) = (target.url.clone(), proxy.url.clone());
    let ca_file = tls::trusting(&target).ca_file.expect("a file");
    let recorded = on_shard(move |shard| {
        let proxies = Proxies::default().with("https", &proxy_url).expect("a URL");
        let (url, ca_file) = (url.clone(), ca_file.clone());
        async move {
            let client = HttpSession::with_options(&shard, &url, through(proxies)).expect("one");
            for _ in 0..2 {
                assert_eq!(client.get("/").verify(false).await.text(), "secret");
                assert_eq!(client.get("/").verify(&ca_file).await.text(), "secret");
            }
            assert!(client.get("/").await.error().is_some_and(HttpError::is_tls));
            assert_eq!(client.get("/").verify(false).no_proxy().await.text(), "secret");
        }
    });
    recorded.check(&["GET / 6/1"], &["TlsError: invalid peer certificate: UnknownIssuer"]);
    assert_eq!(log.lock().expect("no panic").len(), 3);
}

/// A request for `https://shop.test` through this proxy fails with this text after the proxy's URL.
#[track_caller]
fn check_refusal(proxy: &str, failure: &str) {
    let url = proxy.to_owned();
    let recorded = on_shard(move |shard| {
        let options = through(Proxies::all(&url).expect("a URL"));
        async move {
            let client =
                HttpSession::with_options(&shard, "https://shop.test", options).expect("a URL");
            let response = client.get("/").await;
            assert!(response.error().is_some_and(HttpError::is_proxy), "{response:?}");
            assert!(response.error().is_some_and(HttpError::is_connect), "{response:?}");
        }
    });
    recorded.check(&["GET / 1/1"], &[&format!("ProxyError: {proxy}: {failure}")]);
}

#[test]
fn proxies_that_refuse_are_one_clear_failure() {
    let authenticate = "proxy-authenticate: Basic realm=\"proxy\"\r\n";
    let proxy = Server::answering(move |_| {
        answer("407 Proxy Authentication Required", authenticate, "<html>who are you?</html>")
    });
    let failure = "it refused to connect to shop.test:443: 407 Proxy Authentication Required";
    check_refusal(&proxy.url, failure);
    assert_eq!(proxy.seen()[0].line, "CONNECT shop.test:443 HTTP/1.1");
    let proxy = Server::answering(|_| answer("502 Bad Gateway", "", ""));
    check_refusal(&proxy.url, "it refused to connect to shop.test:443: 502 Bad Gateway");
    let proxy = Server::answering(|_| b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec());
    check_refusal(&proxy.url, "MalformedResponse: invalid HTTP version");
    let proxy = Server::raw(|_, stream| drop(stream));
    let recorded = on_shard(move |shard| {
        let options = through(Proxies::all(&proxy.url).expect("a URL"));
        async move {
            let client =
                HttpSession::with_options(&shard, "https://shop.test", options).expect("a URL");
            assert!(client.get("/").await.error().is_some_and(HttpError::is_proxy));
        }
    });
    assert_eq!(recorded.errors.len(), 1, "{recorded:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_named_without_its_password() {
    let url = NOBODY;
    check_refusal(url, "ConnectionRefused: Connection refused (os error 111)");
    let recorded = on_shard(move |shard| {
        let options = through(Proxies::all(&with_password(url)).expect("a URL"));
        async move {
            let client =
                HttpSession::with_options(&shard, "http://shop.test", options).expect("a URL");
            assert!(client.get("/").await.error().is_some_and(HttpError::is_proxy));
        }
    });
    assert!(recorded.errors.iter().all(|(text, _)| !text.contains("pass")), "{recorded:?}");
}

#[test]
fn what_a_proxy_answers_to_a_plain_request_is_its_response() {
    let proxy = Server::answering(|_| answer("407 Proxy Authentication Required", "", ""));
    let url = proxy.url.clone();
    let recorded = on_shard(move |shard| {
        let options = through(Proxies::all(&url).expect("a URL"));
        async move {
            let client = HttpSession::with_options(&shard, "http://a.test", options).expect("one");
            assert_eq!(client.get("/").await.status_code(), 407);
        }
    });
    let failure = "HTTPError: 407 Client Error: Proxy Authentication Required for url: /";
    recorded.check(&["GET / 1/1"], &[failure]);
}
