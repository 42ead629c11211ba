//! Both ends of a request body that is made while it is sent: a server that reads it, and a stream
//! that takes its time.

use crate::harness::{Server, read_head};
use futures_core::Stream;
use hatchery_core::{shard::Shard, timer::Sleep};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

/// A request with its body, however that is framed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) connection: usize,
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) chunks: Vec<Vec<u8>>,
}

impl Upload {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

/// Reads a body; `None` if it breaks off.
pub(crate) fn read_body(
    headers: &[(String, String)],
    reader: &mut BufReader<TcpStream>,
) -> Option<Vec<Vec<u8>>> {
    let get = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    if get("transfer-encoding").is_none() {
        let mut body = vec![0; get("content-length").map_or(0, |text| text.parse().expect("one"))];
        reader.read_exact(&mut body).ok()?;
        return Some(vec![body]);
    }
    let mut chunks = vec![];
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
        let n = usize::from_str_radix(line.trim_end(), 16).expect("a length");
        let mut chunk = vec![0; n + 2];
        reader.read_exact(&mut chunk).ok()?;
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(n);
        if n == 0 {
            return Some(chunks);
        }
        chunks.push(chunk);
    }
}

/// A server that reads uploads whole and answers them by `reply`.
pub(crate) fn server(
    reply: impl Fn(&Upload) -> Vec<u8> + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Upload>>>) {
    let log = Arc::<Mutex<Vec<Upload>>>::default();
    let seen = Arc::clone(&log);
    let server = Server::raw(move |connection, stream| {
        let mut reader = BufReader::new(stream);
        while let Some((line, headers)) = read_head(&mut reader) {
            let Some(chunks) = read_body(&headers, &mut reader) else { return };
            let upload = Upload { connection, line, headers, chunks };
            log.lock().expect("no panic").push(upload.clone());
            if reader.get_mut().write_all(&reply(&upload)).is_err() {
                return;
            }
        }
    });
    (server.url, seen)
}

/// Pieces with some time between them.
pub(crate) struct Ticks {
    shard: Rc<Shard>,
    sleep: Sleep,
    n_left: u32,
}

impl Ticks {
    pub(crate) fn new(shard: &Rc<Shard>, n: u32) -> Ticks {
        let sleep = shard.sleep(Duration::from_millis(5));
        Ticks { shard: Rc::clone(shard), sleep, n_left: n }
    }
}

impl Stream for Ticks {
    type Item = Result<String, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.n_left == 0 {
            return Poll::Ready(None);
        }
        ready!(Pin::new(&mut self.sleep).poll(cx));
        self.n_left -= 1;
        self.sleep = self.shard.sleep(Duration::from_millis(5));
        Poll::Ready(Some(Ok(format!("tick {}\n", self.n_left))))
    }
}
