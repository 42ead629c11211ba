//! What a session gives all its requests. One that gives nothing pays for asking so, and no more.

use crate::{
    error::HttpError,
    proxies::Proxies,
    request::{
        Credentials, OwnTerms, Parts, PreparedRequest, ProxyChoice, Sign, Signer, urlencoded,
    },
    session::HttpSession,
    site::basic,
    trust::{ClientCert, Verify},
};
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use serde::Serialize;
use std::{fmt, rc::Rc};

/// The defaults of a session that has any.
#[derive(Default)]
pub(crate) struct Defaults {
    pub(crate) headers: HeaderMap,
    /// Pairs for every URL, encoded.
    params: Box<str>,
    auth: Option<Auth>,
    /// How it connects, where that was not said when it was made.
    terms: Option<Rc<OwnTerms>>,
}

/// Credentials that are not a header before there is a request.
enum Auth {
    Digest(Rc<Credentials>),
    Signed(Rc<Sign>),
}

impl HttpSession {
    /// Sends a header with every request from now on, unless a request sets its own.
    ///
    /// # Errors
    /// When name or value have characters that a header must not have.
    pub fn set_header<N, V>(&self, name: N, value: V) -> Result<(), HttpError>
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
        V: TryInto<HeaderValue, Error: fmt::Display>,
    {
        let name =
            name.try_into().map_err(|error| HttpError::invalid_part("header name", error))?;
        let value =
            value.try_into().map_err(|error| HttpError::invalid_part(name.as_str(), error))?;
        self.set_default(|defaults| {
            defaults.headers.insert(name, value);
        });
        Ok(())
    }

    /// Sends no such header any more.
    pub fn remove_header(&self, name: &str) {
        if let Some(defaults) = &mut *self.0.defaults.borrow_mut() {
            defaults.headers.remove(name);
        }
    }

    /// Appends these pairs to the URL of every request from now on, in the place of those that were
    /// set before; none at all end it. They come before the request's own
    /// [`params`](crate::RequestBuilder::params), of which those of the same name take their place.
    /// What a URL says itself stays, and redirects are not given them again. They are part of the
    /// names of entries. python-requests' `Session.params`.
    ///
    /// ```ignore
    /// self.client.set_params(&[("api_key", "s3cret"), ("lang", "en")])?;
    /// self.client.get("/items").params(&[("lang", "fr")]).await; // ?api_key=s3cret&lang=fr
    /// ```
    ///
    /// # Errors
    /// When they are no pairs of texts or numbers.
    pub fn set_params(&self, params: &(impl Serialize + ?Sized)) -> Result<(), HttpError> {
        let query = urlencoded(params).map_err(|error| HttpError::invalid_part("params", error))?;
        self.set_default(|defaults| defaults.params = query.into());
        Ok(())
    }

    /// Sends these credentials with every request from now on, by HTTP Basic authentication, unless
    /// a request has its own; redirects do not take them to other hosts. They take the place of any
    /// others of the session, and so do those of the next two; `remove_header` with `authorization`
    /// ends it, and so does [`HttpSession::clear_auth`]. Locust's `client.auth` with a pair.
    pub fn set_basic_auth(&self, user: &str, password: &str) {
        self.set_default(|defaults| {
            defaults.auth = None;
            defaults.headers.insert(AUTHORIZATION, basic(user, password));
        });
    }

    /// Answers challenges of HTTP Digest authentication for every request from now on, unless a
    /// request has credentials of its own; see
    /// [`RequestBuilder::digest_auth`](crate::RequestBuilder::digest_auth). Locust's `client.auth`
    /// with `HTTPDigestAuth`.
    pub fn set_digest_auth(&self, user: impl Into<String>, password: impl Into<String>) {
        let credentials = Credentials { user: user.into(), password: password.into() };
        self.set_auth_to(Some(Auth::Digest(Rc::new(credentials))));
    }

    /// Has every request from now on signed by the program, unless a request has credentials of its
    /// own; see [`RequestBuilder::auth`](crate::RequestBuilder::auth). `sign` lives as long as the
    /// session, and the session as long as any clone of it that `sign` holds: for ever. Locust's
    /// `client.auth` with a callable.
    pub fn set_auth(&self, sign: impl Fn(&PreparedRequest) -> HeaderMap + 'static) {
        self.set_auth_to(Some(Auth::Signed(Rc::new(sign))));
    }

    /// Sends no credentials of the session any more; those of its base URL are sent again.
    pub fn clear_auth(&self) {
        self.set_auth_to(None);
    }

    fn set_auth_to(&self, auth: Option<Auth>) {
        self.set_default(|defaults| {
            defaults.auth = auth;
            defaults.headers.remove(AUTHORIZATION);
        });
    }

    /// Sends requests from now on through these proxies, in the place of those of the session's
    /// options, unless a request says otherwise; see
    /// [`RequestBuilder::proxy`](crate::RequestBuilder::proxy). Locust's `client.proxies`.
    pub fn set_proxies(&self, proxies: Proxies) {
        self.set_terms(|terms| terms.proxy = Some(ProxyChoice::By(Rc::new(proxies))));
    }

    /// Whether servers' certificates are verified from now on, or by what, unless a request says
    /// otherwise; see [`RequestBuilder::verify`](crate::RequestBuilder::verify). Locust's
    /// `client.verify`. Where it is known beforehand,
    /// [`SessionOptions::verify`](crate::SessionOptions::verify) costs less.
    pub fn set_verify(&self, verify: impl Into<Verify>) {
        self.set_terms(|terms| terms.verify = Some(verify.into()));
    }

    /// Shows this client certificate from now on, unless a request has another; see
    /// [`RequestBuilder::cert`](crate::RequestBuilder::cert). Locust's `client.cert`. Where it is
    /// known beforehand, [`SessionOptions::client_cert`](crate::SessionOptions::client_cert) costs
    /// less.
    pub fn set_cert(&self, cert: impl Into<ClientCert>) {
        self.set_terms(|terms| terms.cert = Some(cert.into()));
    }

    fn set_terms(&self, set: impl FnOnce(&mut OwnTerms)) {
        self.set_default(|defaults| set(Rc::make_mut(defaults.terms.get_or_insert_default())));
    }

    fn set_default(&self, set: impl FnOnce(&mut Defaults)) {
        set(self.0.defaults.borrow_mut().get_or_insert_default());
    }
}

impl Defaults {
    /// Adds to a request what it does not say itself. Headers are added when they are written.
    #[cold]
    pub(crate) fn complete(&self, parts: Option<Box<Parts>>) -> Option<Box<Parts>> {
        if self.params.is_empty() && self.auth.is_none() && self.terms.is_none() {
            return parts;
        }
        let mut parts = parts.unwrap_or_default();
        if !self.params.is_empty() {
            parts.query = merged(&self.params, &parts.query);
        }
        if let Some(terms) = &self.terms {
            parts.terms = Some(OwnTerms::over(parts.terms.take(), terms));
        }
        match &self.auth {
            Some(auth) if !parts.has_credentials() => match auth {
                Auth::Digest(credentials) => parts.digest = Some(Rc::clone(credentials)),
                Auth::Signed(sign) => parts.signer = Some(Box::new(Signer::of(Rc::clone(sign)))),
            },
            _ => {}
        }
        Some(parts)
    }
}

/// The pairs of a session and of a request as one query. As in python-requests' `merge_setting`, a
/// request's stand where the session has a pair of their name, and the others at the end.
fn merged(session: &str, own: &str) -> String {
    if own.is_empty() {
        return session.to_owned();
    }
    fn name(pair: &str) -> &str {
        pair.split('=').next().unwrap_or_default()
    }
    let mut pairs: Vec<&str> = vec![];
    for pair in session.split('&') {
        let mut own = own.split('&').filter(|own| name(own) == name(pair)).peekable();
        if own.peek().is_none() {
            pairs.push(pair);
        } else if !pairs.iter().any(|known| name(known) == name(pair)) {
            pairs.extend(own);
        }
    }
    let is_new = |own: &&str| !session.split('&').any(|pair| name(pair) == name(own));
    pairs.extend(own.split('&').filter(is_new));
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As python-requests 2.34 has it, of dictionaries; a name that occurs twice is a list there.
    #[test]
    fn a_request_s_parameters_take_the_places_of_the_session_s() {
        for (session, own, expected) in [
            ("a=1&b=2", "", "a=1&b=2"),
            ("a=1&b=2", "c=3", "a=1&b=2&c=3"),
            ("a=1&b=2", "b=3&a=4", "a=4&b=3"),
            ("a=1&a=2&b=3", "a=4", "a=4&b=3"),
            ("a=1&b=2", "a=3&a=4&c=5", "a=3&a=4&b=2&c=5"),
            ("a=1&b=2", "c=3&b=", "a=1&b=&c=3"),
            ("%C3%A9=1&b+c=2", "b+c=3&%C3%A9=4", "%C3%A9=4&b+c=3"),
        ] {
            assert_eq!(merged(session, own), expected, "{session} {own}");
        }
    }
}
