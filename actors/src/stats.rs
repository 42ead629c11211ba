//! Merges what the shards hand over, and answers everyone who asks for numbers.

use crate::supervisor::{CoreSupervisor, ToSupervisor};
use actix::prelude::{Actor, Addr, Context, Handler, Message};
use hatchery_core::{
    clock::unix_now_ns,
    message::ExceptionReport,
    stats::{Delta, ExceptionStats, Snapshot},
};
use tokio::sync::oneshot;
use tracing::warn;

/// From so many names on a shard on, somebody has most likely forgotten to group URLs: a scenario
/// has tens of names, rarely hundreds.
const NAMES_MANY: usize = 1_000;

/// Something that is done with the statistics where they are, without a copy.
pub(crate) type Look = Box<dyn FnOnce(&Snapshot) + Send>;

/// Everything that happens to the [`StatsActor`].
pub(crate) enum ToStats {
    /// A shard handed over a second.
    Absorb(Box<Delta>),
    /// A task or a hook failed.
    Exception(Box<ExceptionReport>),
    /// A shard is gone: its numbering of the entries ends with it.
    Forget { shard: usize },
    /// Begin anew; deltas of older epochs are thrown away.
    Reset { epoch: u32 },
    /// Somebody wants to see the statistics as they are.
    Look(Look),
    /// Somebody wants a copy.
    Copy { reply: oneshot::Sender<Snapshot> },
}

impl Message for ToStats {
    type Result = ();
}

/// Keeps the merged statistics of the run.
pub(crate) struct StatsActor {
    snapshot: Snapshot,
    class_names: Vec<String>,
    supervisors: Vec<Addr<CoreSupervisor>>,
    /// Once is enough: the others only follow.
    has_warned_of_names: bool,
}

impl StatsActor {
    pub(crate) fn new(
        class_names: Vec<String>,
        supervisors: Vec<Addr<CoreSupervisor>>,
    ) -> StatsActor {
        let snapshot = Snapshot::new(unix_now_ns());
        StatsActor { snapshot, class_names, supervisors, has_warned_of_names: false }
    }

    fn absorb(&mut self, mut delta: Box<Delta>) {
        if let Some(warning) = too_many_names(&delta).filter(|_| !self.has_warned_of_names) {
            self.has_warned_of_names = true;
            warn!("{warning}");
        }
        self.snapshot.absorb(&mut delta);
        let supervisor = &self.supervisors[delta.shard];
        supervisor.do_send(ToSupervisor::Recycle(delta));
    }

    fn add_exception(&mut self, exception: ExceptionReport) {
        let class = self.class_names.get(exception.class).cloned().unwrap_or_default();
        let ExceptionReport { n, message, trace, .. } = exception;
        self.snapshot.add_exception(ExceptionStats { n, class, message, trace });
    }
}

/// What to say of a shard that has more names than anybody reads.
fn too_many_names(delta: &Delta) -> Option<String> {
    let (id, key) = delta.new_entries.last()?;
    let n_names = id.0 as usize + 1;
    (n_names > NAMES_MANY).then(|| {
        format!(
            "{n_names} names on shard {}, such as {} {}: each is a row of the tables and takes \
             memory on each core; group URLs with .name(\"…\")",
            delta.shard, key.method, key.name,
        )
    })
}

impl Actor for StatsActor {
    type Context = Context<StatsActor>;
}

impl Handler<ToStats> for StatsActor {
    type Result = ();

    fn handle(&mut self, message: ToStats, _: &mut Context<StatsActor>) {
        match message {
            ToStats::Absorb(delta) => self.absorb(delta),
            ToStats::Exception(exception) => self.add_exception(*exception),
            ToStats::Forget { shard } => self.snapshot.forget_names(shard),
            ToStats::Reset { epoch } => self.snapshot.reset(epoch, unix_now_ns()),
            ToStats::Look(look) => look(&self.snapshot),
            ToStats::Copy { reply } => {
                let mut copy = Snapshot::new(self.snapshot.start_unix_ns);
                copy.merge(&self.snapshot);
                // Whoever asked may have given up.
                let _ = reply.send(copy);
            }
        }
    }
}
