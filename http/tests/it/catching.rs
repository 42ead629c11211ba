//! What is recorded of a response whose user decides.

use crate::harness::{Recorded, Server, answer, on_shard};
use hatchery_http::{CatchResponse, HttpError, HttpSession};
use std::{error::Error, io, time::Duration};

/// What is recorded of one caught GET of a path, `/500` with that status.
fn caught(path: &'static str, decide: fn(CatchResponse)) -> Recorded {
    let server = Server::answering(|request| match request.line.contains("500") {
        true => answer("500 Internal Server Error", "", "body"),
        false => answer("200 OK", "", "body"),
    });
    caught_at(server.url, path, decide)
}

fn caught_at(url: String, path: &'static str, decide: fn(CatchResponse)) -> Recorded {
    on_shard(move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            decide(client.get(path).catch_response().await);
        }
    })
}

/// A base URL at which nobody answers.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

#[test]
fn the_last_decision_wins_whichever_it_is() {
    let recorded = caught("/500", |mut response| {
        response.failure("not this");
        response.success();
    });
    recorded.check(&["GET /500 1/0"], &[]);
    let recorded = caught("/", |mut response| {
        response.success();
        response.failure("first");
        response.failure("second");
    });
    recorded.check(&["GET / 1/1"], &["second"]);
}

#[test]
fn without_a_decision_the_status_decides() {
    caught("/", drop).check(&["GET / 1/0"], &[]);
    let failure = "HTTPError: 500 Server Error: Internal Server Error for url: /500";
    caught("/500", drop).check(&["GET /500 1/1"], &[failure]);
}

#[test]
fn a_guard_that_an_error_leaves_behind_is_recorded_all_the_same() {
    fn task(response: CatchResponse) -> Result<u64, Box<dyn Error>> {
        let held = response;
        Ok(held.text().parse()?)
    }
    let recorded = caught("/", |response| assert!(task(response).is_err()));
    recorded.check(&["GET / 1/0"], &[]);
}

#[test]
fn a_failure_is_a_text_or_an_error() {
    let recorded = caught("/", |mut response| response.failure(String::from("a text")));
    recorded.check(&["GET / 1/1"], &["a text"]);
    let recorded = caught("/", |mut response| {
        let error = response.json::<u64>().expect_err("no JSON");
        response.failure(error);
    });
    let [(text, 1)] = &*recorded.errors else { panic!("{recorded:?}") };
    assert!(text.contains("expected value at line 1 column 1"), "{text}");
    let recorded = caught("/", |mut response| {
        let error = response.text().parse::<u64>().expect_err("no number");
        response.failure(&error as &dyn Error);
    });
    recorded.check(&["GET / 1/1"], &["invalid digit found in string"]);
    let recorded = caught("/", |mut response| {
        let error: Box<dyn Error> = "by value".into();
        response.failure(error);
    });
    recorded.check(&["GET / 1/1"], &["by value"]);
    let recorded = caught("/", |mut response| {
        let error: Box<dyn Error + Send + Sync> = io::Error::other("of another thread").into();
        response.failure(error);
    });
    let [(text, 1)] = &*recorded.errors else { panic!("{recorded:?}") };
    assert!(text.contains("of another thread"), "{text}");
}

#[test]
fn name_time_and_length_are_edited_before_they_are_recorded() {
    let recorded = caught("/500", |mut response| {
        assert_eq!(response.name(), "/500");
        assert_eq!(response.response_length(), 4);
        response.set_name("edited");
        response.set_response_time(Duration::from_secs(3));
        response.set_response_length(9);
        assert_eq!(response.name(), "edited");
        assert_eq!(response.response_time(), Duration::from_secs(3));
        assert_eq!(response.response_length(), 9);
    });
    // The name is that of the error, too.
    let failure = "HTTPError: 500 Server Error: Internal Server Error for url: edited";
    recorded.check(&["GET edited 1/1"], &[failure]);
    assert_eq!(recorded.entries[0].4, 9);
    let total = &recorded.snapshot.entry("GET", "edited").expect("recorded").total;
    assert_eq!((total.latency_ns_min, total.latency_ns_sum), (3_000_000_000, 3_000_000_000));
}

#[test]
fn a_request_without_an_answer_can_be_tested_for_and_made_a_success() {
    let recorded = caught_at(nobody(), "/", |mut response| {
        assert_eq!((response.status_code(), response.content()), (0, &b""[..]));
        assert!(!response.ok() && response.raise_for_status().is_err());
        assert!(response.error().is_some_and(HttpError::is_connect));
        response.success();
    });
    recorded.check(&["GET / 1/0"], &[]);
    let recorded = caught_at(nobody(), "/", drop);
    assert_eq!(recorded.entries[0].3, 1);
}

#[test]
fn a_request_that_was_never_sent_is_not_recorded_whatever_is_decided() {
    caught("no-path", |mut response| {
        assert!(response.error().is_some_and(HttpError::is_invalid_url));
        response.failure("not recorded");
    })
    .check(&[], &[]);
}
