//! The scripted server over HTTP/2 without TLS: h2 and tokio, in a thread per connection.

use super::Seen;
use bytes::Bytes;
use h2::{
    RecvStream,
    server::{self, SendResponse},
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use std::{future::pending, net::TcpStream};
use tokio_io::{
    net, runtime, select,
    sync::mpsc,
    task::{LocalSet, spawn_local},
};

/// Answers each request with what the bytes of an HTTP/1.1 response say, until they are none.
pub(super) fn serve(i: usize, stream: TcpStream, answer: &dyn Fn(&Seen) -> Vec<u8>) {
    let runtime = runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let tasks = LocalSet::new();
    runtime.block_on(tasks.run_until(async {
        stream.set_nonblocking(true).expect("a socket");
        let stream = net::TcpStream::from_std(stream).expect("a socket");
        let Ok(mut connection) = server::handshake(stream).await else { return };
        let (asked, mut to_answer) = mpsc::unbounded_channel();
        loop {
            select! {
                accepted = connection.accept() => {
                    let Some(Ok((request, respond))) = accepted else { return };
                    let asked = asked.clone();
                    spawn_local(async move {
                        if let Some(seen) = read(i, request).await {
                            let _ = asked.send((seen, respond));
                        }
                    });
                }
                Some((seen, respond)) = to_answer.recv() => {
                    let bytes = answer(&seen);
                    if bytes.is_empty() {
                        return;
                    }
                    spawn_local(say(seen, respond, bytes));
                }
            }
        }
    }));
}

/// The request as HTTP/1.1 would show it.
async fn read(connection: usize, request: Request<RecvStream>) -> Option<Seen> {
    let (parts, mut stream) = request.into_parts();
    let mut body = vec![];
    while let Some(piece) = stream.data().await {
        let piece = piece.ok()?;
        body.extend_from_slice(&piece);
        stream.flow_control().release_capacity(piece.len()).ok()?;
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let line = format!("{} {path} HTTP/1.1", parts.method);
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let own = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let host = parts.uri.authority().map(|host| ("host".to_owned(), host.to_string()));
    Some(Seen { connection, line, headers: host.into_iter().chain(own).collect(), body })
}

async fn say(seen: Seen, mut respond: SendResponse<Bytes>, bytes: Vec<u8>) {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(&bytes).expect("a response");
    let body = Bytes::copy_from_slice(&bytes[parsed.unwrap()..]);
    let mut response = Response::new(());
    let status = head.code.and_then(|code| StatusCode::from_u16(code).ok());
    *response.status_mut() = status.expect("a status");
    let mut length = body.len();
    for header in &*head.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).expect("a name");
        if name == http::header::CONTENT_LENGTH {
            length = std::str::from_utf8(header.value).expect("text").parse().expect("a number");
        }
        let value = HeaderValue::from_bytes(header.value).expect("a value");
        response.headers_mut().append(name, value);
    }
    let has_body = length > 0
        && status != Some(StatusCode::NOT_MODIFIED)
        && seen.line.split(' ').next() != Some(Method::HEAD.as_str());
    let Ok(mut stream) = respond.send_response(response, !has_body) else { return };
    if has_body {
        let is_whole = body.len() == length;
        let _ = stream.send_data(body, is_whole);
        if !is_whole {
            // What was promised does not come.
            pending::<()>().await;
        }
    }
}
