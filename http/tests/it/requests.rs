//! Requests against a server that behaves.

use crate::harness::{Seen, Server, answer, on_shard, with_client};
use hatchery_http::{HttpError, HttpSession};
use std::{collections::BTreeMap, rc::Rc};

#[test]
fn a_plain_get_is_one_sample_and_keeps_its_connection() {
    let server = Server::answering(|_| answer("200 OK", "", "hello"));
    let expected = format!("{}/a", server.url);
    let recorded = with_client(&server.url, move |_, client| {
        let expected = expected.clone();
        async move {
            for _ in 0..3 {
                let response = client.get("/a").await;
                assert_eq!(response.status_code(), 200);
                assert_eq!(response.reason(), "OK");
                assert!(response.ok());
                assert_eq!(response.content(), b"hello");
                assert_eq!(response.url(), expected);
            }
        }
    });
    recorded.check(&["GET /a 3/0"], &[]);
    assert_eq!(recorded.entries[0].4, 15);
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.connection == 0));
    assert_eq!(seen[0].line, "GET /a HTTP/1.1");
    assert_eq!(seen[0].header("host"), server.url.strip_prefix("http://"));
}

#[test]
fn what_is_asked_again_is_asked_in_the_same_words_until_something_is_added() {
    let server = Server::answering(|request| {
        answer("200 OK", "", if request.line.starts_with("GET") { "hello" } else { "" })
    });
    let whole: &'static str = format!("{}/a", server.url).leak();
    let with_password: &'static str = whole.replace("://", "://u:p@").leak();
    with_client(&server.url, move |_, client| async move {
        // The first opens the connection and goes another way than those after it.
        for path in ["/a", "/a", "/a", whole, whole] {
            client.get(path).await;
        }
        client.get(with_password).await;
        client.set_cookie("c", "1").expect("a cookie");
        client.get("/a").await;
        client.clear_cookies();
        client.set_header("x-own", "1").expect("a header");
        client.get(whole).await;
        client.remove_header("x-own");
        client.set_basic_auth("u", "p");
        client.get("/a").await;
        client.clear_auth();
        client.head("/a").await;
        client.get("/a").await;
    });
    let seen = server.seen();
    let first = &seen[0];
    assert_eq!(seen.len(), 11);
    let added = |i: usize| {
        let headers = seen[i].headers.iter().filter(|header| !first.headers.contains(header));
        assert!(first.headers.iter().all(|header| seen[i].headers.contains(header)), "{i}");
        headers.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
    };
    let added: Vec<String> = (0..11).map(added).collect();
    let basic = "authorization: Basic dTpw";
    assert_eq!(added, ["", "", "", "", "", basic, "cookie: c=1", "x-own: 1", basic, "", ""]);
    let is_get = |request: &Seen| request.line == "GET /a HTTP/1.1";
    assert_eq!(seen.iter().position(|request| !is_get(request)), Some(9));
    assert!(seen.iter().all(|request| request.connection == 0));
}

#[test]
fn what_is_only_recorded_is_recorded_as_it_would_be_otherwise() {
    let server = Server::answering(|request| match request.line.split(' ').nth(1) {
        Some("/gone") => answer("410 Gone", "", "no"),
        Some("/away") => answer("302 Found", "location: /ok\r\n", ""),
        _ => answer("200 OK", "", "hello"),
    });
    let record = |is_only: bool| {
        with_client(&server.url, move |_, client| async move {
            // Each more than once: the first of an origin goes another way than those after it.
            for path in ["/ok", "/gone", "/away", "ftp://nowhere", "/ok", "/gone", "/away"] {
                let request = client.get(path);
                match is_only {
                    true => request.record_only().await,
                    false => drop(request.await),
                }
            }
        })
    };
    let (only, otherwise) = (record(true), record(false));
    let gone = "HTTPError: 410 Client Error: Gone for url: /gone";
    only.check(&["GET /ok 2/0", "GET /gone 2/2", "GET /away 2/0"], &[gone]);
    assert_eq!(only.entries.iter().map(|entry| entry.4).sum::<u64>(), 24);
    otherwise.check(&["GET /ok 2/0", "GET /gone 2/2", "GET /away 2/0"], &[gone]);
}

#[test]
fn bodies_and_headers_arrive_as_given() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    with_client(&server.url, |_, client| async move {
        let value = BTreeMap::from([("a", 1)]);
        client.post("/json").json(&value).await.raise_for_status().expect("200");
        client.post("/form").form(&[("a", "b c"), ("d", "é")]).await;
        client.put("/text").body("text").header("content-type", "text/x").await;
        client.delete("/none").basic_auth("u", "p").cookie("c", "1").await;
        client.get("/q").params(&[("x", "1 2")]).header("User-Agent", "me").await;
        client.head("/head").await;
        client.options("/options").await;
        client.patch("/patch").body(vec![b'x'; 3_000_000]).await;
    });
    let seen = server.seen();
    let body = |i: usize| String::from_utf8_lossy(&seen[i].body).into_owned();
    assert_eq!(
        (body(0).as_str(), seen[0].header("content-type")),
        ("{\"a\":1}", Some("application/json"))
    );
    assert_eq!(body(1), "a=b+c&d=%C3%A9");
    assert_eq!(seen[1].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!((body(2).as_str(), seen[2].header("content-type")), ("text", Some("text/x")));
    assert_eq!(seen[3].header("content-length"), Some("0"));
    assert_eq!(seen[3].header("authorization"), Some("Basic dTpw"));
    assert_eq!(seen[3].header("cookie"), Some("c=1"));
    assert_eq!(
        (&*seen[4].line, seen[4].header("user-agent")),
        ("GET /q?x=1+2 HTTP/1.1", Some("me"))
    );
    assert_eq!(seen[5].line, "HEAD /head HTTP/1.1");
    assert_eq!(seen[6].line, "OPTIONS /options HTTP/1.1");
    assert_eq!(seen[7].body.len(), 3_000_000);
}

#[test]
fn entries_are_named_by_path_and_query_or_as_told() {
    let server = Server::answering(|request| match request.line.contains("404") {
        true => answer("404 Not Found", "", ""),
        false => answer("200 OK", "", ""),
    });
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &format!("{url}/api/")).expect("a URL");
            client.get("/x?y=1").params(&[("z", "2")]).await;
            client.get(format!("{url}/abs?q").replace("://", "://me:pw@")).await;
            client.get(format!("/item/{}", 7)).name("/item/[id]").await;
            client.get("/404").await;
            client.get("/404/2").name("named").await;
            client.get("/a b/../é").await;
        }
    });
    recorded.check(
        &[
            "GET /api/x?y=1&z=2 1/0",
            "GET /abs?q 1/0",
            "GET /item/[id] 1/0",
            "GET /api/404 1/1",
            "GET named 1/1",
            "GET /api/%C3%A9 1/0",
        ],
        &[
            "HTTPError: 404 Client Error: Not Found for url: /api/404",
            "HTTPError: 404 Client Error: Not Found for url: named",
        ],
    );
    let seen = server.seen();
    assert_eq!(seen[1].header("authorization"), Some("Basic bWU6cHc="));
    assert_eq!(seen[2].header("authorization"), None);
}

#[test]
fn urls_of_no_use_are_errors_and_not_recorded() {
    let recorded = on_shard(|shard| async move {
        assert!(HttpSession::with_base_url(&shard, "localhost:80").is_err());
        assert!(HttpSession::with_base_url(&shard, "ftp://a/").is_err());
        assert!(HttpSession::with_base_url(&shard, "http://").is_err());
        let client = HttpSession::with_base_url(&shard, "http://127.0.0.1:1").expect("a URL");
        for path in ["item", "ftp://a/b", "http://"] {
            let response = client.get(path).await;
            assert!(response.error().is_some_and(HttpError::is_invalid_url), "{path}");
        }
        let response = client.get("/").header("a\nb", "c").await;
        assert!(response.error().is_some_and(HttpError::is_invalid_request));
    });
    recorded.check(&[], &[]);
}

#[test]
fn what_no_request_can_carry_is_an_error_and_no_panic() {
    let server = Server::answering(|_| answer("200 OK", "", "fine"));
    let recorded = with_client(&server.url, |_, client| async move {
        let long: &'static str = Box::leak(format!("/{}", "x".repeat(70_000)).into());
        for path in [long, "/?"] {
            let response = client.get(path).params(&[("long", long)]).await;
            assert!(response.error().is_some_and(HttpError::is_invalid_url), "{response:?}");
        }
        let response = client.get(long).await;
        assert!(response.error().is_some_and(HttpError::is_invalid_url), "{response:?}");
        client.set_cookie("good", "1").expect("it can be sent");
        for (name, value) in [("a\nb", "1"), ("a", "1\r\n")] {
            let error = client.set_cookie(name, value).expect_err("it cannot be sent");
            assert!(error.is_invalid_request() && error.text().contains("the cookie"));
            let response = client.get("/").cookie("good", "2").cookie(name, value).await;
            assert!(response.error().is_some_and(HttpError::is_invalid_request));
        }
        assert_eq!(client.get("/").await.text(), "fine");
    });
    recorded.check(&["GET / 1/0"], &[]);
    assert_eq!(server.seen()[0].header("cookie"), Some("good=1"));
}

#[test]
fn redirects_are_followed_as_one_sample_with_cookies_and_without_credentials_elsewhere() {
    let other = Server::answering(|_| answer("200 OK", "", "other"));
    let to = other.url.clone();
    let server = Server::answering(move |request| match &*request.line {
        "POST /login HTTP/1.1" => {
            answer("302 Found", "set-cookie: s=1; Path=/\r\nlocation: /home\r\n", "")
        }
        "GET /home HTTP/1.1" => answer("200 OK", "", "home"),
        "POST /keep HTTP/1.1" => answer("307 Temporary Redirect", "location: home2?x=y\r\n", ""),
        line if line.ends_with("/away HTTP/1.1") => {
            answer("301 Moved Permanently", &format!("location: {to}/there\r\n"), "")
        }
        _ => answer("200 OK", "", ""),
    });
    let url = server.url.replace("http://", "http://me:pw@");
    let recorded = with_client(&url, |_, client| async move {
        let response = client.post("/login").form(&[("a", "b")]).await;
        assert_eq!((response.text().as_ref(), response.history().len()), ("home", 1));
        assert!(response.history()[0].is_redirect());
        assert_eq!(client.cookie("s").as_deref(), Some("1"));
        client.post("/keep").body("kept").await;
        let response = client.get("/away").header("authorization", "mine").await;
        assert_eq!(response.text(), "other");
        let response = client.head("/away").await;
        assert_eq!((response.status_code(), response.reason()), (301, "Moved Permanently"));
        let response = client.get("/away").allow_redirects(false).await;
        assert!(response.is_permanent_redirect());
    });
    recorded.check(&["POST /login 1/0", "POST /keep 1/0", "GET /away 2/0", "HEAD /away 1/0"], &[]);
    let seen = server.seen();
    assert_eq!(seen[0].header("cookie"), None);
    assert_eq!(seen[0].header("authorization"), Some("Basic bWU6cHc="));
    assert_eq!((seen[1].header("cookie"), seen[1].header("content-type")), (Some("s=1"), None));
    assert_eq!((&*seen[3].line, &*seen[3].body), ("POST /home2?x=y HTTP/1.1", &b"kept"[..]));
    assert_eq!(seen[4].header("authorization"), Some("mine"));
    assert_eq!(other.seen()[0].header("authorization"), None);
    assert_eq!(other.seen()[0].header("cookie"), Some("s=1"));
}

#[test]
fn credentials_of_a_url_go_where_its_redirects_lead_on_the_same_host() {
    let other = Server::answering(|_| answer("200 OK", "", "other"));
    let to = other.url.clone();
    let server = Server::answering(move |request| match &*request.line {
        "GET /a HTTP/1.1" => answer("302 Found", "location: /b\r\n", ""),
        _ => answer("302 Found", &format!("location: {to}/c\r\n"), ""),
    });
    let url = format!("{}/a", server.url.replace("://", "://me:pw@"));
    let base = other.url.clone();
    on_shard(move |shard| {
        let (base, url) = (base.clone(), url.clone());
        async move {
            let client = HttpSession::with_base_url(&shard, &base).expect("a URL");
            assert_eq!(client.get(url).await.text(), "other");
        }
    });
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(sent, [Some("Basic bWU6cHc="); 2]);
    assert_eq!(other.seen()[0].header("authorization"), None);
}

#[test]
fn a_body_has_its_own_length_whatever_its_headers_say() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    with_client(&server.url, |_, client| async move {
        for (name, value) in [("content-length", "9"), ("transfer-encoding", "chunked")] {
            let request = client.post("/").body("four").header(name, value).keep_request();
            let response = request.await;
            response.raise_for_status().expect("200");
            let sent = response.request().expect("kept");
            assert_eq!(sent.header("content-length"), Some("4"));
            assert_eq!(sent.header("transfer-encoding"), None);
        }
    });
    for request in server.seen() {
        assert_eq!((request.header("content-length"), &*request.body), (Some("4"), &b"four"[..]));
        assert_eq!(request.header("transfer-encoding"), None);
    }
}

#[test]
fn a_caught_response_is_recorded_once_as_decided_last() {
    let server = Server::answering(|request| match request.line.contains("500") {
        true => answer("500 Internal Server Error", "", ""),
        false => answer("200 OK", "", ""),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let mut caught = client.get("/500/ok").catch_response().await;
        caught.failure("not this");
        caught.success();
        drop(caught);
        let mut caught = client.get("/bad").catch_response().name("renamed").await;
        caught.success();
        caught.failure(format!("status {}", caught.status_code()));
        caught.set_response_length(9);
        drop(caught);
        drop(client.get("/500/undecided").catch_response().await);
        drop(client.get("/undecided").catch_response().await);
        let caught = Rc::new(client.get("/kept").catch_response().await);
        assert!(caught.ok());
    });
    recorded.check(
        &[
            "GET /500/ok 1/0",
            "GET renamed 1/1",
            "GET /500/undecided 1/1",
            "GET /undecided 1/0",
            "GET /kept 1/0",
        ],
        &[
            "HTTPError: 500 Server Error: Internal Server Error for url: /500/undecided",
            "status 200",
        ],
    );
    assert_eq!(recorded.entries[1].4, 9);
}

#[test]
fn a_body_is_text_in_the_encoding_that_is_set_and_has_lines_and_pieces() {
    let server = Server::answering(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n\xe9\r\na\n"
            .into()
    });
    with_client(&server.url, |_, client| async move {
        let mut response = client.get("/").await;
        assert_eq!((response.encoding(), &*response.text()), (Some("ISO-8859-1"), "é\r\na\n"));
        assert!(response.set_encoding("klingon").is_err_and(|error| error.is_invalid_request()));
        response.set_encoding("latin1").expect("known");
        assert_eq!((response.encoding(), &*response.text()), (Some("windows-1252"), "é\r\na\n"));
        assert!(response.iter_lines().eq([&b"\xe9"[..], b"a"]));
        assert!(response.iter_content(2).eq([&b"\xe9\r"[..], b"\na", b"\n"]));
        response.close();
    });
}
