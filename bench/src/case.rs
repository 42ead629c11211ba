//! The cases: what every generator is asked to do, once per round.
//!
//! One table, in the order in which it is reported. A case says what is on the wire and nothing
//! about how a peer is told so: that is each peer's file.

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) work: Work,
    pub(crate) connections: u32,
    /// Each request opens a connection of its own and closes it.
    pub(crate) new_connections: bool,
    pub(crate) tls: bool,
    /// HTTP/2: over TLS as agreed upon there, over plain TCP without asking (h2c).
    pub(crate) http2: bool,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A GET, answered with a body of this many bytes.
    Get { path: &'static str, body_bytes: u64 },
    /// A POST that carries a body of this many bytes.
    Post { path: &'static str, body_bytes: usize },
    /// GETs of so many paths in turn at random, each with a name of its own in the statistics.
    Names { n: u32 },
    /// Users with a cookie, names and two weighted tasks; for who has no users, a GET of `/`.
    HttpUser,
    /// The users of `bench/peers/README.md`: a login, then weighted tasks.
    Scenario,
}

const SMALL: Work = Work::Get { path: "/", body_bytes: 5 };

const fn case(name: &'static str, about: &'static str, work: Work) -> Case {
    Case { name, about, work, connections: 64, new_connections: false, tls: false, http2: false }
}

/// Every case, in report order.
pub(crate) const CASES: [Case; 16] = [
    case("small", "GET, 5-byte body, 64 connections", SMALL),
    Case { connections: 1, ..case("conns-1", "GET, 5-byte body, 1 connection", SMALL) },
    Case { connections: 1_000, ..case("conns-1000", "GET, 5-byte body, 1,000 connections", SMALL) },
    Case {
        connections: 10_000,
        ..case("conns-10000", "GET, 5-byte body, 10,000 connections", SMALL)
    },
    case(
        "1k",
        "GET, 1 KiB body, 64 connections",
        Work::Get { path: "/bytes/1024", body_bytes: 1 << 10 },
    ),
    case(
        "64k",
        "GET, 64 KiB body, 64 connections",
        Work::Get { path: "/bytes/65536", body_bytes: 64 << 10 },
    ),
    case(
        "1m",
        "GET, 1 MiB body, 64 connections",
        Work::Get { path: "/bytes/1048576", body_bytes: 1 << 20 },
    ),
    case("post", "POST with 1 KiB, 64 connections", Work::Post { path: "/", body_bytes: 1 << 10 }),
    Case {
        new_connections: true,
        ..case("close", "GET, 5-byte body, a new connection per request, 64 at a time", SMALL)
    },
    Case { tls: true, ..case("tls", "GET, 5-byte body, TLS, 64 kept connections", SMALL) },
    Case { http2: true, ..case("h2c", "GET, 5-byte body, HTTP/2, 64 connections", SMALL) },
    Case {
        http2: true,
        tls: true,
        ..case("h2-tls", "GET, 5-byte body, HTTP/2 over TLS, 64 kept connections", SMALL)
    },
    case("names-1", "GET, one path with one name, 64 connections", Work::Names { n: 1 }),
    case("names-500", "GET, 500 paths with a name each, 64 connections", Work::Names { n: 500 }),
    case(
        "http-user",
        "users with a cookie, names and two weighted tasks; 5-byte body, 64 users",
        Work::HttpUser,
    ),
    case(
        "scenario",
        "login, weighted tasks, cookies, names, checked answers, 64 users",
        Work::Scenario,
    ),
];

/// What `--quick` runs.
pub(crate) const QUICK: [&str; 3] = ["small", "tls", "post"];

impl Case {
    /// The path of a case that has one address; a scenario has several.
    pub(crate) fn path(&self) -> &'static str {
        match self.work {
            Work::Get { path, .. } | Work::Post { path, .. } => path,
            Work::HttpUser => "/",
            Work::Names { .. } => "/item/1",
            Work::Scenario => "",
        }
    }

    /// Whether its requests are those of a program's users, and not of `hatchery URL`.
    pub(crate) fn has_users(&self) -> bool {
        matches!(self.work, Work::HttpUser | Work::Scenario)
    }

    /// How many bytes of answer a served request carries, where that is worth a column.
    pub(crate) fn payload_bytes(&self) -> Option<u64> {
        match self.work {
            Work::Get { body_bytes, .. } if body_bytes >= 1 << 10 => Some(body_bytes),
            _ => None,
        }
    }

    /// How many bytes each request carries.
    pub(crate) fn post_bytes(&self) -> Option<usize> {
        match self.work {
            Work::Post { body_bytes, .. } => Some(body_bytes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_quick_names_exist() {
        let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        assert!(QUICK.iter().all(|name| names.contains(name)));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CASES.len());
    }

    #[test]
    fn only_bodies_worth_a_column_have_a_byte_rate() {
        let with_bytes: Vec<_> =
            CASES.iter().filter(|c| c.payload_bytes().is_some()).map(|c| c.name).collect();
        assert_eq!(with_bytes, ["1k", "64k", "1m"]);
    }
}
