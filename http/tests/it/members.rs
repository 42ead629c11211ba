//! The members of python-requests' `Response`, and bodies that are none or too large.

use crate::harness::{HTTP2, Server, answer, on_shard, options, with_client};
use hatchery_http::{BodyStream, HttpError, HttpSession, Method, PreparedRequest, SessionOptions};
use std::{collections::BTreeMap, future::Future, time::Duration};

/// Calls `test` with a session at a server that answers so, and returns the server.
#[track_caller]
fn with<F: Future<Output = ()> + 'static>(
    answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    test: impl Fn(HttpSession) -> F + Send + Sync + 'static,
) -> Server {
    let server = Server::answering(move |request| {
        answer(request.line.split(' ').nth(1).unwrap_or_default())
    });
    let url = server.url.clone();
    on_shard(move |shard| test(HttpSession::with_base_url(&shard, &url).expect("a URL")));
    server
}

#[test]
fn a_redirect_tells_where_it_leads_and_for_how_long() {
    let to_end = |path: &str| match path {
        "/301" => answer("301 Moved Permanently", "location: /307?a=b\r\n", "moved"),
        "/307" | "/307?a=b" => answer("307 Temporary Redirect", "location: end\r\n", ""),
        "/nowhere" => answer("302 Found", "", ""),
        "/304" => answer("304 Not Modified", "location: /end\r\n", ""),
        _ => answer("200 OK", "", "end"),
    };
    with(to_end, |client| async move {
        let response = client.get("/301").await;
        assert!(response.url().ends_with("/end") && response.url().starts_with("http://"));
        assert!(!response.is_redirect() && !response.is_permanent_redirect());
        assert_eq!(response.next_url(), None);
        let history: Vec<_> =
            response.history().iter().map(|hop| (hop.status_code(), hop.text())).collect();
        assert_eq!(history, [(301, "moved".into()), (307, "".into())]);
        let first = &response.history()[0];
        assert!(first.is_redirect() && first.is_permanent_redirect() && first.ok());
        assert!(first.next_url().is_some_and(|url| url.ends_with("/307?a=b")));
        let response = client.get("/307").allow_redirects(false).await;
        assert!(response.is_redirect() && !response.is_permanent_redirect());
        assert_eq!(response.next_url(), Some(response.url().replace("/307", "/end")));
        for path in ["/nowhere", "/304"] {
            let response = client.get(path).await;
            assert!(!response.is_redirect() && response.history().is_empty(), "{path}");
            assert_eq!((response.next_url(), response.ok()), (None, true), "{path}");
        }
    });
}

#[test]
fn headers_cookies_links_and_json_are_read_by_whoever_asks() {
    let head = "Content-Type: application/json\r\nLink: </2>; rel=next, </9>; rel=\"last\"\r\n\
                X-Thing: one\r\nx-thing: two\r\nset-cookie: a=1; Path=/\r\nset-cookie: b=2\r\n";
    let head = if HTTP2 { head.to_ascii_lowercase() } else { head.to_owned() };
    with(
        move |_| answer("201 Created", &head, "{\"price\":3}"),
        |client| async move {
            let response = client.get("/").await;
            assert_eq!((response.status_code(), response.reason()), (201, "Created"));
            assert_eq!(response.headers()["CONTENT-TYPE"], "application/json");
            assert_eq!(response.header("X-THING"), Some("one"));
            assert_eq!(response.headers().get_all("x-thing").iter().count(), 2);
            assert!(response.cookies().eq([("a", "1"), ("b", "2")]));
            let links = response.links();
            assert_eq!((&*links[0].url, &*links[0].rel), ("/2", "next"));
            assert_eq!((&*links[1].url, &*links[1].rel), ("/9", "last"));
            let json: BTreeMap<String, u64> = response.json().expect("JSON");
            assert_eq!(json["price"], 3);
            assert!(response.json::<u64>().is_err_and(|error| error.is_json()));
            assert!(response.elapsed() > Duration::ZERO);
        },
    );
}

#[test]
fn the_apparent_encoding_is_guessed_from_the_body_and_used_for_text_that_names_none() {
    let sent = |path: &str| {
        let body: &[u8] = match path {
            "/utf-8" => "déjà vu".as_bytes(),
            _ => b"un caf\xe9 s'il vous pla\xeet",
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    with(sent, |client| async move {
        let response = client.get("/utf-8").await;
        assert_eq!((response.encoding(), response.apparent_encoding()), (None, "UTF-8"));
        assert_eq!(response.text(), "déjà vu");
        let response = client.get("/latin1").await;
        assert_eq!((response.encoding(), response.apparent_encoding()), (None, "windows-1252"));
        assert_eq!(response.text(), "un café s'il vous plaît");
    });
}

#[test]
fn the_request_of_a_response_is_kept_for_those_who_ask_and_shows_what_was_sent() {
    let to_home = |path: &str| match path {
        "/login?c=d" => answer("302 Found", "set-cookie: s=1; Path=/\r\nlocation: /home\r\n", ""),
        _ => answer("200 OK", "", "x"),
    };
    let (keep, kept) = crossbeam_channel::unbounded();
    let server = with(to_home, move |client| {
        let keep = keep.clone();
        let keep = move |request: Option<&PreparedRequest>| {
            let request = request.expect("kept").clone();
            keep.send(request).expect("the test waits");
        };
        async move {
            let login = client.post("/login").params(&[("c", "d")]).form(&[("a", "b")]);
            let response = login.header("x-mine", "1").basic_auth("u", "p").keep_request().await;
            keep(response.history()[0].request());
            keep(response.request());
            keep(client.delete("/none").keep_request().catch_response().await.request());
            keep(client.get("/stream").keep_request().stream().await.request());
            let body = BodyStream::pieces(["ab", "c"].map(String::from)).length(3);
            keep(client.put("/upload").body_stream(body).keep_request().await.request());
            assert!(client.get("/plain").await.request().is_none());
        }
    });
    let (kept, seen): (Vec<PreparedRequest>, _) = (kept.try_iter().collect(), server.seen());
    assert_eq!((kept.len(), seen.len()), (5, 6));
    for (kept, seen) in kept.iter().zip(&seen) {
        let path = kept.url().strip_prefix(&server.url).expect("absolute");
        assert_eq!(format!("{} {path} HTTP/1.1", kept.method()), seen.line);
        let of_server = seen.headers.iter().filter(|(name, _)| !HTTP2 || name != "host");
        let mut of_server: Vec<_> = of_server.map(|(name, value)| (&**name, &**value)).collect();
        let headers = kept.headers().iter();
        let mut of_kept: Vec<_> =
            headers.map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
        of_server.sort_unstable();
        of_kept.sort_unstable();
        assert_eq!(of_kept, of_server, "{}", seen.line);
    }
    assert_eq!((kept[0].body(), kept[0].header("x-mine")), (Some(&b"a=b"[..]), Some("1")));
    assert_eq!((kept[1].body(), kept[1].header("cookie")), (None, Some("s=1")));
}

#[test]
fn a_request_that_failed_is_kept_if_it_was_sent() {
    with(
        |_| vec![],
        |client| async move {
            let response = client.post("/").body("lost").keep_request().await;
            assert!(response.error().is_some());
            assert_eq!(response.request().and_then(PreparedRequest::body), Some(&b"lost"[..]));
            let response = client.get("nowhere").keep_request().await;
            assert!(response.request().is_none());
        },
    );
}

#[test]
fn statuses_and_methods_without_a_body_have_none_and_keep_the_connection() {
    let server = with(
        |path| match path {
            "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            "/304" => b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n".to_vec(),
            _ => b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n".to_vec(),
        },
        |client| async move {
            let methods = [Method::GET, Method::HEAD];
            for path in ["/204", "/304", "/200"] {
                for method in methods.iter().filter(|&method| path != "/200" || method == "HEAD") {
                    let response = client.request(method.clone(), path).catch_response().await;
                    assert_eq!(response.status_code().to_string(), path[1..], "{method} {path}");
                    assert_eq!((response.content(), response.response_length()), (&b""[..], 0));
                    assert!(response.ok(), "{method} {path}");
                    let length = (path != "/204").then_some("99");
                    assert_eq!(response.header("content-length"), length, "{method} {path}");
                    let mut stream = client.request(method.clone(), path).stream().await;
                    assert_eq!(stream.next_piece().await.expect("whole"), None, "{method} {path}");
                }
            }
        },
    );
    assert!(server.seen().iter().all(|seen| seen.connection == 0));
}

#[test]
fn a_body_beyond_the_limit_is_a_failure_unless_it_is_streamed() {
    let server = Server::answering(|_| answer("200 OK", "", &"x".repeat(300_000)));
    let url = server.url;
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let options = SessionOptions { body_bytes_max: 299_999, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            let response = client.get("/whole").await;
            assert!(response.error().is_some_and(HttpError::is_too_large));
            let mut stream = client.get("/stream").stream().await;
            let mut n_bytes = 0;
            while let Some(piece) = stream.next_piece().await.expect("whole") {
                n_bytes += piece.len();
            }
            assert_eq!(n_bytes, 300_000);
        }
    });
    let failure = "BodyTooLarge: response body has more than 299999 bytes";
    recorded.check(&["GET /whole 1/1", "GET /stream 1/0"], &[failure]);
    assert_eq!((recorded.entries[0].4, recorded.entries[1].4), (0, 300_000));
}

#[test]
fn the_length_is_that_of_the_decoded_body_or_of_a_streams_head() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(&[b'x'; 10_000]).expect("memory");
    let body = encoder.finish().expect("memory");
    let n_sent = body.len();
    let server = Server::answering(move |_| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {n_sent}\r\n\r\n"
        );
        [head.as_bytes(), &body].concat()
    });
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/whole").await.content().len(), 10_000);
        let all = client.get("/stream").stream().await.read_all().await.expect("whole");
        assert_eq!(all.len(), 10_000);
    });
    recorded.check(&["GET /whole 1/0", "GET /stream 1/0"], &[]);
    assert_eq!((recorded.entries[0].4, recorded.entries[1].4), (10_000, n_sent as u64));
}
