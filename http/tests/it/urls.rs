//! How paths, URLs and parameters are written on the wire and in the statistics: as python-requests
//! has it, by which Locust names its entries.

use crate::harness::{Server, answer, on_shard, options};
use hatchery_http::{HttpError, HttpSession, SessionOptions};
use std::net::{IpAddr, Ipv4Addr};

/// Requests below a base URL that ends so, of a path with parameters, must be sent and named so.
#[track_caller]
fn check(base: &'static str, cases: &'static [(&str, &[(&str, &str)], &str)]) {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let url = server.url.clone();
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &format!("{url}{base}"));
            let client = client.expect("a URL");
            for (path, params, sent) in cases {
                // As text of the program, which is kept, and as text that was put together.
                for path in [(*path).into(), std::borrow::Cow::Owned((*path).to_owned())] {
                    let response = client.get(path.clone()).params(*params).await;
                    assert_eq!(response.url(), format!("{url}{sent}"), "{path:?}");
                }
            }
        }
    });
    let lines: Vec<_> = server.seen().into_iter().map(|seen| seen.line).collect();
    for (pair, (path, _, sent)) in lines.chunks(2).zip(cases) {
        assert_eq!(
            pair,
            [format!("GET {sent} HTTP/1.1"), format!("GET {sent} HTTP/1.1")],
            "{path:?}"
        );
    }
    let names: Vec<_> = recorded.entries.iter().map(|entry| &*entry.1).collect();
    let mut expected: Vec<&str> = vec![];
    for (_, _, sent) in cases {
        if !expected.contains(sent) {
            expected.push(sent);
        }
    }
    assert_eq!(names, expected);
}

#[test]
fn what_no_path_may_hold_is_encoded_and_the_rest_is_sent_as_it_is_written() {
    check(
        "",
        &[
            ("/plain/path.html;v=1,2?a=b&c=d", &[], "/plain/path.html;v=1,2?a=b&c=d"),
            ("/a b", &[], "/a%20b"),
            ("/a ", &[], "/a%20"),
            ("/caf\u{e9}?q=\u{fc}", &[], "/caf%C3%A9?q=%C3%BC"),
            ("/a%20b?c=%2F", &[], "/a%20b?c=%2F"),
            ("/a|b^c[d]{e}", &[], "/a%7Cb%5Ec%5Bd%5D%7Be%7D"),
            ("/?a|b^c[d]{e}`", &[], "/?a%7Cb%5Ec%5Bd%5D%7Be%7D%60"),
            ("/a\\b?c\\d", &[], "/a%5Cb?c%5Cd"),
            ("/a\"b<c>", &[], "/a%22b%3Cc%3E"),
            ("/a\tb\nc", &[], "/a%09b%0Ac"),
            ("/it's?a=1!*()", &[], "/it's?a=1!*()"),
            ("/100%", &[], "/100%25"),
            ("/?q=%zz%20", &[], "/?q=%25zz%2520"),
            ("/~user", &[], "/~user"),
            ("/a?b?c", &[], "/a?b?c"),
            ("/a/../b", &[], "/b"),
            ("/a/./b/..", &[], "/a/"),
            ("//host/x", &[], "//host/x"),
            ("/a//b", &[], "/a//b"),
            ("/a?", &[], "/a"),
            ("/a#part", &[], "/a"),
            ("/a?b#part?c", &[], "/a?b"),
            ("/?to=http://other.test/", &[], "/?to=http://other.test/"),
        ],
    );
}

/// Printed by Locust 2.47 on python-requests 2.34, as each row of this file.
#[test]
fn what_is_encoded_without_need_is_decoded_and_the_rest_has_capital_digits() {
    check(
        "",
        &[
            ("/%41%20%7e?%41=%7E", &[], "/A%20~?A=~"),
            ("/a%2Db%5Fc%2e", &[], "/a-b_c."),
            ("/%2f%2F?%2f", &[], "/%2F%2F?%2F"),
            ("/%c3%a9?%C3%a9", &[], "/%C3%A9?%C3%A9"),
            ("/\u{e9}%41", &[], "/%C3%A9A"),
            ("/%25%34%31", &[], "/%2541"),
            ("/%2541%20x", &[], "/%2541%20x"),
            ("/%41%", &[], "/%2541%25"),
            ("/%41%?%41", &[], "/%2541%25?A"),
            ("/..%2fa", &[], "/..%2Fa"),
            ("/a/../%41/b", &[], "/A/b"),
            ("/%5Ba%5D?%0a", &[], "/%5Ba%5D?%0A"),
            ("/?q=%zz", &[("a", "/ %")], "/?q=%25zz&a=%2F+%25"),
            ("/?q=%41", &[("a", "A/")], "/?q=A&a=A%2F"),
            ("/%zz?b", &[("a", "/")], "/%25zz?b&a=%2F"),
            ("/a?%2f#x", &[("a", "~")], "/a?%2F&a=~"),
        ],
    );
    check("/%61pi", &[("/x", &[], "/api/x"), ("/%61", &[], "/api/a")]);
}

#[test]
fn a_path_of_slashes_stays_one_and_its_dots_are_resolved() {
    check(
        "",
        &[
            ("///host//x", &[], "///host//x"),
            ("//host/../x", &[], "//x"),
            ("/a/..//b", &[], "//b"),
            ("//", &[], "//"),
            ("//?a", &[], "//?a"),
            ("/%2F/host", &[], "/%2F/host"),
            ("/?a=/../b", &[], "/?a=/../b"),
            ("/...", &[], "/..."),
        ],
    );
    // Locust sends "/../a", "/c/./" and "/d/../e" here: no client ought to send a path that leaves
    // it to the server where it leads, and browsers do not.
    let dots: &[(&str, &[(&str, &str)], &str)] =
        &[("/%2e%2E/a", &[], "/a"), ("/c/%2e/", &[], "/c/"), ("/d/.%2e/e", &[], "/e")];
    check("", dots);
    check("/api", &[("//host/x", &[], "/api//host/x")]);
}

#[test]
fn paths_are_appended_to_the_base_url() {
    let to_host: &[(&str, &[(&str, &str)], &str)] =
        &[("/x", &[], "/x"), ("", &[], "/"), ("?q", &[], "/?q"), ("#part", &[], "/")];
    check("", to_host);
    check("/", to_host);
    check("/", &[("x/y", &[], "/x/y"), ("a b", &[], "/a%20b")]);
    check("/api", &[("/x", &[], "/api/x"), ("?q", &[], "/api?q"), ("", &[], "/api")]);
    // One slash, where Locust would send two.
    check("/api/", &[("/x", &[], "/api/x"), ("x", &[], "/api/x"), ("", &[], "/api/")]);
    check("/a|b c/", &[("x", &[], "/a%7Cb%20c/x")]);
}

#[test]
fn parameters_are_added_to_those_that_are_there() {
    check(
        "",
        &[
            ("/a", &[("y", "2")], "/a?y=2"),
            ("/a?x=1", &[("y", "2"), ("y", "3")], "/a?x=1&y=2&y=3"),
            ("/a?x=1&", &[("y", "2")], "/a?x=1&&y=2"),
            ("/a?", &[("y", "2")], "/a?y=2"),
            ("/a#part", &[("y", "2")], "/a?y=2"),
            ("", &[("y", "2")], "/?y=2"),
            ("/a", &[], "/a"),
            ("/a", &[("k", "")], "/a?k="),
            ("/a", &[("\u{e9}", "\u{fc} ~*'()!-._")], "/a?%C3%A9=%C3%BC+~%2A%27%28%29%21-._"),
            ("/a", &[("a/b", "c/d:@?&=+,;%#")], "/a?a%2Fb=c%2Fd%3A%40%3F%26%3D%2B%2C%3B%25%23"),
            ("/a", &[("a", "\n\t")], "/a?a=%0A%09"),
        ],
    );
}

#[test]
fn absolute_urls_leave_the_base_url_aside_and_are_named_by_their_path() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let url = server.url.clone();
    let port: u16 = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("one");
    let recorded = on_shard(move |shard| {
        let url = url.clone();
        async move {
            let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let resolve =
                ["xn--caf-dma.test", "shop.test"].map(|name| (name.to_owned(), port, here)).into();
            let options = SessionOptions { resolve, ..options() };
            let client = HttpSession::with_options(&shard, "http://127.0.0.1:1/base", options);
            let client = client.expect("a URL");
            let upper = url.replace("http", "HTTP");
            client.get(format!("{upper}/a b?c|d#e")).await;
            client.get(url.clone()).await;
            client.get(format!("{url}?q")).params(&[("y", "2")]).await;
            client.get(format!("http://caf\u{e9}.test:{port}/idn")).await;
            client.get(format!("http://SHOP.test:{port}/case")).await;
            let with_password = url.replace("://", "://u%40x:p%3Aw@");
            let response = client.get(format!("{with_password}/auth")).await;
            assert_eq!(response.url(), format!("{url}/auth"));
        }
    });
    let names: Vec<_> = recorded.entries.iter().map(|entry| &*entry.1).collect();
    assert_eq!(names, ["/a%20b?c%7Cd", "/", "/?q&y=2", "/idn", "/case", "/auth"]);
    let seen = server.seen();
    let lines: Vec<_> = seen.iter().map(|seen| seen.line.split(' ').nth(1)).collect();
    assert_eq!(lines, names.iter().map(|name| Some(*name)).collect::<Vec<_>>());
    let hosts: Vec<_> = seen.iter().filter_map(|seen| seen.header("host")).collect();
    let idn = format!("xn--caf-dma.test:{port}");
    let shop = format!("shop.test:{port}");
    let here = format!("127.0.0.1:{port}");
    assert_eq!(hosts, [&*here, &here, &here, &idn, &shop, &here]);
    // "u@x:p:w"
    assert_eq!(seen[5].header("authorization"), Some("Basic dUB4OnA6dw=="));
    assert!(seen[..5].iter().all(|seen| seen.header("authorization").is_none()));
}

#[test]
fn texts_that_are_no_urls_are_errors_and_nothing_is_recorded() {
    let recorded = on_shard(|shard| async move {
        let client = HttpSession::with_base_url(&shard, "http://127.0.0.1:1").expect("a URL");
        let paths = [
            "item",
            " /a",
            "\\a",
            "mailto:x@y",
            "http:host",
            "http://",
            "http:///x",
            "http://?x",
            "http://\\host",
            "http://host:99999/",
            "http://host:port/",
            "http://[::1/",
            "http://a b/",
            "ftp://host/",
        ];
        for path in paths {
            let response = client.get(path).await;
            assert!(response.error().is_some_and(HttpError::is_invalid_url), "{path}");
            assert_eq!((response.status_code(), response.content()), (0, &b""[..]));
        }
        for base in ["host", "//host", "ftp://host", "http:///", "http://a b"] {
            assert!(HttpSession::with_base_url(&shard, base).is_err(), "{base}");
        }
    });
    recorded.check(&[], &[]);
}
