//! What a redirect changes and what it keeps, by python-requests' rules.

use crate::harness::{Seen, Server, answer, on_shard, options};
use hatchery_http::{HeaderValue, HttpSession, Method, SessionOptions};
use std::net::{IpAddr, Ipv4Addr};

/// A server that redirects `/STATUS` to `/end`, and `/dir/to` to where a header wants it.
fn server() -> Server {
    Server::answering(|request| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        let status = path.trim_start_matches('/');
        match request.header("x-location") {
            Some(location) if path == "/dir/to" => {
                answer("302 Found", &format!("location: {location}\r\n"), "a longer body")
            }
            _ if status.len() == 3 && !status.starts_with("end") => {
                let location = if status == "304" { "" } else { "location: /end\r\n" };
                answer(&format!("{status} X"), location, "")
            }
            // No body for HEAD.
            _ if request.line.starts_with("HEAD") => answer("200 OK", "", ""),
            _ => answer("200 OK", "", "end"),
        }
    })
}

fn port(server: &Server) -> u16 {
    server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// Options by which two names lead to this machine.
fn two_hosts(port: u16) -> SessionOptions {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let resolve = ["one.test", "two.test"].map(|name| (name.to_owned(), port, here)).into();
    SessionOptions { resolve, ..options() }
}

/// Method, and whether body and content type came along.
fn summary(seen: &Seen) -> (String, bool) {
    let method = seen.line.split(' ').next().unwrap_or_default().to_owned();
    let has_type = seen.header("content-type").is_some();
    assert_eq!(has_type, !seen.body.is_empty(), "{seen:?}");
    (method, has_type)
}

#[test]
fn each_status_keeps_or_changes_the_method_and_the_body() {
    let cases: &[(u16, &str, &str)] = &[
        (301, "GET", "GET"),
        (301, "HEAD", "HEAD"),
        (301, "POST", "GET"),
        (301, "PUT", "PUT"),
        (301, "DELETE", "DELETE"),
        (302, "GET", "GET"),
        (302, "HEAD", "HEAD"),
        (302, "POST", "GET"),
        (302, "PUT", "GET"),
        (302, "PATCH", "GET"),
        (303, "HEAD", "HEAD"),
        (303, "POST", "GET"),
        (303, "DELETE", "GET"),
        (303, "OPTIONS", "GET"),
        (307, "GET", "GET"),
        (307, "POST", "POST"),
        (307, "PUT", "PUT"),
        (308, "POST", "POST"),
        (308, "PATCH", "PATCH"),
        (308, "HEAD", "HEAD"),
    ];
    let server = server();
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            for (status, method, to) in cases {
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let request = client.request(method.clone(), format!("/{status}")).name("all");
                let request = request.allow_redirects(true);
                let response = match method {
                    Method::GET | Method::HEAD => request.await,
                    _ => request.json(&[1]).await,
                };
                assert_eq!((response.status_code(), response.history().len()), (200, 1));
                assert_eq!(response.request_method().as_str(), *to, "{status} {method}");
                assert_eq!(response.history()[0].status_code(), *status);
            }
            // A redirect that is none.
            for status in ["300", "304", "305", "306"] {
                let response = client.get(format!("/{status}")).await;
                assert_eq!(
                    (response.status_code().to_string(), response.history().len()),
                    (status.to_owned(), 0)
                );
            }
        }
    });
    assert_eq!(recorded.snapshot.n_requests(), cases.len() as u64 + 4);
    assert_eq!(recorded.errors, []);
    for (hops, (status, from, to)) in server.seen().chunks(2).zip(cases) {
        let has_body = !matches!(*from, "GET" | "HEAD");
        assert_eq!(summary(&hops[0]), ((*from).to_owned(), has_body));
        let keeps = has_body && matches!(status, 307 | 308);
        assert_eq!(summary(&hops[1]), ((*to).to_owned(), keeps), "{status} {from}");
        assert!(keeps || hops[1].header("content-length").is_none_or(|length| length == "0"));
    }
}

#[test]
fn a_location_is_read_in_every_form_that_a_reference_has() {
    let server = server();
    let port = port(&server);
    let url = server.url.clone();
    let authority = format!("127.0.0.1:{port}");
    let cases = [
        ("end".to_owned(), "/dir/end"),
        ("./end".to_owned(), "/dir/end"),
        ("../end".to_owned(), "/end"),
        ("?q=1".to_owned(), "/dir/to?q=1"),
        ("/end?a=b&c#part".to_owned(), "/end?a=b&c"),
        // Not encoded, as it ought to be.
        ("/caf\u{e9}".to_owned(), "/caf%C3%A9"),
        ("/a b|c\\d".to_owned(), "/a%20b%7Cc%5Cd"),
        ("/a%20b".to_owned(), "/a%20b"),
        ("/%41%2f%7e?%41".to_owned(), "/A%2F~?A"),
        ("%41".to_owned(), "/dir/A"),
        ("/%2e%2e/x".to_owned(), "/x"),
        (format!("//{authority}/end"), "/end"),
        (format!("http://{authority}"), "/"),
        (format!("HTTP://{authority}/end?x"), "/end?x"),
    ];
    let n_bytes = 3 * cases.len() as u64;
    let locations = cases.clone();
    let recorded = on_shard(move |shard| {
        let (url, locations) = (url.clone(), locations.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            for (location, to) in locations {
                let value = HeaderValue::from_bytes(location.as_bytes()).expect("a header");
                let response = client.get("/dir/to").header("x-location", value).await;
                assert_eq!(response.status_code(), 200, "{location}");
                assert_eq!(response.url(), format!("{url}{to}"), "{location}");
            }
        }
    });
    // The length is the last body's, and not that of the redirects before it.
    recorded.check(&[&format!("GET /dir/to {}/0", cases.len())], &[]);
    assert_eq!(recorded.entries[0].4, n_bytes);
}

#[test]
fn a_location_that_says_nothing_is_the_end() {
    let server = Server::answering(|_| answer("302 Found", "location: \r\n", "here"));
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            let response = client.get("/").await;
            assert_eq!((response.status_code(), response.text().as_ref()), (302, "here"));
            assert!(response.history().is_empty());
        }
    });
    recorded.check(&["GET / 1/0"], &[]);
}

#[test]
fn credentials_stay_with_their_host_and_port_and_do_not_come_back() {
    let other = Server::answering(|request| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        match path.strip_prefix("/back/") {
            Some(port) => {
                let location = format!("location: http://one.test:{port}/end\r\n");
                answer("302 Found", &location, "")
            }
            None => answer("200 OK", "", "other"),
        }
    });
    let other_port = port(&other);
    let server = Server::answering(move |request| {
        let host = request.header("host").and_then(|host| host.rsplit(':').next());
        let own = host.unwrap_or_default();
        let location = match request.line.split(' ').nth(1).unwrap_or_default() {
            "/same" => format!("http://one.test:{own}/end"),
            "/host" => format!("http://two.test:{own}/end"),
            "/port" => format!("http://one.test:{other_port}/end"),
            "/back" => format!("http://one.test:{other_port}/back/{own}"),
            "/with" => format!("http://a:b@one.test:{other_port}/end"),
            _ => return answer("200 OK", "", "end"),
        };
        answer("302 Found", &format!("location: {location}\r\n"), "")
    });
    let port = port(&server);
    on_shard(move |shard| async move {
        let mut options = two_hosts(port);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        options.resolve.push(("one.test".to_owned(), other_port, here));
        let url = format!("http://one.test:{port}");
        let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
        for path in ["/same", "/host", "/port", "/back", "/with"] {
            client.get(path).basic_auth("u", "p").await.raise_for_status().expect("200");
            let by_header = client.get(path).header("authorization", "mine");
            by_header.header("x-other", "kept").await.raise_for_status().expect("200");
        }
    });
    let basic = "Basic dTpw";
    let end = |seen: &&Seen| seen.line.contains("/end");
    let ends: Vec<_> = server.seen();
    let ends: Vec<_> = ends.iter().filter(end).map(|seen| seen.header("authorization")).collect();
    // Same host; another host; and back again from another port.
    assert_eq!(ends, [Some(basic), Some("mine"), None, None, None, None]);
    let seen = other.seen();
    assert!(seen.iter().all(|seen| seen.header("authorization").is_none()), "{seen:?}");
    let kept = seen.iter().filter(|seen| seen.header("x-other") == Some("kept")).count();
    assert_eq!(kept, seen.len() / 2, "other headers go along");
}

#[test]
fn credentials_of_the_base_url_go_to_its_own_origin_alone() {
    let other = Server::answering(|_| answer("200 OK", "", "other"));
    let to = other.url.clone();
    let server = Server::answering(move |request| match request.line.contains("/away") {
        true => answer("302 Found", &format!("location: {to}/\r\n"), ""),
        false => answer("200 OK", "", ""),
    });
    let url = server.url.replace("://", "://u:p@");
    let elsewhere = other.url.clone();
    on_shard(move |shard| {
        let (url, elsewhere) = (url.clone(), elsewhere.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("/here").await;
            client.get("/away").await;
            client.get(format!("{elsewhere}/direct")).await;
        }
    });
    let sent = |server: &Server| -> Vec<_> {
        server.seen().iter().map(|seen| seen.header("authorization").is_some()).collect()
    };
    assert_eq!((sent(&server), sent(&other)), (vec![true, true], vec![false, false]));
}
