//! HTTP Digest authentication (RFC 7616): answering a server's challenge.

use super::{
    builder::RequestBuilder,
    challenge::{Parameters, challenges},
    follow::{Followed, Hop, follow},
    parts::Parts,
    verb::Verb,
};
use crate::{
    error::HttpError,
    response::Response,
    session::Inner,
    site::{Origin, Target},
};
use hatchery_core::shard::Ticket;
#[cfg(any(test, fuzzing))]
use http::Method;
use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use md5::{Digest, Md5};
use sha2::{Sha256, Sha512, Sha512_256};
use std::{cell::Cell, fmt::Write, rc::Rc};

/// Who asks.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// What the answer vouches for beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Qop {
    /// Method and path.
    Auth,
    /// The body too.
    AuthInt,
}

/// What a server wants to have answered; good for many requests.
#[derive(Debug)]
pub(crate) struct Challenge {
    origin: Rc<Origin>,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    hash: fn(&[u8]) -> String,
    is_session: bool,
    qop: Option<Qop>,
    n_used: Cell<u32>,
}

/// Challenges answered in one request: redirects lead to others.
const ROUNDS_MAX: usize = 5;

/// As [`follow`], for a request with credentials: a known challenge is answered at once, a new one
/// by sending the request again, from where redirects have led it. All of it is one request to the
/// statistics, and to the limits of time.
pub(super) async fn follow_with(
    session: &Inner,
    parts: &mut Parts,
    credentials: Rc<Credentials>,
    (method, target): (Verb, Rc<Target>),
    ticket: &Ticket,
) -> Result<Followed, HttpError> {
    let mut hop = Hop::first(method, target, parts, ticket.start_ns());
    parts.digest = Some(credentials);
    parts.answer_known(session, &hop)?;
    let mut answered: Option<Rc<Target>> = None;
    let mut followed = follow(session, parts, hop.clone(), ticket, None).await?;
    for _ in 0..ROUNDS_MAX {
        if followed.response.status_code() != 401 {
            break;
        }
        let Some(at) = followed.response.target().cloned() else { break };
        // Whoever refuses a good answer wants another user.
        let is_refused = answered.as_ref().is_some_and(|target| target.path() == at.path());
        if is_refused || !Rc::ptr_eq(&at.origin, &hop.target.origin) {
            break;
        }
        hop.method = followed.response.verb().clone();
        hop.is_bare |= followed.response.history().iter().any(takes_body);
        hop.body = hop.body.filter(|_| !hop.is_bare);
        hop.start_ns = followed.end_ns;
        hop.target = Rc::clone(&at);
        if !parts.answer(session, followed.response.headers(), &hop)? {
            break;
        }
        answered = Some(at);
        let mut next = follow(session, parts, hop.clone(), ticket, None).await?;
        next.response.put_before(followed.response);
        followed = next;
    }
    Ok(followed)
}

impl Parts {
    /// Answers a challenge that the session knows the server to make. No other credentials are sent
    /// beside those for Digest, even while nobody asks for them.
    pub(crate) fn answer_known(&mut self, session: &Inner, hop: &Hop) -> Result<(), HttpError> {
        let Some(credentials) = &self.digest else { return Ok(()) };
        self.authorization = match &*session.challenge.borrow() {
            Some(known) if known.is_of(&hop.target) => {
                Some(known.answer(credentials, hop, self, &cnonce(session))?)
            }
            _ => None,
        };
        Ok(())
    }

    /// Answers the challenge of a refusal, and has the session know it; tells whether there is one
    /// that can be answered.
    pub(crate) fn answer(
        &mut self,
        session: &Inner,
        refusal: &HeaderMap,
        hop: &Hop,
    ) -> Result<bool, HttpError> {
        let Some(credentials) = &self.digest else { return Ok(false) };
        let Some(challenge) = Challenge::find(refusal, &hop.target.origin) else {
            return Ok(false);
        };
        self.authorization = Some(challenge.answer(credentials, hop, self, &cnonce(session))?);
        *session.challenge.borrow_mut() = Some(Box::new(challenge));
        Ok(true)
    }
}

impl<Mode> RequestBuilder<'_, Mode> {
    /// HTTP Digest authentication: answers the server's challenge by sending the request again,
    /// as part of the same sample; later requests of the session answer it at once. Neither the
    /// session's credentials nor a URL's are sent beside these. Locust's `auth` with
    /// `HTTPDigestAuth`. Of all requests of a session:
    /// [`HttpSession::set_digest_auth`](crate::HttpSession::set_digest_auth).
    pub fn digest_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let credentials = Credentials { user: user.into(), password: password.into() };
        self.parts().digest = Some(Rc::new(credentials));
        self
    }
}

fn cnonce(session: &Inner) -> String {
    format!("{:016x}", session.shard.rng().u64(..))
}

/// Whether a redirect leaves the body behind.
fn takes_body(redirect: &Response) -> bool {
    matches!(redirect.status_code(), 301..=303)
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

    /// The first one of a line that can be answered.
    fn parse(line: &str, origin: &Rc<Origin>) -> Option<Challenge> {
        let all = challenges(line, "digest");
        all.iter().find_map(|parameters| Challenge::of(parameters, origin))
    }

    fn of(parameters: &Parameters, origin: &Rc<Origin>) -> Option<Challenge> {
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
            "SHA-512" => hex::<Sha512>,
            "SHA-512-256" => hex::<Sha512_256>,
            _ => return None,
        };
        let qop = match get("qop") {
            None => None,
            Some(offered) => {
                let offers = |name| offered.split(',').any(|qop| qop.trim() == name);
                Some(match () {
                    () if offers("auth") => Qop::Auth,
                    () if offers("auth-int") => Qop::AuthInt,
                    () => return None,
                })
            }
        };
        Some(Challenge {
            origin: Rc::clone(origin),
            realm: get("realm").unwrap_or_default(),
            nonce: get("nonce")?,
            opaque: get("opaque"),
            algorithm,
            hash,
            is_session,
            qop,
            n_used: Cell::new(0),
        })
    }

    /// Value of `Authorization` for one request.
    fn answer(
        &self,
        Credentials { user, password }: &Credentials,
        hop: &Hop,
        parts: &Parts,
        cnonce: &str,
    ) -> Result<HeaderValue, HttpError> {
        let Challenge { realm, nonce, .. } = self;
        let hash = |text: String| (self.hash)(text.as_bytes());
        let (method, path) = (hop.method.as_str(), hop.target.path());
        self.n_used.set(self.n_used.get() + 1);
        let count = format!("{:08x}", self.n_used.get());
        let mut who = hash(format!("{user}:{realm}:{password}"));
        if self.is_session {
            who = hash(format!("{who}:{nonce}:{cnonce}"));
        }
        let what = match self.qop {
            Some(Qop::AuthInt) if hop.stream(parts).is_some() => {
                let why = "the server wants the body vouched for (qop=auth-int), and a stream is \
                           not known before it is sent; send it whole";
                return Err(HttpError::digest(why));
            }
            Some(Qop::AuthInt) => {
                let body = (self.hash)(hop.body.as_deref().unwrap_or_default());
                hash(format!("{method}:{path}:{body}"))
            }
            _ => hash(format!("{method}:{path}")),
        };
        let qop = match self.qop {
            Some(Qop::AuthInt) => "auth-int",
            _ => "auth",
        };
        let response = match self.qop {
            Some(_) => hash(format!("{who}:{nonce}:{count}:{cnonce}:{qop}:{what}")),
            None => hash(format!("{who}:{nonce}:{what}")),
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
        if self.qop.is_some() {
            let _ = write!(text, ", qop={qop}, nc={count}, cnonce=\"{cnonce}\"");
        } else if self.is_session {
            let _ = write!(text, ", cnonce=\"{cnonce}\"");
        }
        // Control characters in a user's name cannot be sent, and are the server's to refuse.
        let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Digest"));
        value.set_sensitive(true);
        Ok(value)
    }
}

fn hex<D: Digest>(bytes: &[u8]) -> String {
    D::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The answer to the first challenge that has one, for a GET of this target.
#[cfg(any(test, fuzzing))]
pub(crate) fn answer_to(headers: &HeaderMap, target: Rc<Target>) -> Option<HeaderValue> {
    let challenge = Challenge::find(headers, &target.origin)?;
    let credentials =
        Credentials { user: "a \"user\" \\".to_owned(), password: "password".to_owned() };
    let parts = Parts::default();
    let hop = Hop::first(Verb::from(Method::GET), target, &parts, 0);
    challenge.answer(&credentials, &hop, &parts, "c0ffee").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::BodyStream;

    fn origin() -> Rc<Origin> {
        Rc::new(Origin::of(&"http://www.example.org".parse().expect("a URL")).expect("a host"))
    }

    fn hop(origin: &Rc<Origin>, path: &str, parts: &Parts) -> Hop {
        let url = format!("http://www.example.org{path}").parse().expect("a URL");
        let target = Target::below(origin, &url).expect("of that origin");
        Hop::first(Verb::from(Method::GET), Rc::new(target), parts, 0)
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
        let hop = hop(&challenge.origin, "/dir/index.html", &Parts::default());
        let value = challenge.answer(&credentials, &hop, &Parts::default(), cnonce).expect("whole");
        let value = value.to_str().expect("text");
        assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
        assert!(value.contains("nc=00000001") && value.contains("opaque=\"FQhe"), "{value}");
    }

    #[test]
    fn answers_are_those_of_the_standard() {
        check("MD5", "8ca523f5e9506fed4657c9700eebdbec");
        // Not in the standard, whose SHA-512-256 is another function; as Python's hashlib has it.
        check(
            "SHA-512",
            "27d9ebedb4e86595d8b99152ce456620c8e47c48afbd771dbc4468bb758ca66e\
               7312383d49ad044219d4a2c5c218e66c584fa00b2728798bcff9435825eed0ad",
        );
        check("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    }

    #[test]
    fn challenges_that_cannot_be_answered_are_none() {
        for line in ["Basic realm=x", "Digest realm=\"x\"", "Digest nonce=a, algorithm=ROT13"] {
            assert!(Challenge::parse(line, &origin()).is_none(), "{line}");
        }
        assert!(Challenge::parse("Digest nonce=a, qop=\"auth-conf\"", &origin()).is_none());
        // The parameters of one challenge are none of another's.
        let line =
            "Digest nonce=a, algorithm=ROT13, Digest realm=\"b\", nonce=b, algorithm=SHA-512";
        let challenge = Challenge::parse(line, &origin()).expect("the second one");
        assert_eq!((&*challenge.nonce, challenge.qop), ("b", None));
    }

    /// The number of uses goes up, and a body is vouched for if that is all the server takes.
    #[test]
    fn answers_count_up_and_vouch_for_bodies() {
        let line = "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\", algorithm=MD5-sess";
        let challenge = Challenge::parse(line, &origin()).expect("well-formed");
        let credentials = Credentials { user: "u".to_owned(), password: "p".to_owned() };
        let md5 = |text: &str| hex::<Md5>(text.as_bytes());
        let who = md5(&format!("{}:n:c", md5("u:r:p")));
        for (count, body) in [("00000001", "one"), ("00000002", "two")] {
            let parts = Parts { body: Some(body.into()), ..Parts::default() };
            let hop = hop(&challenge.origin, "/a?b", &parts);
            let value = challenge.answer(&credentials, &hop, &Parts::default(), "c");
            let what = md5(&format!("GET:/a?b:{}", md5(body)));
            let response = md5(&format!("{who}:n:{count}:c:auth-int:{what}"));
            let value = value.expect("whole");
            let value = value.to_str().expect("text");
            assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
            assert!(value.contains(&format!("qop=auth-int, nc={count}")), "{value}");
        }
        let stream = BodyStream::pieces(["x"]);
        let parts = Parts { stream: Some(stream), ..Parts::default() };
        let hop = hop(&challenge.origin, "/", &Parts::default());
        assert!(challenge.answer(&credentials, &hop, &parts, "c").is_err());
    }
}
