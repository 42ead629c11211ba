//! The TLS configurations of one session, each with the TLS sessions that may be resumed by it.

use super::{Route, Terms};
use crate::{error::HttpError, session::Inner, trust::Trust};
use rustls::ClientConfig;
use std::{
    cell::{OnceCell, RefCell},
    fmt,
    rc::Rc,
    sync::Arc,
};

/// Configurations that a session keeps beside its own; the oldest goes first, and with it what
/// could have been resumed.
const OTHERS_MAX: usize = 8;

/// A user resumes its own TLS sessions and not its neighbours', and none that was made with another
/// trust: the server is not verified again in one that is resumed.
#[derive(Default)]
pub(crate) struct SessionTls {
    /// The session's own, made with its first TLS connection.
    own: OnceCell<Arc<ClientConfig>>,
    /// Those of requests that have a trust of their own.
    others: OnceCell<Box<RefCell<Vec<Other>>>>,
}

type Other = (Rc<Terms>, Arc<ClientConfig>);

impl SessionTls {
    /// The configuration for a route.
    pub(crate) fn config(
        &self,
        session: &Inner,
        route: &Route,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let make =
            |trust: &Trust| session.local.tls.for_session(trust, session.options.http_version);
        if let Some((terms, trust)) = route.terms.as_ref().and_then(|it| Some((it, it.trust()?))) {
            return self.other(terms, trust, make);
        }
        if let Some(config) = self.own.get() {
            return Ok(Arc::clone(config));
        }
        let config = make(&Trust::of(&session.options))?;
        Ok(Arc::clone(self.own.get_or_init(|| config)))
    }

    /// The configuration for a trust that is not the session's, by whatever proxy.
    fn other(
        &self,
        terms: &Rc<Terms>,
        trust: &Trust,
        make: impl FnOnce(&Trust) -> Result<Arc<ClientConfig>, HttpError>,
    ) -> Result<Arc<ClientConfig>, HttpError> {
        let mut others = self.others.get_or_init(Box::default).borrow_mut();
        if let Some((_, config)) = others.iter().find(|(known, _)| known.trust() == Some(trust)) {
            return Ok(Arc::clone(config));
        }
        let config = make(trust)?;
        if others.len() >= OTHERS_MAX {
            others.remove(0);
        }
        others.push((Rc::clone(terms), Arc::clone(&config)));
        Ok(config)
    }
}

impl fmt::Debug for SessionTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTls").finish_non_exhaustive()
    }
}
