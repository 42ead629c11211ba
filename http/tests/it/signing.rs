//! Credentials that a program makes itself.

use crate::harness::{Server, answer, with_client};
use hatchery_http::{HeaderMap, HeaderName, HeaderValue, PreparedRequest};
use std::{cell::Cell, rc::Rc};

/// A signature of method, path and body.
fn sign(request: &PreparedRequest) -> HeaderMap {
    let path = request.url().rsplit('/').next().unwrap_or_default();
    let body = request.body().unwrap_or_default().escape_ascii();
    let text = format!("{} {path}:{body}", request.method());
    let value = HeaderValue::try_from(text).expect("ASCII");
    HeaderMap::from_iter([(HeaderName::from_static("x-signature"), value)])
}

#[test]
fn a_request_is_signed_by_the_program_where_redirects_lead_but_not_for_others() {
    let other = Server::answering(|_| answer("200 OK", "", "other"));
    let to = other.url.clone();
    let server = Server::answering(move |request| match &*request.line {
        "POST /a?b=c HTTP/1.1" => answer("307 Temporary Redirect", "location: /d\r\n", ""),
        "POST /d HTTP/1.1" => answer("303 See Other", "location: /e\r\n", ""),
        "GET /e HTTP/1.1" => answer("302 Found", &format!("location: {to}/f\r\n"), ""),
        _ => answer("200 OK", "", ""),
    });
    let recorded = with_client(&server.url, |_, client| async move {
        let n_signed = Rc::new(Cell::new(0));
        let counted = Rc::clone(&n_signed);
        let request = client.post("/a").params(&[("b", "c")]).body("body").keep_request();
        let request = request.auth(move |request| {
            counted.set(counted.get() + 1);
            sign(request)
        });
        let response = request.header("x-signature", "none").await;
        assert_eq!((response.text().as_ref(), n_signed.get()), ("other", 3));
        let first = response.history()[0].request().expect("kept");
        assert_eq!(first.header("x-signature"), Some("POST a?b=c:body"));
        client.get("/unsigned").await;
    });
    recorded.check(&["POST /a?b=c 1/0", "GET /unsigned 1/0"], &[]);
    let signatures: Vec<_> =
        server.seen().iter().map(|seen| seen.header("x-signature").map(String::from)).collect();
    let expected = [Some("POST a?b=c:body"), Some("POST d:body"), Some("GET e:"), None];
    assert_eq!(signatures, expected.map(|text| text.map(String::from)));
    assert_eq!(other.seen()[0].header("x-signature"), Some("none"));
}
