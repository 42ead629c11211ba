//! What requests carry along to those who listen.

use crate::harness::{Server, answer, on_shard_of, with_client};
use hatchery_core::{
    events::{Events, RequestEvent},
    shard::Common,
};
use hatchery_http::HttpSession;
use std::sync::{Arc, Mutex};

#[derive(Debug)]
struct Tenant(&'static str);

#[derive(Debug)]
struct Step(u32);

/// A shard with a listener, and what it says of each request.
fn listening(
    say: impl Fn(&RequestEvent) -> String + Send + Sync + 'static,
) -> (Common, Arc<Mutex<Vec<String>>>) {
    let (say, heard) = (Arc::new(say), Arc::<Mutex<Vec<String>>>::default());
    let log = Arc::clone(&heard);
    let listen = move |events: &mut Events| {
        let (say, log) = (Arc::clone(&say), Arc::clone(&log));
        events.request.add_listener(move |request: &RequestEvent| {
            log.lock().expect("no panic").push(say(request));
        });
    };
    (Common { listeners: vec![Arc::new(listen)], ..Common::default() }, heard)
}

#[test]
fn listeners_get_what_the_session_and_the_request_carry_and_the_request_goes_first() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let (common, heard) = listening(|request| {
        let tenant = request.context.get().map(|Tenant(name)| *name);
        let step = request.context.get().map(|Step(n)| *n);
        format!("{} {tenant:?} {step:?}", request.name)
    });
    let url = server.url.clone();
    on_shard_of(common, move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("/none").await;
            client.get("/own").context(Step(1)).context(Step(2)).await;
            client.set_context(Tenant("north"));
            client.get("/session").await;
            client.get("/both").context(Step(3)).context(Tenant("south")).await;
            let mut caught = client.get("/caught").catch_response().await;
            caught.set_context(Step(4));
            drop(caught);
            client.clear_context();
            client.get("http://127.0.0.1:1/failed").context(Step(5)).await;
        }
    });
    let expected = [
        "/none None None",
        "/own None Some(2)",
        "/session Some(\"north\") None",
        "/both Some(\"south\") Some(3)",
        "/caught Some(\"north\") Some(4)",
        "/failed None Some(5)",
    ];
    assert_eq!(*heard.lock().expect("no panic"), expected);
}

#[test]
fn a_context_without_listeners_changes_nothing() {
    let server = Server::answering(|_| answer("200 OK", "", ""));
    let recorded = with_client(&server.url, |_, client| async move {
        client.set_context(Tenant("north"));
        client.get("/").context(Step(1)).await;
    });
    recorded.check(&["GET / 1/0"], &[]);
}

#[test]
fn listeners_get_the_address_that_a_request_was_sent_to_first_without_its_credentials() {
    let server = Server::answering(|request| match request.line.contains("/old") {
        true => answer("302 Found", "location: /new\r\n", ""),
        false => answer("200 OK", "", ""),
    });
    let (common, heard) = listening(|request| {
        let url = request.url.as_deref().unwrap_or("none");
        format!("{} {url}", request.name)
    });
    let url = server.url.clone();
    on_shard_of(common, move |shard| {
        let url = url.clone();
        async move {
            let client = HttpSession::with_base_url(&shard, &url).expect("a URL");
            client.get("/plain").params(&[("page", "2")]).name("/[any]").await;
            client.get("/old").await;
            client.get("http://me:secret@127.0.0.1:1/failed").await;
            let call = async { Ok::<_, std::io::Error>(()) };
            shard.measure("CALL", "own", call).await.expect("it is made well");
        }
    });
    let url = &server.url;
    let expected = [
        format!("/[any] {url}/plain?page=2"),
        format!("/old {url}/old"),
        "/failed http://127.0.0.1:1/failed".to_owned(),
        "own none".to_owned(),
    ];
    assert_eq!(*heard.lock().expect("no panic"), expected);
}
