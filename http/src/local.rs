//! What the sessions of one core share: origins, sites, TLS, and memory to use again.

use crate::{
    blocks::Blocks,
    connection::{Http2Connections, KnownTerms, Own, Pool, SharedPool, TlsConfigs},
    lean::{KnownHeads, Seen},
    options::{HttpDefaults, PoolChoice, SessionOptions},
    request::{Parts, Spare, Verbs},
    site::{Origin, Site},
};
use bytes::Bytes;
use hatchery_core::shard::Shard;
use http::HeaderMap;
use rustc_hash::FxHashMap;
use std::{cell::RefCell, fmt, rc::Rc};

/// Origins and sites kept. A scenario has a few; one that makes them from data must not fill the
/// memory.
const SITES_MAX: usize = 1024;

/// Shared pools known by their options. A program has one or two sets of options; one that makes
/// them from data must not fill the memory.
const SHARED_MAX: usize = 64;

/// Header maps kept to be used again: about as many as are held by responses at a time.
const SPARE_HEADERS_MAX: usize = 256;

/// A header map that grew beyond this is not kept.
const SPARE_HEADERS_CAPACITY_MAX: usize = 64;

/// The shared part of a core's sessions.
pub(crate) struct Local {
    pub(crate) options: Rc<SessionOptions>,
    pub(crate) tls: TlsConfigs,
    /// The parts of a request that has none.
    pub(crate) no_parts: Parts,
    sites: RefCell<FxHashMap<Box<str>, Rc<Site>>>,
    origins: RefCell<FxHashMap<Box<str>, Rc<Origin>>>,
    pub(crate) verbs: Verbs,
    spare_headers: RefCell<Vec<HeaderMap>>,
    blocks: RefCell<Blocks>,
    heads: RefCell<KnownHeads>,
    pub(crate) spare_requests: Rc<Spare>,
    pub(crate) terms: KnownTerms,
    shared: RefCell<Vec<Shared>>,
    /// Which source address comes first: cores begin at different ones.
    pub(crate) first_turn: usize,
}

/// What sessions with equal options share.
struct Shared {
    options: Rc<SessionOptions>,
    pool: Rc<SharedPool>,
    http2: Option<Rc<Http2Connections>>,
}

impl Local {
    /// The one of a shard.
    pub(crate) fn of(shard: &Rc<Shard>) -> Rc<Local> {
        shard.local(|shard| {
            let defaults = shard.common().extension::<HttpDefaults>();
            let options = defaults.map(|defaults| defaults.session.clone()).unwrap_or_default();
            // Cores begin at different addresses.
            Local::new(options, shard.index())
        })
    }

    /// One whose first session has this turn.
    pub(crate) fn new(options: SessionOptions, first_turn: usize) -> Local {
        Local {
            options: Rc::new(options),
            tls: TlsConfigs::default(),
            no_parts: Parts::default(),
            sites: RefCell::default(),
            origins: RefCell::default(),
            verbs: Verbs::default(),
            spare_headers: RefCell::default(),
            blocks: RefCell::default(),
            heads: RefCell::default(),
            spare_requests: Rc::default(),
            terms: KnownTerms::default(),
            shared: RefCell::default(),
            first_turn,
        }
    }

    /// Where a session with these options gets its connections from, and those over HTTP/2.
    pub(crate) fn pool(
        &self,
        options: &Rc<SessionOptions>,
    ) -> (Pool, Option<Rc<Http2Connections>>) {
        let PoolChoice::PerCore { connections_max } = options.pool else {
            return (Pool::Own(Own::default()), Http2Connections::new(options));
        };
        let mut shared = self.shared.borrow_mut();
        if let Some(known) = shared.iter().find(|known| known.options == *options) {
            return (Pool::Shared(Rc::clone(&known.pool)), known.http2.clone());
        }
        let pool = Rc::new(SharedPool::new(connections_max, self.first_turn));
        let http2 = Http2Connections::new(options);
        if shared.len() >= SHARED_MAX {
            // Those in use live on, with the sessions that they have.
            shared.remove(0);
        }
        let options = Rc::clone(options);
        shared.push(Shared { options, pool: Rc::clone(&pool), http2: http2.clone() });
        (Pool::Shared(pool), http2)
    }

    /// The site of a base URL.
    pub(crate) fn site(&self, base_url: Option<&str>) -> Rc<Site> {
        let key = base_url.unwrap_or_default();
        if let Some(site) = self.sites.borrow().get(key) {
            return Rc::clone(site);
        }
        let site = Rc::new(Site::new(self, base_url));
        let mut sites = self.sites.borrow_mut();
        if sites.len() < SITES_MAX {
            sites.insert(key.into(), Rc::clone(&site));
        }
        site
    }

    /// The known origin that is equal to this one, if there is one. Connections are told apart by
    /// their origin's address.
    pub(crate) fn share(&self, origin: Origin) -> Rc<Origin> {
        let mut origins = self.origins.borrow_mut();
        if let Some(known) = origins.get(&origin.text) {
            return Rc::clone(known);
        }
        let origin = Rc::new(origin);
        if origins.len() >= SITES_MAX {
            // Those in use live on; idle connections to the others are not found again.
            origins.retain(|_, known| Rc::strong_count(known) > 1);
        }
        if origins.len() < SITES_MAX {
            origins.insert(origin.text.clone(), Rc::clone(&origin));
        }
        origin
    }

    /// A copy of some bytes, in memory that is used again when all copies before are gone.
    #[inline]
    pub(crate) fn keep_bytes(&self, bytes: &[u8]) -> Bytes {
        if bytes.is_empty() {
            return Bytes::new();
        }
        self.blocks.borrow_mut().keep(bytes)
    }

    /// Reads a response's head, if it is complete. `is_head` says that the request was a HEAD.
    #[inline]
    pub(crate) fn read_head(&self, bytes: &[u8], is_head: bool) -> Seen {
        self.heads.borrow_mut().read(bytes, is_head, |head| self.keep_bytes(head))
    }

    /// An empty header map, most often with memory from one that was used before.
    #[inline]
    pub(crate) fn spare_headers(&self) -> HeaderMap {
        self.spare_headers.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a header map that is no longer needed.
    #[inline]
    pub(crate) fn keep_headers(&self, mut headers: HeaderMap) {
        let capacity = headers.capacity();
        let mut spare = self.spare_headers.borrow_mut();
        if capacity > 0 && capacity <= SPARE_HEADERS_CAPACITY_MAX && spare.len() < SPARE_HEADERS_MAX
        {
            headers.clear();
            spare.push(headers);
        }
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("options", &self.options).finish_non_exhaustive()
    }
}
