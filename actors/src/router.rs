//! The one place where a shard's report finds its actor.

use crate::{
    hatcher::{Hatcher, ToHatcher},
    runner::{Runner, ToRunner},
    stats::{StatsActor, ToStats},
    supervisor::{CoreSupervisor, ToSupervisor},
};
use actix::prelude::Addr;
use crossbeam_channel::Receiver;
use hatchery_core::message::Report;
use std::sync::Arc;
use tokio::{sync::Notify, task};

/// Reports routed before the other tasks of the control thread get their turn: timers must not
/// wait for a burst of exceptions.
const REPORTS_PER_TURN: usize = 1_024;

/// The addresses of a run's actors.
#[derive(Clone)]
pub(crate) struct Actors {
    pub(crate) runner: Addr<Runner>,
    pub(crate) hatcher: Addr<Hatcher>,
    pub(crate) stats: Addr<StatsActor>,
    pub(crate) supervisors: Vec<Addr<CoreSupervisor>>,
}

impl Actors {
    /// Sends a report to whom it concerns. Each shard's reports reach an actor in their order.
    pub(crate) fn route(&self, report: Report) {
        match report {
            Report::Ready { shard, ring } => self.supervise(shard, ToSupervisor::Ready { ring }),
            Report::Failed { shard, error } => {
                self.supervise(shard, ToSupervisor::Failed { error });
            }
            Report::Stats(delta) => self.stats.do_send(ToStats::Absorb(delta)),
            Report::Flushed { shard, token } => {
                self.supervise(shard, ToSupervisor::Flushed { token });
            }
            Report::Pulse(pulse) => self.supervise(pulse.shard, ToSupervisor::Pulse(pulse)),
            Report::Ended { shard, class, n_users } => {
                self.hatcher.do_send(ToHatcher::Ended { shard, class, n_users });
                self.supervise(shard, ToSupervisor::Ended { class, n_users });
            }
            Report::TasksDone { shard } => self.runner.do_send(ToRunner::TasksDone { shard }),
            Report::Exception(exception) => self.stats.do_send(ToStats::Exception(exception)),
            Report::ListenerFailed { shard, failure } => {
                self.runner.do_send(ToRunner::ListenerFailed { shard, failure });
            }
            Report::Fired(parcel) => self.runner.do_send(ToRunner::Fire(parcel)),
            Report::StopTest { shard, error } => {
                self.runner.do_send(ToRunner::StopTest { shard, error });
            }
            Report::Gone { shard, panic } => {
                self.stats.do_send(ToStats::Forget { shard });
                self.supervise(shard, ToSupervisor::Gone { panic });
            }
        }
    }

    fn supervise(&self, shard: usize, message: ToSupervisor) {
        self.supervisors[shard].do_send(message);
    }

    /// Routes reports for as long as a shard can send one.
    pub(crate) async fn drain(self, reports: Receiver<Report>, wake: Arc<Notify>) {
        loop {
            for report in reports.try_iter().take(REPORTS_PER_TURN) {
                self.route(report);
            }
            match reports.is_empty() {
                true => wake.notified().await,
                false => task::yield_now().await,
            }
        }
    }
}
