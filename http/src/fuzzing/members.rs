//! What a scenario asks of a response: each member answers, whatever the head and the body hold.

use super::{cut, local, target};
use crate::{
    connection::Head,
    lean::read_alone,
    response::{Content, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Method};
use std::rc::Rc;

/// Makes a response of some bytes and asks for all that it has.
pub fn members(data: &[u8]) {
    let Some((whole, _)) = cut(data) else { return };
    let Ok(Some((head, bytes))) = read_alone(whole, false) else { return };
    let n_head = bytes.len();
    let Ok(mut head) = Head::of_lean(head, bytes) else { return };
    let local = local();
    let target = target(&local, "http://example.org/folder/page?q=1");
    let body = Content::Kept(Bytes::copy_from_slice(&whole[n_head..]));
    let response =
        Response::new(Rc::clone(&local), &local.verbs.of(Method::GET), &target, &mut head, body, 1);
    for link in response.links() {
        let header = response.headers().get_all("link").iter();
        let n_bytes: usize = header.map(HeaderValue::len).sum();
        assert!(link.url.len() + link.rel.len() <= n_bytes, "a link is a part of its header");
    }
    for (name, value) in response.cookies() {
        assert_eq!((name.trim(), value.trim()), (name, value));
    }
    assert!(response.text().len() <= 3 * response.content().len() + 3);
    if let Some(encoding) = response.encoding() {
        let _ = response.text_as(encoding);
    }
    assert!(!response.apparent_encoding().is_empty());
    assert!(response.next_url().is_none() || response.is_redirect());
    let _ = (response.reason(), response.is_permanent_redirect(), response.ok());
    let _ = (response.json::<serde_json::Value>(), response.raise_for_status());
    assert_eq!(response.url(), "http://example.org/folder/page?q=1");
}
