//! Servers in threads of a test, which say what the test wants.

use super::{HTTP2, http2_server};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A request as a scripted server saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The number of its connection, from zero.
    pub(crate) connection: usize,
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// A server of one test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Calls `serve` with each connection and its number, in a thread of its own.
    pub(crate) fn raw(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Server {
        Server::accept(TcpListener::bind("127.0.0.1:0").expect("a port"), serve)
    }

    fn accept(
        listener: TcpListener,
        serve: impl Fn(usize, TcpStream) + Send + Sync + 'static,
    ) -> Server {
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for (i, stream) in listener.incoming().flatten().enumerate() {
                let serve = Arc::clone(&serve);
                // What was written is on its way, even if the test resets the connection next.
                stream.set_nodelay(true).expect("a socket");
                thread::spawn(move || serve(i, stream));
            }
        });
        Server { url, seen: Arc::default() }
    }

    /// Answers each request with the bytes that `answer` makes of it, and keeps the connection
    /// until it answers with none.
    pub(crate) fn answering(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").expect("a port"), answer)
    }

    /// The same on a listener of the test's.
    pub(crate) fn on(
        listener: TcpListener,
        answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let log = Arc::clone(&seen);
        let server = Server::accept(listener, move |i, stream| {
            if HTTP2 {
                return http2_server::serve(i, stream, &|request| {
                    log.lock().expect("no panic").push(request.clone());
                    answer(request)
                });
            }
            let mut reader = BufReader::new(stream);
            while let Some(request) = read_request(i, &mut reader) {
                log.lock().expect("no panic").push(request.clone());
                let bytes = answer(&request);
                if bytes.is_empty() || reader.get_mut().write_all(&bytes).is_err() {
                    return;
                }
            }
        });
        Server { url: server.url, seen }
    }

    /// The requests seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

/// Reads one request; `None` at the end of the connection.
pub(crate) fn read_request(connection: usize, reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let (line, headers) = read_head(reader)?;
    let mut seen = Seen { connection, line, headers, body: vec![] };
    let length = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// Reads a request's first line and its headers, their names in lower case.
pub(crate) fn read_head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut next_line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = next_line()?;
    let mut headers = vec![];
    while let Some((name, value)) = next_line()?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some((first, headers))
}

/// A response with these headers, each ended by a line break, and this body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}
