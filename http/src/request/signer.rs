//! Credentials that a program makes itself of what is about to be sent.

use super::{exchange::Way, follow::Hop, parts::Parts, prepared::PreparedRequest};
use crate::session::Inner;
use http::HeaderMap;
use std::{cell::RefCell, fmt, rc::Rc};

/// Makes headers of a request that is about to be sent.
pub(crate) type Sign = dyn Fn(&PreparedRequest) -> HeaderMap;

/// What signs a request, and the headers that it made for the hop under way: a hop that is sent
/// again on another connection is not signed again.
pub(crate) struct Signer {
    sign: Rc<Sign>,
    signed: RefCell<HeaderMap>,
}

impl Signer {
    pub(super) fn new(sign: impl Fn(&PreparedRequest) -> HeaderMap + 'static) -> Signer {
        Signer::of(Rc::new(sign))
    }

    /// One that signs as others of its session do.
    pub(crate) fn of(sign: Rc<Sign>) -> Signer {
        Signer { sign, signed: RefCell::default() }
    }

    /// Signs a hop, unless it leads where credentials must not go.
    pub(crate) fn sign(&self, session: &Inner, parts: &Parts, hop: &Hop) {
        self.signed.take();
        if hop.is_trusted {
            let way = Way { forwarder: None, is_last: false };
            let request = PreparedRequest::of_http1(session, parts, hop, &way);
            self.signed.replace((self.sign)(&request));
        }
    }

    /// Puts the headers that were made among the others, in the place of those of their names.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        headers.extend(self.signed.borrow().clone());
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}
