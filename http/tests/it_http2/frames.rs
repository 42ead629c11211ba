//! A server that speaks HTTP/2 frame by frame, as a test says.

use crate::harness::Server;
use std::{
    future::{Future, poll_fn},
    io::{Read, Write},
    pin::Pin,
    task::Poll,
};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// `:status: 200`, from HPACK's static table.
pub(crate) const OK: &[u8] = &[0x88];

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame as it was received.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The first four bytes: why a stream was reset.
    pub(crate) fn code(&self) -> u32 {
        u32::from_be_bytes(self.payload[..4].try_into().expect("four bytes"))
    }
}

/// TCP, or TLS over it.
pub(crate) trait Carrier: Read + Write {}

impl<T: Read + Write> Carrier for T {}

/// The server's end of a connection.
pub(crate) struct Peer(Box<dyn Carrier>);

impl Peer {
    /// Sends these settings, and takes the client's preface.
    pub(crate) fn start(
        mut stream: impl Carrier + 'static,
        settings: &[(u16, u32)],
    ) -> Option<Peer> {
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).ok()?;
        assert_eq!(preface, PREFACE);
        let mut peer = Peer(Box::new(stream));
        let one =
            |&(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        peer.send(SETTINGS, 0, 0, &settings.iter().flat_map(one).collect::<Vec<_>>());
        Some(peer)
    }

    /// Sends a frame, if the client still listens.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = (payload.len() as u32).to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.say(&[&head, payload].concat())
    }

    /// The next frame that is no SETTINGS, WINDOW_UPDATE or PRIORITY.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).ok()?;
            let stream = u32::from_be_bytes(head[5..].try_into().expect("four bytes"));
            let frame = Frame { kind: head[3], flags: head[4], stream, payload };
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => drop(self.send(SETTINGS, ACK, 0, &[])),
                2 | 4 | 8 => {}
                _ => return Some(frame),
            }
        }
    }

    /// The stream of the next request; `None` at the connection's end.
    pub(crate) fn next_request(&mut self) -> Option<u32> {
        loop {
            let frame = self.next()?;
            match frame.kind {
                HEADERS => return Some(frame.stream),
                GOAWAY => return None,
                _ => {}
            }
        }
    }

    /// Answers with 200 and a body.
    pub(crate) fn answer(&mut self, stream: u32, body: &[u8]) {
        self.send(HEADERS, END_HEADERS, stream, OK);
        self.send(DATA, END_STREAM, stream, body);
    }

    pub(crate) fn reset(&mut self, stream: u32, code: u32) {
        self.send(RST_STREAM, 0, stream, &code.to_be_bytes());
    }

    pub(crate) fn go_away(&mut self, last_stream: u32, code: u32) {
        self.send(GOAWAY, 0, 0, &[last_stream.to_be_bytes(), code.to_be_bytes()].concat());
    }

    /// Sends bytes as they are.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).is_ok()
    }
}

/// A server whose connections are each served so, with these settings.
pub(crate) fn server(
    settings: &'static [(u16, u32)],
    serve: impl Fn(usize, &mut Peer) + Send + Sync + 'static,
) -> Server {
    Server::raw(move |i, stream| {
        if let Some(mut peer) = Peer::start(stream, settings) {
            serve(i, &mut peer);
        }
    })
}

/// Runs futures in one task, as a user does that has several requests under way.
pub(crate) async fn join<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Result<Pin<Box<F>>, Option<F::Output>>> =
        futures.into_iter().map(|future| Ok(Box::pin(future))).collect();
    poll_fn(|cx| {
        let mut is_over = true;
        for slot in &mut running {
            if let Ok(future) = slot {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *slot = Err(Some(output)),
                    Poll::Pending => is_over = false,
                }
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|slot| slot.err().flatten()).collect()
}
