//! nginx: connections kept, closed, dropped, and unix sockets.

use super::{Recorded, on_both_paths};
use hatchery::HttpSession;
use hatchery_http::{HttpError, SessionOptions};
use hatchery_tests::servers::Nginx;

const SERVER: &str = "server {
    listen 127.0.0.1:PORT;
    listen unix:FOLDER/socket;
    keepalive_requests 3;
    client_max_body_size 100k;
    large_client_header_buffers 2 1k;
    location / { default_type text/plain; return 200 $connection; }
    location /close { keepalive_timeout 0; return 200 $connection; }
    location /drop { return 444; }
    location /moved { return 301 /there; }
    location /status/431 { return 431; }
    location /own { return 299 own; }
    location /store/ { root FOLDER; dav_methods PUT DELETE; create_full_put_path on; }
}";

fn with_nginx(
    name: &str,
    test: impl AsyncFn(HttpSession) + Send + Sync + 'static,
) -> Vec<Recorded> {
    let Some(nginx) = Nginx::start(name, SERVER) else { return vec![] };
    on_both_paths(&nginx.url(""), &SessionOptions::default(), test)
}

/// How many connections served these.
fn n_different(mut connections: Vec<String>) -> usize {
    connections.sort();
    connections.dedup();
    connections.len()
}

#[test]
fn a_connection_serves_as_many_requests_as_nginx_allows() {
    let all = with_nginx("kept", async |client| {
        let mut connections = vec![];
        for _ in 0..9 {
            connections.push(client.get("/").await.text().into_owned());
        }
        assert_eq!(n_different(connections), 3);
        let mut connections = vec![];
        for _ in 0..3 {
            connections.push(client.get("/close").await.text().into_owned());
        }
        assert_eq!(n_different(connections), 3);
    });
    for recorded in all {
        recorded.check(&["GET / 9/0", "GET /close 3/0"], &[]);
    }
}

#[test]
fn a_session_without_keep_alive_connects_each_time() {
    let Some(nginx) = Nginx::start("once", SERVER) else { return };
    let options = SessionOptions { requests_per_connection: 1, ..SessionOptions::default() };
    on_both_paths(&nginx.url(""), &options, async |client| {
        let mut connections = vec![];
        for _ in 0..3 {
            let response = client.get("/").await;
            assert_eq!(response.header("connection"), Some("close"));
            connections.push(response.text().into_owned());
        }
        assert_eq!(n_different(connections), 3);
    });
}

#[test]
fn a_connection_dropped_without_an_answer_is_one_failure() {
    let all = with_nginx("dropped", async |client| {
        assert_eq!(client.get("/").await.status_code(), 200);
        let response = client.get("/drop").await;
        assert!(response.error().is_some_and(HttpError::is_closed));
        assert_eq!(client.get("/").await.status_code(), 200);
    });
    for recorded in all {
        let failure = "ConnectionClosed: connection closed before a response came";
        recorded.check(&["GET / 2/0", "GET /drop 1/1"], &[failure]);
    }
}

#[test]
fn requests_that_nginx_refuses_are_answered_and_the_next_one_works() {
    let all = with_nginx("refused", async |client| {
        let response = client.get("/").name("host").header("host", "a b").await;
        assert_eq!(response.status_code(), 400);
        let long = format!("/?{}", "x".repeat(5_000));
        assert_eq!(client.get(long).name("uri").await.status_code(), 414);
        let cookie = "c".repeat(5_000);
        assert_eq!(client.get("/").name("head").header("cookie", cookie).await.status_code(), 400);
        assert_eq!(client.get("/status/431").await.status_code(), 431);
        assert_eq!(
            client.put("/store/a").name("body").body(vec![0; 200_000]).await.status_code(),
            413
        );
        assert_eq!(client.get("/store/none").await.status_code(), 404);
        let response = client.get("/own").await;
        assert_eq!((response.status_code(), response.reason(), response.ok()), (299, "", true));
        assert_eq!(client.get("/").await.status_code(), 200);
    });
    for recorded in all {
        let failed = |text: &str| format!("HTTPError: {text}");
        let entries = [
            "GET / 1/0",
            "GET /own 1/0",
            "GET /status/431 1/1",
            "GET /store/none 1/1",
            "GET head 1/1",
            "GET host 1/1",
            "GET uri 1/1",
            "PUT body 1/1",
        ];
        let errors = [
            "400 Client Error: Bad Request for url: head",
            "400 Client Error: Bad Request for url: host",
            "404 Client Error: Not Found for url: /store/none",
            "413 Client Error: Request Entity Too Large for url: body",
            "414 Client Error: Request-URI Too Large for url: uri",
            // nginx has no reason for this one.
            "431 Client Error:  for url: /status/431",
        ];
        let errors = errors.map(failed);
        recorded.check(&entries, &errors.each_ref().map(|error| &**error));
    }
}

#[test]
fn an_upload_far_larger_than_allowed_is_answered_while_it_is_sent() {
    let all = with_nginx("upload", async |client| {
        let response = client.put("/store/a").body(vec![b'x'; 30_000_000]).await;
        assert_eq!(response.status_code(), 413);
        assert_eq!(client.get("/").await.status_code(), 200);
    });
    for recorded in all {
        let failure = "HTTPError: 413 Client Error: Request Entity Too Large for url: /store/a";
        recorded.check(&["GET / 1/0", "PUT /store/a 1/1"], &[failure]);
    }
}

#[test]
fn an_upload_that_waits_for_its_go_ahead_is_stored() {
    with_nginx("expect", async |client| {
        let body = "y".repeat(50_000);
        // nginx answers 100 first, which is skipped, and 201 then.
        let request = client.put("/store/b").header("expect", "100-continue").body(body.clone());
        let response = request.await;
        assert!(matches!(response.status_code(), 201 | 204), "{response:?}");
        assert!(client.get("/store/b").await.text() == body);
        assert_eq!(client.delete("/store/b").await.status_code(), 204);
    });
}

#[test]
fn a_unix_socket_is_a_host_like_any_other() {
    let Some(nginx) = Nginx::start("socket", SERVER) else { return };
    let socket = nginx.folder().join("socket").display().to_string().replace('/', "%2F");
    let url = format!("http+unix://{socket}");
    let all = on_both_paths(&url, &SessionOptions::default(), async |client| {
        let connections: Vec<_> = [client.get("/").await, client.get("/").await].into();
        assert_eq!(connections[0].text(), connections[1].text());
        assert_eq!(client.get("/moved").allow_redirects(false).await.status_code(), 301);
    });
    for recorded in all {
        recorded.check(&["GET / 2/0", "GET /moved 1/0"], &[]);
    }
}
