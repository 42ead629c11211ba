//! A session's HTTP/2 connections: one to each origin.

use super::{
    multiplexed::Multiplexed,
    opening::{Agreed, Opening},
    stream::Http2Stream,
};
use crate::{
    connection::{
        Connection, Lease, Route,
        open::{over, transport},
        transport::Transport,
    },
    error::HttpError,
    options::{HttpVersion, SessionOptions},
    session::Inner,
};
use hatchery_core::shard::Stopwatch;
use std::{cell::RefCell, rc::Rc};

/// Origins of which a session knows a connection, as many as it keeps idle ones over HTTP/1.1. The
/// oldest goes first; requests under way on it are not disturbed.
const ORIGINS_MAX: usize = 10;

/// What a session knows of its origins.
#[derive(Debug)]
pub(crate) struct Http2Connections {
    version: HttpVersion,
    /// Requests that a connection serves; 0 is no limit.
    requests_max: u32,
    places: RefCell<Vec<(Route, Place)>>,
}

#[derive(Clone, Debug)]
enum Place {
    /// One request is connecting.
    Opening(Rc<Opening>),
    Open(Rc<Multiplexed>),
    /// The server does not speak HTTP/2.
    Declined,
}

impl Http2Connections {
    /// `None` for sessions that speak HTTP/1.1 alone.
    pub(crate) fn new(options: &SessionOptions) -> Option<Rc<Http2Connections>> {
        let SessionOptions { http_version: version, requests_per_connection, .. } = *options;
        let (requests_max, places) = (requests_per_connection, RefCell::default());
        let connections = || Rc::new(Http2Connections { version, requests_max, places });
        (version != HttpVersion::Http1).then(connections)
    }

    /// Whether an origin may be spoken to by HTTP/2. Proxies are spoken to by HTTP/1.1.
    pub(crate) fn may_serve(&self, route: &Route) -> bool {
        let is_known = self.version == HttpVersion::Http2PriorKnowledge;
        (is_known || route.origin.tls.is_some()) && route.forwarder().is_none()
    }

    /// Forgets all connections; they close when their requests have ended.
    pub(crate) fn clear(&self) {
        self.places.borrow_mut().clear();
    }

    /// A stream of the route's connection, if there is one that takes it at once.
    pub(crate) fn ready(&self, route: &Route) -> Option<Lease> {
        if self.requests_max == 1 || !self.may_serve(route) {
            return None;
        }
        match self.place(route)? {
            Place::Open(shared) => Some(Lease::new(stream(shared, true), route.clone(), None)),
            Place::Opening(_) | Place::Declined => None,
        }
    }

    /// A stream of the route's connection, which is made if there is none; or a connection of its
    /// own, if it turns out that the server does not speak HTTP/2. `None` if that is known.
    pub(crate) async fn open(
        &self,
        session: &Inner,
        route: &Route,
        stopwatch: &Stopwatch,
    ) -> Result<Option<Connection>, HttpError> {
        if self.requests_max == 1 {
            let transport = transport(session, route, session.turn, stopwatch).await?;
            return match self.agree(session, route, transport).await? {
                Ok(shared) => Ok(Some(stream(shared, false))),
                Err(transport) => over(session, transport).await.map(Some),
            };
        }
        loop {
            match self.place(route) {
                Some(Place::Open(shared)) => return Ok(Some(stream(shared, true))),
                Some(Place::Declined) => return Ok(None),
                Some(Place::Opening(opening)) => match opening.wait().await {
                    Some(Ok(Agreed::Http2(shared))) if !self.is_worn(&shared) => {
                        return Ok(Some(stream(shared, false)));
                    }
                    Some(Ok(_)) | None => {}
                    Some(Err(error)) => return Err(error),
                },
                None => return self.make(session, route, stopwatch).await.map(Some),
            }
        }
    }

    /// Whether a connection has served all the requests that it may.
    fn is_worn(&self, shared: &Multiplexed) -> bool {
        self.requests_max != 0 && shared.n_streams.get() >= self.requests_max
    }

    /// Makes a connection, for this request and those that come meanwhile.
    async fn make(
        &self,
        session: &Inner,
        route: &Route,
        stopwatch: &Stopwatch,
    ) -> Result<Connection, HttpError> {
        let opening = Rc::<Opening>::default();
        self.put(route, Place::Opening(Rc::clone(&opening)));
        let making = Making { connections: self, opening };
        let made = async {
            let transport = transport(session, route, session.turn, stopwatch).await?;
            self.agree(session, route, transport).await
        };
        match made.await {
            Ok(Ok(shared)) => {
                making
                    .end(Some(Place::Open(Rc::clone(&shared))), Ok(Agreed::Http2(shared.clone())));
                Ok(stream(shared, false))
            }
            Ok(Err(transport)) => {
                making.end(Some(Place::Declined), Ok(Agreed::Http1));
                over(session, transport).await
            }
            Err(error) => {
                making.end(None, Err(error.clone()));
                Err(error)
            }
        }
    }

    /// Begins HTTP/2 on a new connection, if the server speaks it.
    async fn agree(
        &self,
        session: &Inner,
        route: &Route,
        transport: Transport,
    ) -> Result<Result<Rc<Multiplexed>, Transport>, HttpError> {
        if self.version == HttpVersion::Http2PriorKnowledge || transport.has_agreed_on_http2() {
            return Multiplexed::start(&session.shard, &route.origin, transport).await.map(Ok);
        }
        Ok(Err(transport))
    }

    /// What is known of an origin, unless that is a connection of no use any more.
    fn place(&self, route: &Route) -> Option<Place> {
        let mut places = self.places.borrow_mut();
        let at = places.iter().position(|(known, _)| known == route)?;
        let is_over = |shared: &Multiplexed| !shared.is_open() || self.is_worn(shared);
        if matches!(&places[at].1, Place::Open(shared) if is_over(shared)) {
            places.remove(at);
            return None;
        }
        Some(places[at].1.clone())
    }

    fn put(&self, route: &Route, place: Place) {
        let mut places = self.places.borrow_mut();
        places.retain(|(known, _)| known != route);
        if places.len() >= ORIGINS_MAX {
            places.remove(0);
        }
        places.push((route.clone(), place));
    }
}

fn stream(shared: Rc<Multiplexed>, is_reused: bool) -> Connection {
    Connection::Http2(Http2Stream::new(shared, is_reused))
}

/// While it lives, a request is making a connection. Dropped without an end, it leaves that to the
/// next.
struct Making<'m> {
    connections: &'m Http2Connections,
    opening: Rc<Opening>,
}

impl Making<'_> {
    fn end(self, place: Option<Place>, outcome: Result<Agreed, HttpError>) {
        self.settle(place);
        self.opening.end(Some(outcome));
    }

    /// Puts what became of it in its own place, unless the session was closed meanwhile.
    fn settle(&self, place: Option<Place>) {
        let mut places = self.connections.places.borrow_mut();
        let own =
            |place: &Place| matches!(place, Place::Opening(it) if Rc::ptr_eq(it, &self.opening));
        let Some(at) = places.iter().position(|(_, place)| own(place)) else { return };
        match place {
            Some(place) => places[at].1 = place,
            None => drop(places.remove(at)),
        }
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.settle(None);
        self.opening.end(None);
    }
}
