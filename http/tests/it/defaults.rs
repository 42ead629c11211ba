//! What a session gives all its requests, and what a request says instead.

use crate::harness::{Seen, Server, answer, on_shard, options, with_client, with_session};
use hatchery_http::{HeaderMap, HeaderName, HeaderValue, HttpError, HttpSession, SessionOptions};

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

#[test]
fn parameters_of_a_session_go_to_every_url_but_not_where_redirects_lead() {
    let server = Server::answering(|request| match request.line.contains("/away") {
        true => answer("302 Found", "location: /to?x=1\r\n", ""),
        false => answer("200 OK", "", ""),
    });
    let url = server.url.clone();
    let recorded = with_client(&server.url, move |_, client| {
        let url = url.clone();
        async move {
            client.set_params(&[("key", "k 1"), ("lang", "en")]).expect("pairs");
            client.get("/a").await;
            client.clone().get("/a?lang=de#part").await;
            client.get("/b").params(&[("page", "2"), ("lang", "fr")]).await;
            client.get("/away").await;
            client.get(format!("{url}/c")).name("named").await;
            // They are all replaced, or none, and a mistake changes nothing.
            client.set_params(&[("v", 2)]).expect("pairs");
            assert!(client.set_params(&[[[1]]]).is_err());
            client.get("/a").await;
            client.set_params(&()).expect("no pairs");
            client.get("/a").await;
        }
    });
    let names = [
        "/a?key=k+1&lang=en",
        "/a?lang=de&key=k+1&lang=en",
        "/b?key=k+1&lang=fr&page=2",
        "/away?key=k+1&lang=en",
        "named",
        "/a?v=2",
        "/a",
    ];
    recorded
        .check(&names.map(|name| format!("GET {name} 1/0")).each_ref().map(|name| &**name), &[]);
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().filter_map(|seen| seen.line.split(' ').nth(1)).collect();
    let expected = [&names[..4], &["/to?x=1", "/c?key=k+1&lang=en"], &names[5..]].concat();
    assert_eq!(sent, expected);
}

/// A server that lets those in who answer its challenge, or have signed.
fn guarded() -> Server {
    Server::answering(|request| {
        let authorization = request.header("authorization").unwrap_or_default();
        let is_in = authorization.starts_with("Digest") || request.header("x-signature").is_some();
        match is_in {
            true => answer("200 OK", "", ""),
            false => {
                let challenge = "www-authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
                answer("401 Unauthorized", challenge, "")
            }
        }
    })
}

/// Who asked: the scheme, and the user of Digest.
fn who(seen: &Seen) -> &str {
    match (seen.header("authorization"), seen.header("x-signature")) {
        (Some(value), None) => match value.strip_prefix("Digest username=\"") {
            Some(rest) => rest.split('"').next().unwrap_or_default(),
            None => value,
        },
        (None, Some(signature)) => signature,
        (None, None) => "",
        both => panic!("{both:?}"),
    }
}

fn signing(text: &'static str) -> HeaderMap {
    let name = HeaderName::from_static("x-signature");
    HeaderMap::from_iter([(name, HeaderValue::from_static(text))])
}

#[test]
fn challenges_are_answered_for_a_session_that_has_credentials_unless_a_request_has_its_own() {
    let server = guarded();
    let url = server.url.replace("://", "://in:url@");
    with_client(&url, |_, client| async move {
        client.set_basic_auth("u", "p");
        client.set_digest_auth("session", "p");
        assert_eq!(client.get("/").await.history().len(), 1);
        assert_eq!(client.post("/").body("x").await.history().len(), 0);
        assert!(client.get("/").digest_auth("own", "p").await.ok());
        assert!(!client.get("/").basic_auth("u", "p").await.ok());
        assert!(!client.get("/").bearer_auth("t").await.ok());
        assert!(!client.get("/").header("authorization", "x").await.ok());
        assert!(client.get("/").auth(|_| signing("own")).await.ok());
        client.clear_auth();
        assert!(!client.get("/").await.ok());
        client.set_digest_auth("again", "p");
        client.set_basic_auth("u", "p");
        assert!(!client.get("/").await.ok());
    });
    let seen = server.seen();
    let basic = "Basic dTpw";
    let of_url = "Basic aW46dXJs";
    let expected = ["", "session", "session", "own", basic, "Bearer t", "x", "own", of_url, basic];
    assert_eq!(seen.iter().map(who).collect::<Vec<_>>(), expected);
}

#[test]
fn a_session_signs_its_requests_unless_one_has_credentials_of_its_own() {
    let server = guarded();
    with_client(&server.url, |_, client| async move {
        client.set_basic_auth("u", "p");
        client.set_auth(|request| match request.body() {
            Some(_) => signing("body"),
            None => signing("none"),
        });
        client.get("/").await;
        client.post("/").body("x").await;
        client.get("/").auth(|_| signing("own")).await;
        client.get("/").basic_auth("u", "p").await;
        client.get("/").digest_auth("own", "p").await;
        client.set_digest_auth("session", "p");
        client.get("/").await;
        client.clear_auth();
        client.get("/").await;
    });
    let seen = server.seen();
    let expected = ["none", "body", "own", "Basic dTpw", "", "own", "session", ""];
    assert_eq!(seen.iter().map(who).collect::<Vec<_>>(), expected);
}

#[test]
fn as_many_redirects_are_followed_as_a_session_says() {
    let server = Server::answering(|_| answer("302 Found", "location: /\r\n", ""));
    for redirects_max in [0, 2] {
        let options = SessionOptions { redirects_max, ..options() };
        let recorded = with_session(&server.url, options, |_, client| async move {
            let error = client.get("/").await.error().cloned();
            assert!(error.is_some_and(|error| HttpError::is_too_many_redirects(&error)));
            assert!(client.get("/").allow_redirects(false).await.ok());
        });
        let error = format!("TooManyRedirects: exceeded {redirects_max} redirects");
        recorded.check(&["GET / 2/1"], &[&error]);
    }
    assert_eq!(server.seen().len(), (1 + 1) + (3 + 1));
}

#[test]
fn requests_say_what_may_come_back_unless_the_session_leaves_it_out() {
    for accept_headers in [true, false] {
        let server = Server::answering(|_| answer("200 OK", "", ""));
        let options = SessionOptions { accept_headers, ..options() };
        with_session(&server.url, options, |_, client| async move {
            client.get("/").await;
            client.get("/").await;
            client.get(format!("/{}", 1)).await;
            client.post("/").body("x").await;
            client.get("/").header("x-own", "1").await;
            client.get("/").header("accept", "text/html").await;
        });
        let said = |request: &Seen| {
            ["accept", "accept-encoding"].map(|name| request.header(name).map(str::to_owned))
        };
        let said: Vec<_> = server.seen().iter().map(said).collect();
        let usual = match accept_headers {
            true => [Some("*/*".to_owned()), Some("gzip, deflate, br, zstd".to_owned())],
            false => [None, None],
        };
        assert_eq!(said.len(), 6);
        assert!(said[..5].iter().all(|said| *said == usual), "{said:?}");
        assert_eq!(said[5], [Some("text/html".to_owned()), usual[1].clone()]);
        assert!(server.seen().iter().all(|request| request.header("user-agent").is_some()));
    }
}
