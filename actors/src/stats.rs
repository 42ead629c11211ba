//! Merges what the shards hand over, and answers everyone who asks for numbers.

use crate::supervisor::{CoreSupervisor, ToSupervisor};
use actix::prelude::{Actor, Addr, Context, Handler, Message};
use hatchery_core::{
    clock::unix_now_ns,
    message::ExceptionReport,
    stats::{Delta, ExceptionStats, Snapshot},
};
use tokio::sync::oneshot;

/// Different exceptions kept; texts that differ each time would fill the memory otherwise. What
/// comes later is counted as [`OTHER_EXCEPTIONS`].
const EXCEPTIONS_MAX: usize = 1_000;

/// The text that stands for the exceptions beyond [`EXCEPTIONS_MAX`].
const OTHER_EXCEPTIONS: &str = "(other exceptions: too many different texts)";

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
    n_exceptions: usize,
    class_names: Vec<String>,
    supervisors: Vec<Addr<CoreSupervisor>>,
}

impl StatsActor {
    pub(crate) fn new(
        class_names: Vec<String>,
        supervisors: Vec<Addr<CoreSupervisor>>,
    ) -> StatsActor {
        let snapshot = Snapshot::new(unix_now_ns());
        StatsActor { snapshot, n_exceptions: 0, class_names, supervisors }
    }

    fn absorb(&mut self, mut delta: Box<Delta>) {
        self.snapshot.absorb(&mut delta);
        let supervisor = &self.supervisors[delta.shard];
        supervisor.do_send(ToSupervisor::Recycle(delta));
    }

    fn add_exception(&mut self, exception: ExceptionReport) {
        let class = self.class_names.get(exception.class).cloned().unwrap_or_default();
        let (message, trace) = match self.n_exceptions {
            n if n < EXCEPTIONS_MAX => (exception.message, exception.trace),
            _ => (OTHER_EXCEPTIONS.to_owned(), String::new()),
        };
        self.snapshot.add_exception(ExceptionStats { n: exception.n, class, message, trace });
        self.n_exceptions = self.snapshot.exceptions().count();
    }
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
            ToStats::Reset { epoch } => {
                self.snapshot.reset(epoch, unix_now_ns());
                self.n_exceptions = 0;
            }
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
