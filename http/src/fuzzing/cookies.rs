//! `Set-Cookie`: bounded, sent only where they belong, and in a header that can be sent.

use super::{local, target};
use crate::cookies::Cookies;
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

/// Keeps the cookies of some lines and asks for them again.
pub fn cookies(data: &[u8]) {
    let local = local();
    let here = target(&local, "http://www.example.org/folder/page");
    let elsewhere = target(&local, "http://example.net/");
    let lines = data.split(|&byte| byte == b'\n');
    let values: Vec<_> = lines
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .map(|v| (SET_COOKIE, v))
        .collect();
    let n_bytes: usize = values.iter().map(|(_, value)| value.len()).sum();
    let headers: HeaderMap = values.into_iter().collect();
    let jar = Cookies::default();
    jar.store(&headers, &here);
    jar.store(&headers, &here);
    assert!(jar.header(&elsewhere, "").is_none(), "cookies of one site are not another's");
    let Some(sent) = jar.header(&here, "") else { return };
    // A byte that is no UTF-8 is kept as the three of U+FFFD.
    assert!(sent.len() <= 3 * n_bytes + 2 * headers.len(), "what is sent was received");
    for pair in sent.as_bytes().split(|&byte| byte == b';') {
        let Ok(pair) = std::str::from_utf8(pair) else { continue };
        if let Some((name, _)) = pair.trim().split_once('=') {
            let _ = jar.get(name);
        }
    }
}
