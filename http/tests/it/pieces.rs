//! A server whose bodies come in pieces, as a test lets them: chunks of HTTP/1.1, or frames of
//! HTTP/2.

use crate::harness::{HTTP2, Server, read_request};
use bytes::Bytes;
use h2::server;
use http::{HeaderName, HeaderValue, Response};
use std::{
    io::{BufReader, Write},
    net::TcpStream,
    sync::Arc,
    thread,
};
use tokio_io::{
    net, runtime,
    sync::mpsc,
    task::{LocalSet, spawn_local},
};

type Headers = &'static [(&'static str, &'static str)];

/// The pieces of one body. It may block until the next one is to be sent.
pub(crate) type Pieces = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// Answers each request with 200, these headers, and a body that `make` makes.
pub(crate) fn server(
    headers: Headers,
    make: impl Fn() -> Pieces + Send + Sync + 'static,
) -> Server {
    let make = Arc::new(make);
    Server::raw(move |i, stream| match HTTP2 {
        true => serve_frames(stream, headers, &make),
        false => serve_chunks(i, stream, headers, &*make),
    })
}

fn serve_chunks(i: usize, stream: TcpStream, headers: Headers, make: &dyn Fn() -> Pieces) {
    let mut reader = BufReader::new(stream);
    while read_request(i, &mut reader).is_some() {
        let stream = reader.get_mut();
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 200 OK\r\n{lines}transfer-encoding: chunked\r\n\r\n");
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        for piece in make() {
            let length = format!("{:x}\r\n", piece.len());
            if stream.write_all(&[length.as_bytes(), &piece, b"\r\n"].concat()).is_err() {
                return;
            }
        }
        if stream.write_all(b"0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn serve_frames(
    stream: TcpStream,
    headers: Headers,
    make: &Arc<impl Fn() -> Pieces + Send + Sync + 'static>,
) {
    let runtime = runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(LocalSet::new().run_until(async {
        stream.set_nonblocking(true).expect("a socket");
        let stream = net::TcpStream::from_std(stream).expect("a socket");
        let Ok(mut connection) = server::handshake(stream).await else { return };
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut response = Response::new(());
            for &(name, value) in headers {
                let value = HeaderValue::from_static(value);
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
            let Ok(mut frames) = respond.send_response(response, false) else { continue };
            // They are made elsewhere, as that may block.
            let (say, mut says) = mpsc::unbounded_channel();
            let make = Arc::clone(make);
            thread::spawn(move || make().try_for_each(|piece| say.send(piece)));
            spawn_local(async move {
                while let Some(piece) = says.recv().await {
                    if frames.send_data(Bytes::from(piece), false).is_err() {
                        return;
                    }
                }
                let _ = frames.send_data(Bytes::new(), true);
            });
        }
    }));
}
