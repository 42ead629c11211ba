//! Requests on a connection that was used before, which go a shorter way while all is plain: whatever
//! comes back, it means what it means on a new connection.

use crate::harness::{Server, answer, read_request, with_client};
use hatchery_http::HttpSession;
use std::{
    future::Future,
    io::{BufReader, Write},
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

/// A response to `/odd`: what is written at once, and what a moment later.
type Pieces = &'static [&'static str];

/// Serves `/odd` with these pieces and everything else plainly; closes after the first if told to.
fn serving(pieces: Pieces, closes: bool) -> Server {
    Server::raw(move |i, stream| {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(i, &mut reader) {
            if !request.line.contains(" /odd ") {
                let path = request.line.split(' ').nth(1).unwrap_or_default();
                if reader.get_mut().write_all(&answer("200 OK", "", path)).is_err() {
                    return;
                }
                continue;
            }
            for (n, piece) in pieces.iter().enumerate() {
                if n > 0 {
                    // Long enough for what came before to be looked at by itself, most often; what
                    // is tested holds either way.
                    thread::sleep(Duration::from_millis(20));
                }
                if reader.get_mut().write_all(piece.as_bytes()).is_err() {
                    return;
                }
            }
            if closes {
                return;
            }
        }
    })
}

/// Asks for `/odd` on a new connection, then twice on one that was used before, and has each answer
/// be this status and text.
#[track_caller]
fn alike(pieces: Pieces, closes: bool, status: u16, text: &'static str) {
    let server = serving(pieces, closes);
    let recorded = with_client(&server.url, move |_, client| async move {
        let odd = async || {
            let response = client.get("/odd").name("odd").await;
            assert_eq!(response.error().map(ToString::to_string), None, "{pieces:?}");
            assert_eq!((response.status_code(), &*response.text()), (status, text), "{pieces:?}");
        };
        odd().await;
        for _ in 0..2 {
            assert_eq!(client.get("/plain").name("plain").await.text(), "/plain");
            odd().await;
        }
    });
    let n_failed = if status >= 400 { 3 } else { 0 };
    let bytes: Vec<_> = recorded.entries.iter().map(|entry| (entry.2, entry.3)).collect();
    assert_eq!(bytes, [(3, n_failed), (2, 0)], "{recorded:?}");
}

#[test]
fn answers_in_one_piece_mean_what_they_mean_on_a_new_connection() {
    alike(&["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"], false, 200, "abc");
    alike(&["HTTP/1.1 204 No Content\r\n\r\n"], false, 204, "");
    alike(&["HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno"], false, 404, "no");
    alike(&["HTTP/1.1 200 Fine\r\ncontent-length: 3\r\n\r\nabc"], false, 200, "abc");
    alike(&["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], false, 200, "");
    const CHUNKED: Pieces =
        &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"];
    alike(CHUNKED, false, 200, "abc");
    const EARLY: Pieces = &["HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
                 HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"];
    alike(EARLY, false, 200, "abc");
}

#[test]
fn answers_in_pieces_mean_what_they_mean_in_one() {
    alike(&["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", "abc"], false, 200, "abc");
    alike(&["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 3\r\n\r\nabc"], false, 200, "abc");
    alike(&["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na", "b", "c"], false, 200, "abc");
    alike(&["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", "a", "bc"], false, 200, "abc");
    alike(&["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"], false, 204, "");
}

#[test]
fn answers_that_end_their_connection_are_whole_and_the_next_request_has_another() {
    const CLOSE: Pieces = &["HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc"];
    alike(CLOSE, true, 200, "abc");
    alike(&["HTTP/1.1 200 OK\r\n\r\nab", "c"], true, 200, "abc");
    alike(&["HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc"], true, 200, "abc");
}

#[test]
fn a_redirect_is_followed_from_a_kept_connection_too() {
    const FOUND: Pieces = &["HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n"];
    alike(FOUND, false, 200, "/next");
}

#[test]
fn a_cookie_that_comes_on_a_kept_connection_is_kept() {
    let answers = &["HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"];
    let server = serving(answers, false);
    with_client(&server.url, |_, client| async move {
        client.get("/plain").await;
        assert_eq!(client.cookie("a"), None);
        client.get("/odd").await;
        assert_eq!(client.cookie("a").as_deref(), Some("b"));
    });
}

#[test]
fn the_answer_to_a_head_request_has_no_body_on_a_kept_connection_either() {
    let server = Server::answering(|request| match request.line.starts_with("HEAD ") {
        true => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n".into(),
        false => answer("200 OK", "", "abc"),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..3 {
            assert_eq!(client.head("/").await.header("content-length"), Some("3"));
            assert_eq!(client.get("/").await.text(), "abc");
        }
    });
    recorded.check(&["HEAD / 3/0", "GET / 3/0"], &[]);
    assert!(server.seen().iter().all(|seen| seen.connection == 0));
}

#[test]
fn more_than_one_answer_is_a_failure_on_a_kept_connection_too() {
    let answers = &[
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb",
    ];
    let server = serving(answers, false);
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/plain").await.text(), "/plain");
        assert!(client.get("/odd").await.error().is_some());
        assert_eq!(client.get("/plain").await.text(), "/plain");
    });
    assert_eq!((recorded.errors.len(), recorded.errors[0].1), (1, 1), "{recorded:?}");
}

/// A response to `/odd`, on a connection that was used before, that must be one failure.
#[track_caller]
fn fails(pieces: Pieces, failure: &str) {
    let server = serving(pieces, true);
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/plain").await.text(), "/plain");
        assert!(client.get("/odd").await.error().is_some());
        assert_eq!(client.get("/plain").await.text(), "/plain");
    });
    recorded.check(&["GET /plain 2/0", "GET /odd 1/1"], &[failure]);
}

#[test]
fn a_body_that_does_not_come_whole_after_its_head_is_a_failure() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
    let cut = "IncompleteBody: connection closed in the middle of the body";
    fails(&[HEAD], cut);
    fails(&[HEAD, "ab"], cut);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_replaced_unseen() {
    // Answers one request per connection, and says nothing of closing it.
    let server = Server::raw(|i, stream| {
        let mut reader = BufReader::new(stream);
        if read_request(i, &mut reader).is_some() {
            let _ = reader.get_mut().write_all(&answer("200 OK", "", "fine"));
            // The next request is on its way when the connection ends.
            let _ = read_request(i, &mut reader);
        }
    });
    let recorded = with_client(&server.url, |_, client| async move {
        for _ in 0..5 {
            assert_eq!(client.get("/").await.text(), "fine");
        }
    });
    recorded.check(&["GET / 5/0"], &[]);
}

/// Polls a request once, so that it is sent, and drops it.
fn send_and_drop(client: &HttpSession) {
    let request = pin!(async { client.get("/plain").await });
    assert!(matches!(request.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
}

#[test]
fn a_request_that_is_given_up_is_counted_as_such_and_its_answer_is_nobodys() {
    let server = Server::answering(|request| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        answer("200 OK", "", path)
    });
    let recorded = with_client(&server.url, |_, client| async move {
        assert_eq!(client.get("/plain").await.text(), "/plain");
        send_and_drop(&client);
        assert_eq!(client.get("/other").await.text(), "/other");
    });
    recorded.check(&["GET /plain 1/0", "GET /other 1/0"], &[]);
    assert_eq!(recorded.n_abandoned, 1);
}
