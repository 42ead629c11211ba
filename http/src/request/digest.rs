//! HTTP Digest authentication (RFC 7616): answering a server's challenge.

use super::{
    follow::{Followed, Hop, follow},
    parts::Parts,
};
use crate::{
    error::HttpError,
    session::Inner,
    site::{Origin, Target},
};
use hatchery_core::shard::Ticket;
use http::{HeaderMap, HeaderValue, Method, header::WWW_AUTHENTICATE};
use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};
use std::{cell::Cell, fmt::Write, rc::Rc};

/// Who asks.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// What a server wants to have answered; good for many requests.
#[derive(Debug)]
pub(crate) struct Challenge {
    origin: Rc<Origin>,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    hash: fn(&str) -> String,
    is_session: bool,
    has_qop: bool,
    n_used: Cell<u32>,
}

/// As [`follow`], for a request with credentials: a known challenge is answered at once, a new one
/// by sending the request again. Both are one request to the statistics.
pub(super) async fn follow_with(
    session: &Inner,
    parts: &mut Parts,
    credentials: Credentials,
    (method, target): (Method, Rc<Target>),
    ticket: &Ticket,
) -> Result<Followed, HttpError> {
    let answer = |challenge: &Challenge| {
        let cnonce = format!("{:016x}", session.shard.rng().u64(..));
        challenge.answer(&credentials, method.as_str(), target.path(), &cnonce)
    };
    parts.authorization = match &*session.challenge.borrow() {
        Some(known) if known.is_of(&target) => Some(answer(known)),
        _ => None,
    };
    let hop = Hop::first(method.clone(), Rc::clone(&target), parts, ticket.start_ns());
    let first = follow(session, parts, hop, ticket.stopwatch()).await?;
    if first.response.status_code() != 401 {
        return Ok(first);
    }
    let Some(challenge) = Challenge::find(first.response.headers(), &target.origin) else {
        return Ok(first);
    };
    parts.authorization = Some(answer(&challenge));
    *session.challenge.borrow_mut() = Some(Box::new(challenge));
    let hop = Hop::first(method.clone(), Rc::clone(&target), parts, first.end_ns);
    let mut second = follow(session, parts, hop, ticket.stopwatch()).await?;
    second.response.add_to_history(first.response);
    Ok(second)
}

impl Challenge {
    fn is_of(&self, target: &Target) -> bool {
        Rc::ptr_eq(&self.origin, &target.origin)
    }

    /// The first challenge that can be answered.
    fn find(headers: &HeaderMap, origin: &Rc<Origin>) -> Option<Challenge> {
        let lines = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
        lines.filter_map(|line| Challenge::parse(line, origin)).next()
    }

    fn parse(line: &str, origin: &Rc<Origin>) -> Option<Challenge> {
        let at = line.to_ascii_lowercase().find("digest ")?;
        let parameters = parameters(&line[at + "digest ".len()..]);
        let get = |name: &str| {
            parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let algorithm = get("algorithm");
        let name = algorithm.as_deref().unwrap_or("MD5").to_ascii_uppercase();
        let (name, is_session) = match name.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (&*name, false),
        };
        let hash = match name {
            "MD5" => hex::<Md5>,
            "SHA-256" => hex::<Sha256>,
            "SHA-512-256" => hex::<Sha512_256>,
            _ => return None,
        };
        let qop = get("qop");
        let has_qop = qop.is_some();
        if qop.is_some_and(|qop| !qop.split(',').any(|qop| qop.trim() == "auth")) {
            return None;
        }
        Some(Challenge {
            origin: Rc::clone(origin),
            realm: get("realm").unwrap_or_default(),
            nonce: get("nonce")?,
            opaque: get("opaque"),
            algorithm,
            hash,
            is_session,
            has_qop,
            n_used: Cell::new(0),
        })
    }

    /// Value of `Authorization` for one request.
    fn answer(
        &self,
        Credentials { user, password }: &Credentials,
        method: &str,
        path: &str,
        cnonce: &str,
    ) -> HeaderValue {
        let Challenge { realm, nonce, hash, .. } = self;
        self.n_used.set(self.n_used.get() + 1);
        let count = format!("{:08x}", self.n_used.get());
        let mut who = hash(&format!("{user}:{realm}:{password}"));
        if self.is_session {
            who = hash(&format!("{who}:{nonce}:{cnonce}"));
        }
        let what = hash(&format!("{method}:{path}"));
        let response = match self.has_qop {
            true => hash(&format!("{who}:{nonce}:{count}:{cnonce}:auth:{what}")),
            false => hash(&format!("{who}:{nonce}:{what}")),
        };
        let mut text = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{path}\", \
             response=\"{response}\"",
            quoted(user),
            quoted(realm),
            quoted(nonce),
        );
        if let Some(opaque) = &self.opaque {
            let _ = write!(text, ", opaque=\"{}\"", quoted(opaque));
        }
        if let Some(algorithm) = &self.algorithm {
            let _ = write!(text, ", algorithm={algorithm}");
        }
        if self.has_qop {
            let _ = write!(text, ", qop=auth, nc={count}, cnonce=\"{cnonce}\"");
        }
        // Control characters in a user's name cannot be sent, and are the server's to refuse.
        let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Digest"));
        value.set_sensitive(true);
        value
    }
}

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// `name=value` and `name="quoted, value"`, separated by commas; names in lower case.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut parameters = vec![];
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        let (value, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, next) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        parameters.push((name, value));
        rest = next;
    }
    parameters
}

/// What stands before the closing quote, and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            char => value.push(char),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Rc<Origin> {
        Rc::new(Origin::of(&"http://www.example.org".parse().expect("a URL")).expect("a host"))
    }

    /// RFC 7616, section 3.9.1.
    #[track_caller]
    fn check(algorithm: &str, response: &str) {
        let line = format!(
            "Basic realm=\"x\", Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
             algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let challenge = Challenge::parse(&line, &origin()).expect("well-formed");
        let credentials =
            Credentials { user: "Mufasa".to_owned(), password: "Circle of Life".to_owned() };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let value = challenge.answer(&credentials, "GET", "/dir/index.html", cnonce);
        let value = value.to_str().expect("text");
        assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
        assert!(value.contains("nc=00000001") && value.contains("opaque=\"FQhe"), "{value}");
    }

    #[test]
    fn answers_are_those_of_the_standard() {
        check("MD5", "8ca523f5e9506fed4657c9700eebdbec");
        check("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    }

    #[test]
    fn challenges_that_cannot_be_answered_are_none() {
        for line in ["Basic realm=x", "Digest realm=\"x\"", "Digest nonce=a, algorithm=ROT13"] {
            assert!(Challenge::parse(line, &origin()).is_none(), "{line}");
        }
        assert!(Challenge::parse("Digest nonce=a, qop=\"auth-int\"", &origin()).is_none());
        assert_eq!(parameters("a=\"x\\\"y\", B=c ,d=\"open")[0].1, "x\"y");
    }
}
