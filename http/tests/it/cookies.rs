//! Which cookies are kept, and which requests they go along with: RFC 6265's rules, as far as
//! python-requests has them.

use crate::harness::{Server, answer, on_shard, options};
use hatchery_http::{HttpSession, SessionOptions};
use std::net::{IpAddr, Ipv4Addr};

/// Sets cookies: a path at a host, and the lines of `Set-Cookie`, parted by line breaks.
type Set = (&'static str, &'static str);

/// Asks for a path at a host, and expects these cookies with it.
type Sent = (&'static str, &'static str);

/// Takes the cookies in turn, and looks at what is sent.
#[track_caller]
fn check(sets: &'static [Set], sent: &'static [Sent]) {
    let server = Server::answering(|request| {
        let lines = request.header("x-set").unwrap_or_default().split('|');
        let lines = lines.filter(|line| !line.is_empty());
        let lines: String = lines.map(|line| format!("set-cookie: {line}\r\n")).collect();
        answer("200 OK", &lines, "")
    });
    let port: u16 = server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("one");
    on_shard(move |shard| async move {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let names = ["shop.test", "www.shop.test", "myshop.test", "other.test"];
        let resolve = names.map(|name| (name.to_owned(), port, here)).into();
        let options = SessionOptions { resolve, ..options() };
        let client = HttpSession::with_options(&shard, "http://shop.test", options);
        let client = client.expect("a URL");
        let url = |place: &str| {
            let (host, path) = place.split_once('/').expect("a path");
            format!("http://{host}:{port}/{path}")
        };
        for (place, lines) in sets {
            client.get(url(place)).header("x-set", *lines).await.raise_for_status().expect("200");
        }
        for (place, _) in sent {
            client.get(url(place)).await.raise_for_status().expect("200");
        }
    });
    let seen = server.seen();
    let seen = &seen[sets.len()..];
    for ((place, expected), seen) in sent.iter().zip(seen) {
        let expected = Some(*expected).filter(|cookies| !cookies.is_empty());
        assert_eq!(seen.header("cookie"), expected, "{place} after {sets:?}");
    }
}

#[test]
fn a_cookie_goes_to_its_host_alone_unless_it_names_a_domain() {
    check(
        &[("www.shop.test/", "a=1")],
        &[
            ("www.shop.test/", "a=1"),
            ("www.shop.test/any/path?q", "a=1"),
            ("shop.test/", ""),
            ("other.test/", ""),
        ],
    );
    for domain in ["a=1; Domain=shop.test", "a=1; domain=.SHOP.test"] {
        let domain: &'static str = domain;
        check(
            Box::leak(Box::new([("www.shop.test/", domain)])),
            &[
                ("www.shop.test/", "a=1"),
                ("shop.test/", "a=1"),
                ("myshop.test/", ""),
                ("other.test/", ""),
            ],
        );
    }
    // Nobody sets cookies for others, nor for those below.
    check(&[("shop.test/", "a=1; Domain=other.test")], &[("shop.test/", ""), ("other.test/", "")]);
    let below = "a=1; Domain=www.shop.test";
    check(
        Box::leak(Box::new([("shop.test/", below)])),
        &[("shop.test/", ""), ("www.shop.test/", "")],
    );
    // An address has no domain above it, and a cookie does not ask for the port.
    check(&[("127.0.0.1/", "a=1")], &[("127.0.0.1/", "a=1"), ("shop.test/", "")]);
    check(&[("127.0.0.1/", "a=1; Domain=0.0.1")], &[("127.0.0.1/", "")]);
}

#[test]
fn a_cookie_goes_to_its_path_and_those_below() {
    check(
        &[("shop.test/", "a=1; Path=/dir")],
        &[
            ("shop.test/dir", "a=1"),
            ("shop.test/dir/", "a=1"),
            ("shop.test/dir/page", "a=1"),
            ("shop.test/directory", ""),
            ("shop.test/", ""),
        ],
    );
    // Unless it names a path, that of the folder that it comes from.
    check(
        &[("shop.test/dir/page?x=/y", "a=1")],
        &[("shop.test/dir/other", "a=1"), ("shop.test/dir", "a=1"), ("shop.test/", "")],
    );
    check(&[("shop.test/page", "a=1; Path=relative")], &[("shop.test/any", "a=1")]);
}

#[test]
fn cookies_of_longer_paths_come_first_and_older_ones_before_younger_ones() {
    check(
        &[("shop.test/", "b=1; Path=/|a=2; Path=/|c=3; Path=/x|d=4; Path=/x/y|b=5; Path=/x")],
        &[
            ("shop.test/", "b=1; a=2"),
            ("shop.test/x/y/z", "d=4; c=3; b=5; b=1; a=2"),
            ("shop.test/x", "c=3; b=5; b=1; a=2"),
        ],
    );
}

#[test]
fn a_cookie_ends_with_its_age_or_its_date_and_the_age_counts() {
    check(
        &[(
            "shop.test/",
            "a=1; Max-Age=1000|b=1; Max-Age=0|c=1; Max-Age=-5|\
             d=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT|\
             e=1; Expires=Tue, 01 Jan 2999 00:00:00 GMT|\
             f=1; Max-Age=1000; Expires=Thu, 01 Jan 1970 00:00:00 GMT|\
             g=1; Max-Age=0; Expires=Tue, 01 Jan 2999 00:00:00 GMT|\
             h=1; Expires=nonsense|i=1; Max-Age=soon",
        )],
        &[("shop.test/", "a=1; e=1; f=1; h=1; i=1")],
    );
    // A new one of the same name, domain and path takes the place of the old one, or ends it.
    check(
        &[
            ("shop.test/", "a=1|b=1|c=1; Path=/x"),
            ("shop.test/", "a=2"),
            ("shop.test/", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
            ("shop.test/", "c=2; Path=/; Max-Age=0"),
        ],
        &[("shop.test/x", "c=1; a=2")],
    );
}

#[test]
fn a_secure_cookie_does_not_go_out_in_the_open() {
    check(
        &[("shop.test/", "a=1; Secure|b=2; HttpOnly|c=3; SameSite=Strict")],
        &[("shop.test/", "b=2; c=3")],
    );
    // Not even to this machine.
    check(&[("127.0.0.1/", "a=1; Secure|b=2")], &[("127.0.0.1/", "b=2")]);
}

#[test]
fn values_are_sent_back_as_they_came() {
    check(
        &[("shop.test/", "a=\"x y\"|b=x=y|c=|d=%41|e= spaced ; Path=/|f=1,2")],
        &[("shop.test/", "a=\"x y\"; b=x=y; c=; d=%41; e=spaced; f=1,2")],
    );
    check(
        &[("shop.test/", "=nameless|novalue|ok=1;;;; ;unknown; Path=/")],
        &[("shop.test/", "ok=1")],
    );
}

#[test]
fn cookies_of_a_redirect_go_along_at_once_and_each_host_keeps_its_own() {
    let server = Server::answering(|request| {
        let own = request.header("host").and_then(|host| host.rsplit(':').next());
        let port = own.unwrap_or_default();
        match request.line.split(' ').nth(1).unwrap_or_default() {
            "/login" => {
                let away = format!("location: http://other.test:{port}/hop\r\n");
                answer("302 Found", &format!("set-cookie: s=1; Path=/\r\n{away}"), "")
            }
            "/hop" => {
                let back = format!("location: http://shop.test:{port}/home\r\n");
                answer("307 X", &format!("set-cookie: o=2; Path=/\r\n{back}"), "")
            }
            _ => answer("200 OK", "set-cookie: h=3; Path=/\r\n", ""),
        }
    });
    let port: u16 = server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("one");
    let recorded = on_shard(move |shard| async move {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let resolve = ["shop.test", "other.test"].map(|name| (name.to_owned(), port, here)).into();
        let options = SessionOptions { resolve, ..options() };
        let url = format!("http://shop.test:{port}");
        let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
        let response = client.get("/login").cookie("own", "x").await;
        let set: Vec<_> = response.history()[0].cookies().collect();
        assert_eq!(set, [("s", "1")]);
        assert!(response.cookies().eq([("h", "3")]));
        client.get("/later").await;
        client.get(format!("http://other.test:{port}/later")).name("other").await;
    });
    recorded.check(&["GET /login 1/0", "GET /later 1/0", "GET other 1/0"], &[]);
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|seen| seen.header("cookie")).collect();
    // The request's own stay with the host that they were meant for, and do not come back.
    let expected = [Some("own=x"), None, Some("s=1"), Some("s=1; h=3"), Some("o=2")];
    assert_eq!(sent, expected);
}
