//! Base URLs, paths, and where redirects lead: what they become can be sent as it is.

use super::local;
use crate::site::{Site, Target, quoted_url};
use std::borrow::Cow;
use url::Url;

/// Reads a base URL, and a path or a URL below it, parted by a line break.
pub fn address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (base, path) = text.split_once('\n').unwrap_or(("http://example.org", text));
    let local = local();
    let site = Site::new(&local, Some(base));
    assert_eq!(crate::check_base_url(base).is_err(), site.error().is_some());
    let Ok(target) = site.target(&local, Cow::Owned(path.to_owned()), Some("a=b")) else { return };
    check(&target);
    // As a server might say it in `Location`.
    let Ok(to) = target.url().join(&quoted_url(path)) else { return };
    if let Ok(target) = Target::of_url(&local, &to) {
        check(&target);
    }
}

fn check(target: &Target) {
    let sent = target.path();
    assert!(sent.starts_with('/'), "{sent:?}");
    let is_safe = |byte: u8| byte.is_ascii_graphic();
    assert!(sent.bytes().all(is_safe), "{sent:?} would break the request's first line");
    assert!(target.origin.host_header.as_bytes().iter().all(|&byte| is_safe(byte)));
    // What is taken as it is written is what the URL parser makes of it.
    let url: &Url = target.url();
    assert_eq!(&url[url::Position::BeforePath..], sent);
    assert!(target.text().ends_with(sent));
}
