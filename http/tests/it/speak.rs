//! A scripted server's HTTP over TLS, on the paths that speak HTTP/1.1.

use crate::{
    harness::{answer, read_head},
    trust::{Said, Tls},
};
use std::io::{BufReader, Write};

/// Says the same to each request.
pub(crate) fn speak(stream: Tls, said: &Said) {
    let mut reader = BufReader::new(stream);
    while read_head(&mut reader).is_some() {
        let bytes = match said {
            Said::Body(body) => answer("200 OK", "", body),
            Said::Location(url) => answer("302 Found", &format!("location: {url}\r\n"), ""),
        };
        if reader.get_mut().write_all(&bytes).is_err() || reader.get_mut().flush().is_err() {
            return;
        }
    }
}
