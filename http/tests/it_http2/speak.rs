//! A scripted server's HTTP/2 over TLS, for tests that other paths have, too.

use crate::{
    frames::{END_HEADERS, END_STREAM, HEADERS, Peer},
    trust::{Said, Tls},
};

/// Says the same to each request.
pub(crate) fn speak(stream: Tls, said: &Said) {
    let Some(mut peer) = Peer::start(stream, &[]) else { return };
    while let Some(stream) = peer.next_request() {
        match said {
            Said::Body(body) => peer.answer(stream, body.as_bytes()),
            Said::Location(url) => {
                // Names of HPACK's static table: `:status` and `location`.
                let text = |name: &[u8], value: &str| {
                    [name, &[value.len() as u8], value.as_bytes()].concat()
                };
                let head = [text(&[0x08], "302"), text(&[0x0f, 46 - 15], url)].concat();
                peer.send(HEADERS, END_HEADERS | END_STREAM, stream, &head);
            }
        }
    }
}
