//! What a path asks for. Pure: the answers are in `answers.rs`.

use std::{fmt, str::FromStr, time::Duration};

/// The largest body of `/bytes/N`. It is streamed, so this bounds time and not memory.
pub const BYTES_MAX: u64 = 1 << 30;

/// The longest wait of `/delay/MS`: ten minutes, longer than any client's patience.
pub const DELAY_MS_MAX: u64 = 600_000;

/// The longest chain of `/redirect/N`; clients give up after 20 to 50.
pub const REDIRECTS_MAX: u32 = 1_000;

/// The last item in the shop.
pub const ITEM_MAX: u64 = 9_999;

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A route, as requests to it are counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Pattern {
            $($(#[$doc])* $name,)*
        }

        impl Pattern {
            /// All of them; a pattern's number is its place in here.
            pub const ALL: &[Pattern] = &[$(Pattern::$name),*];

            /// As it is written: `/bytes/N`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Pattern::$name => $text,)*
                }
            }
        }
    };
}

patterns! {
    /// Five bytes: `hello`.
    Hello = "/",
    /// A body of N bytes, up to [`BYTES_MAX`].
    Bytes = "/bytes/N",
    /// An answer after so many milliseconds, up to [`DELAY_MS_MAX`].
    Delay = "/delay/MS",
    /// An answer with this status, 200 to 999.
    Status = "/status/N",
    /// The request's cookies, as JSON.
    Cookies = "/cookies",
    /// Sets each `name=value` of the query and redirects to `/cookies`.
    SetCookies = "/cookies/set",
    /// N redirects (302), one after the other, to `/`.
    Redirect = "/redirect/N",
    /// The request, as JSON; a body of `application/octet-stream` comes back as it is.
    Echo = "/echo",
    /// POST with the form field `user`: sets the cookie `session`.
    Login = "/login",
    /// Something to buy, up to number [`ITEM_MAX`], as JSON.
    Item = "/item/N",
    /// POST: something was chosen. Needs the session, as the next two.
    Cart = "/cart",
    /// POST: it was paid for.
    Pay = "/pay",
    /// POST: the bill.
    Receipt = "/receipt",
    /// Everything else: 404.
    Unknown = "unknown",
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A path, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Hello,
    Bytes(u64),
    Delay(Duration),
    Status(u16),
    Cookies,
    SetCookies,
    Redirect(u32),
    Echo,
    Login,
    Item(u64),
    Cart,
    Pay,
    Receipt,
    Unknown,
    /// A known route whose number cannot be served; the text says which can.
    Bad(Pattern, &'static str),
    /// The counts. Asking for them is not counted, or they would never agree with anything.
    Served,
}

impl Route {
    /// What is counted for a request to it.
    pub(super) fn pattern(self) -> Option<Pattern> {
        Some(match self {
            Route::Hello => Pattern::Hello,
            Route::Bytes(_) => Pattern::Bytes,
            Route::Delay(_) => Pattern::Delay,
            Route::Status(_) => Pattern::Status,
            Route::Cookies => Pattern::Cookies,
            Route::SetCookies => Pattern::SetCookies,
            Route::Redirect(_) => Pattern::Redirect,
            Route::Echo => Pattern::Echo,
            Route::Login => Pattern::Login,
            Route::Item(_) => Pattern::Item,
            Route::Cart => Pattern::Cart,
            Route::Pay => Pattern::Pay,
            Route::Receipt => Pattern::Receipt,
            Route::Unknown => Pattern::Unknown,
            Route::Bad(pattern, _) => pattern,
            Route::Served => return None,
        })
    }
}

/// Reads a path.
pub(super) fn route(path: &str) -> Route {
    match path {
        "/" => return Route::Hello,
        "/cookies" => return Route::Cookies,
        "/cookies/set" => return Route::SetCookies,
        "/echo" => return Route::Echo,
        "/login" => return Route::Login,
        "/cart" => return Route::Cart,
        "/pay" => return Route::Pay,
        "/receipt" => return Route::Receipt,
        "/served" => return Route::Served,
        _ => {}
    }
    let Some((first, number)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return Route::Unknown;
    };
    match first {
        "bytes" => within(number, 0..=BYTES_MAX).map_or(
            Route::Bad(Pattern::Bytes, "a number of bytes from 0 to 1073741824"),
            Route::Bytes,
        ),
        "delay" => within(number, 0..=DELAY_MS_MAX).map_or(
            Route::Bad(Pattern::Delay, "a number of milliseconds from 0 to 600000"),
            |ms| Route::Delay(Duration::from_millis(ms)),
        ),
        "status" => within(number, 200..=999)
            .map_or(Route::Bad(Pattern::Status, "a status from 200 to 999"), Route::Status),
        "redirect" => within(number, 1..=REDIRECTS_MAX).map_or(
            Route::Bad(Pattern::Redirect, "a number of redirects from 1 to 1000"),
            Route::Redirect,
        ),
        "item" => digits(number)
            .map_or(Route::Bad(Pattern::Item, "the number of an item, 0 to 9999"), Route::Item),
        _ => Route::Unknown,
    }
}

fn within<N: FromStr + PartialOrd>(text: &str, range: std::ops::RangeInclusive<N>) -> Option<N> {
    digits(text).filter(|number| range.contains(number))
}

/// Digits only: the standard library would take a plus sign too.
fn digits<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let rows = [
            ("/", Route::Hello),
            ("/bytes/0", Route::Bytes(0)),
            ("/bytes/1073741824", Route::Bytes(1 << 30)),
            ("/delay/250", Route::Delay(Duration::from_millis(250))),
            ("/status/204", Route::Status(204)),
            ("/status/999", Route::Status(999)),
            ("/cookies", Route::Cookies),
            ("/cookies/set", Route::SetCookies),
            ("/redirect/1", Route::Redirect(1)),
            ("/echo", Route::Echo),
            ("/login", Route::Login),
            ("/item/9999", Route::Item(9999)),
            ("/item/10000", Route::Item(10_000)),
            ("/cart", Route::Cart),
            ("/pay", Route::Pay),
            ("/receipt", Route::Receipt),
            ("/served", Route::Served),
        ];
        for (path, expected) in rows {
            assert_eq!(route(path), expected, "{path}");
        }
    }

    #[test]
    fn numbers_out_of_range_belong_to_their_route() {
        let rows = [
            ("/bytes/", Pattern::Bytes),
            ("/bytes/1073741825", Pattern::Bytes),
            ("/bytes/+1", Pattern::Bytes),
            ("/bytes/-1", Pattern::Bytes),
            ("/bytes/1/2", Pattern::Bytes),
            ("/bytes/99999999999999999999999", Pattern::Bytes),
            ("/delay/600001", Pattern::Delay),
            ("/delay/1.5", Pattern::Delay),
            ("/status/101", Pattern::Status),
            ("/status/1000", Pattern::Status),
            ("/redirect/0", Pattern::Redirect),
            ("/redirect/1001", Pattern::Redirect),
            ("/item/abc", Pattern::Item),
        ];
        for (path, pattern) in rows {
            let route = route(path);
            assert!(matches!(route, Route::Bad(..)), "{path}: {route:?}");
            assert_eq!(route.pattern(), Some(pattern), "{path}");
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for path in ["", "*", "//", "/bytes", "/item", "/hello", "/echo/", "/Echo", "example:80"] {
            assert_eq!(route(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn a_pattern_stands_at_its_number() {
        for (idx, &pattern) in Pattern::ALL.iter().enumerate() {
            assert_eq!(pattern as usize, idx);
        }
    }
}
