//! What a session gives all its requests, and what a request says instead.

use crate::harness::{Server, answer, on_shard};
use hatchery_http::HttpSession;

#[test]
fn headers_credentials_and_cookies_of_a_session_go_along_unless_a_request_has_its_own() {
    let other = Server::answering(|_| answer("200 OK", "", ""));
    let to = other.url.replace("127.0.0.1", "localhost");
    let server = Server::answering(move |request| match request.line.contains("/away") {
        true => answer("302 Found", &format!("location: {to}/\r\n"), ""),
        false => answer("200 OK", "", ""),
    });
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("/before").await;
            client.set_basic_auth("u", "p");
            client.set_header("x-tenant", "north").expect("a header");
            client.set_header("accept", "text/html").expect("a header");
            client.set_cookie("c", "1").expect("a base URL");
            client.get("/plain").await;
            client.post("/form").form(&[("a", "b")]).await;
            let own = client.get("/own").basic_auth("me", "pw").header("X-Tenant", "south");
            own.header("accept", "*/*").cookie("d", "2").await;
            client.get("/away").await;
            // Of two clones of a session, each is the session.
            client.clone().remove_header("x-tenant");
            client.remove_header("authorization");
            client.clear_cookies();
            let renamed = client.rename_request("all of them");
            client.get("/1").await;
            client.get("/2").name("own").await;
            drop(renamed);
            client.get("/3").await;
        }
    });
    let names: Vec<_> = recorded.entries.iter().map(|entry| &*entry.1).collect();
    let expected = ["/before", "/plain", "/form", "/own", "/away", "all of them", "own", "/3"];
    assert_eq!(names, expected);
    let seen = server.seen();
    let of = |i: usize| {
        let names = ["authorization", "x-tenant", "accept", "cookie"];
        names.map(|name| seen[i].header(name))
    };
    let (basic, own) = (Some("Basic dTpw"), Some("Basic bWU6cHc="));
    assert_eq!(of(0), [None, None, Some("*/*"), None]);
    assert_eq!(of(1), [basic, Some("north"), Some("text/html"), Some("c=1")]);
    assert_eq!(of(2), of(1));
    assert_eq!(of(3), [own, Some("south"), Some("*/*"), Some("d=2; c=1")]);
    assert_eq!(of(4), of(1));
    assert_eq!(of(5), [None, None, Some("text/html"), None]);
    // Neither credentials nor cookies go to another host; other headers do.
    let elsewhere = &other.seen()[0];
    assert_eq!((elsewhere.header("authorization"), elsewhere.header("cookie")), (None, None));
    assert_eq!(elsewhere.header("x-tenant"), Some("north"));
}

#[test]
fn credentials_of_a_session_come_before_those_of_its_base_url() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let url = server.url.replace("://", "://in:url@");
    on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("/").await;
            client.set_basic_auth("u", "p");
            client.get("/").await;
        }
    });
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(sent, [Some("Basic aW46dXJs"), Some("Basic dTpw")]);
}
