//! What a shard is started with.

use super::{local::Shard, outbox::Outbox};
use crate::{
    events::Listen,
    net::Resolver,
    user::{Class, TagFilter},
};
use std::{any::Any, fmt, rc::Rc, sync::Arc};

/// Something that runs on each shard beside its users; it spawns what it needs.
pub type Service = Arc<dyn Fn(&Rc<Shard>) + Send + Sync>;

/// Everything a shard needs to know before its first user.
#[derive(Clone)]
pub struct Setup {
    /// Its number, from zero.
    pub shard: usize,
    /// The CPU it is pinned to.
    pub cpu: usize,
    /// What is the same on every shard.
    pub common: Arc<Common>,
    /// Where its reports go.
    pub outbox: Outbox,
    /// Who resolves names for it.
    pub resolver: Resolver,
}

/// What all shards of a run have in common: the environment, as users and listeners see it.
/// Locust's `environment`.
#[derive(Clone)]
pub struct Common {
    /// The user classes; a [`crate::message::ClassIdx`] is a place in here.
    pub classes: Vec<Class>,
    /// Base URL of the target, which goes before a class' own.
    pub host: Option<String>,
    /// Which tasks run.
    pub tags: TagFilter,
    /// Whether errors and panics of tasks are counted and the user goes on (the default), or the
    /// test ends with the first.
    pub catch_exceptions: bool,
    /// Adds the program's listeners to a shard's events.
    pub listeners: Vec<Listen>,
    /// Run on each shard when it starts, beside the users: servers, probes.
    pub services: Vec<Service>,
    /// The program's own options: see [`Common::parsed_options`].
    pub options: Arc<dyn Any + Send + Sync>,
    /// What protocols want to know of the command line, one value of a type of its own each; see
    /// [`Common::extension`].
    pub extensions: Vec<Arc<dyn Any + Send + Sync>>,
    /// Start of the random sequences: the same seed and placement draw the same tasks.
    pub seed: u64,
    /// Poll for completions instead of sleeping when there is nothing to do.
    pub spin: bool,
    /// Measure the phases of requests: `--phases`.
    pub phases: bool,
    /// Run on virtual time: for tests of waiting and pacing.
    pub paused_clock: bool,
    /// Threads are not pinned: for tests and targets that share CPUs.
    pub unpinned: bool,
}

impl Default for Common {
    fn default() -> Common {
        Common {
            classes: vec![],
            host: None,
            tags: TagFilter::default(),
            catch_exceptions: true,
            listeners: vec![],
            services: vec![],
            options: Arc::new(()),
            extensions: vec![],
            seed: 0,
            spin: false,
            phases: false,
            paused_clock: false,
            unpinned: false,
        }
    }
}

impl Common {
    /// The program's own options, if they are of this type. Locust's
    /// `environment.parsed_options`.
    pub fn parsed_options<T: 'static>(&self) -> Option<&T> {
        self.options.downcast_ref()
    }

    /// The extension of a type, if one was given.
    pub fn extension<T: 'static>(&self) -> Option<&T> {
        self.extensions.iter().find_map(|extension| extension.downcast_ref())
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("classes", &self.classes)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}
