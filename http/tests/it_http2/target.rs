//! hatchery's own server: HTTP/2 for those that begin with it, HTTP/1.1 for the others.

use crate::{
    frames::join,
    harness::{on_shard, options},
};
use hatchery_core::ring::{Listener, listen};
use hatchery_http::{
    HttpSession, HttpVersion, SessionOptions,
    server::{ContentType, Request, StatusCode, serve},
};
use std::{
    future::IntoFuture,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

#[test]
fn the_embedded_server_speaks_both_on_one_port() {
    let recorded = on_shard(|shard| async move {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::from(listen(any).expect("a port"));
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let listener = Listener::from_fd(shard.ring(), listener.into());
        serve(&shard, listener, |mut request: Request| async move {
            let length = request.body().await.map_or(0, |body| body.len());
            if request.path() == "/panic" {
                panic!("on purpose");
            }
            let text = format!("{} {} {length}", request.method(), request.path());
            let answer = request.answer(StatusCode::OK);
            match text.starts_with("GET /large") {
                true => answer.repeated(ContentType::Octets, &[b'x'; 4096], 3_000_000),
                false => answer.body(ContentType::Text, text),
            }
        });
        for http_version in [HttpVersion::Http2PriorKnowledge, HttpVersion::Http1] {
            let options = SessionOptions { http_version, ..options() };
            let client = HttpSession::with_options(&shard, &url, options).expect("a URL");
            for response in join((0..20).map(|_| client.get("/a").into_future())).await {
                assert_eq!(response.text(), "GET /a 0");
                assert_eq!(response.header("content-length"), Some("8"));
            }
            assert_eq!(client.post("/b").body(vec![b'y'; 200_000]).await.text(), "POST /b 200000");
            assert_eq!(client.get("/large").await.content().len(), 3_000_000);
            assert_eq!(client.get("/panic").await.status_code(), 500);
            let head = client.head("/c").await;
            assert_eq!(head.header("content-length"), Some("9"), "{head:?}");
        }
    });
    let failure = "HTTPError: 500 Server Error: Internal Server Error for url: /panic";
    let entries = ["GET /a 40/0", "POST /b 2/0", "GET /large 2/0", "GET /panic 2/2", "HEAD /c 2/0"];
    recorded.check(&entries, &[failure]);
}
