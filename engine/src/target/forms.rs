//! Reading cookies, queries and forms, as far as the target needs them.
//!
//! Nothing is percent-decoded: what came in goes out again, and a name or value that is unsafe in
//! a cookie is refused instead of mended.

/// The cookies of a `Cookie` header.
pub(super) fn cookies(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| !name.is_empty())
}

/// The pairs of a query, or of a form's body.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether a cookie can have this name and value (RFC 6265, section 4.1.1).
pub(super) fn fits_cookie(name: &str, value: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    !name.is_empty()
        && name.bytes().all(|byte| is_plain(byte) && !b"()<>@:/[]?={}".contains(&byte))
        && value.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read() {
        let read: Vec<_> = cookies("a=1; b=x=y;c=;  ; =no; alone").collect();
        assert_eq!(read, [("a", "1"), ("b", "x=y"), ("c", "")]);
    }

    #[test]
    fn pairs_are_read() {
        let read: Vec<_> = pairs("user=anna&b&c=1=2&").collect();
        assert_eq!(read, [("user", "anna"), ("b", ""), ("c", "1=2")]);
        assert_eq!(pairs("").count(), 0);
    }

    #[test]
    fn a_cookie_cannot_smuggle_attributes() {
        assert!(fits_cookie("session", "anna%20b"));
        for (name, value) in [("", "a"), ("a", "b; Path=/x"), ("a", "b c"), ("a(", "b"), ("a", "ü")]
        {
            assert!(!fits_cookie(name, value), "{name}={value}");
        }
    }
}
