//! `WWW-Authenticate`: what is answered names the challenge as it came, in a header that can be sent.

use super::{local, target};
use crate::request::{challenges, digest_answer};
use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};

/// Answers the challenge of some lines.
pub fn challenge(data: &[u8]) {
    let lines = data.split(|&byte| byte == b'\n');
    let values = lines.filter_map(|line| HeaderValue::from_bytes(line).ok());
    let headers: HeaderMap = values.map(|value| (WWW_AUTHENTICATE, value)).collect();
    let local = local();
    let target = target(&local, "http://www.example.org/folder/page?q=1");
    let texts = headers.values().filter_map(|value| value.to_str().ok());
    let asked: Vec<_> = texts.flat_map(|text| challenges(text, "digest")).collect();
    let Some(answer) = digest_answer(&headers, target) else { return };
    let text = answer.to_str().expect("it is of ASCII, as the challenge was");
    let [answered] = &challenges(text, "digest")[..] else { panic!("not one answer: {text}") };
    let of = |parameters: &[(String, String)], name: &str| {
        parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let is_answer_to = |asked: &Vec<(String, String)>| {
        let is_same = |name| of(asked, name) == of(answered, name);
        let realm = of(asked, "realm").unwrap_or_default();
        is_same("nonce")
            && is_same("opaque")
            && is_same("algorithm")
            && of(answered, "realm") == Some(realm)
            && of(answered, "qop").is_some() == of(asked, "qop").is_some()
    };
    assert!(asked.iter().any(is_answer_to), "{text} answers none of {asked:?}");
    assert_eq!(of(answered, "username").as_deref(), Some("a \"user\" \\"));
    assert_eq!(of(answered, "uri").as_deref(), Some("/folder/page?q=1"));
    let response = of(answered, "response").expect("it is what is asked for");
    assert!([32, 64, 128].contains(&response.len()), "{response}");
    assert!(response.bytes().all(|byte| byte.is_ascii_hexdigit()), "{response}");
}
