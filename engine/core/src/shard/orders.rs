//! What the control plane orders, and how far that is: users to begin, users to end, answers to
//! give, and the shard's own end.
//!
//! An order is obeyed when it is read. What it begins may take turns of the pump, each of which
//! goes on with it.

use super::run::Pump;
use crate::{
    clock::NS_PER_S,
    events::{TestStart, TestStop},
    message::{Command, Report, Stop, Whom},
};

/// Users started in one turn, so that those that run already are served in between.
const HATCHED_PER_TURN: u32 = 1024;

/// How long the last `on_stop` hooks may take when the shard is told to quit.
const QUIT_LIMIT_NS: u64 = 10 * NS_PER_S;

/// What was done about the end of the task runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OutOfTasks {
    /// Nothing: there are some left, or nobody has looked.
    No,
    /// The users were asked to end, once: there may be many.
    Asked,
    /// They have ended, and the shard has said so.
    Said,
}

impl Pump {
    /// Does as it is told, or begins to.
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::TestStart { n_tasks } => {
                self.shard.set_tasks_left(n_tasks);
                self.out_of_tasks = OutOfTasks::No;
                let shard = self.shard.index();
                self.shard.events().test_start.fire_with(|| TestStart { shard });
            }
            Command::TestStop => {
                let shard = self.shard.index();
                self.shard.events().test_stop.fire_with(|| TestStop { shard });
            }
            Command::Hatch { class, n_users } => self.to_hatch.push((class, n_users)),
            Command::Stop { whom, how } => self.stop(whom, how),
            Command::ResetStats { epoch } => self.shard.recorder().reset(epoch),
            Command::Flush { token } => self.to_flush.push(token),
            Command::Resolved(resolved) => self.shard.names.answer(resolved, self.shard.now_ns()),
            Command::Quit => {
                self.quit_by_ns = Some(self.shard.now_ns() + QUIT_LIMIT_NS);
                self.stop(Whom::All, Stop::Kill);
            }
        }
    }

    fn stop(&mut self, whom: Whom, how: Stop) {
        match whom {
            Whom::All => self.to_hatch.clear(),
            // Users that were not hatched yet are the last ones, and the first to go.
            Whom::Last { class, n_users } => {
                let mut left = n_users;
                for (_, n) in self.to_hatch.iter_mut().rev().filter(|(of, _)| *of == class) {
                    let n_dropped = left.min(*n);
                    *n -= n_dropped;
                    left -= n_dropped;
                }
                let whom = Whom::Last { class, n_users: left };
                return self.shard.users_mut().stop(whom, how);
            }
            Whom::Asked => {}
        }
        self.shard.users_mut().stop(whom, how);
    }

    /// There is no task left to begin: who waits ends now, who works when its task is done.
    pub(super) fn end_out_of_tasks(&mut self) {
        match self.out_of_tasks {
            OutOfTasks::No => self.stop(Whom::All, Stop::Ask),
            // There is nothing to do for those that were to come.
            OutOfTasks::Asked => self.to_hatch.clear(),
            OutOfTasks::Said => return,
        }
        self.out_of_tasks = OutOfTasks::Asked;
        if self.shard.users_mut().is_empty() {
            self.out_of_tasks = OutOfTasks::Said;
            self.report();
            self.shard.report(Report::TasksDone { shard: self.shard.index() });
        }
    }

    /// Starts users that are to be hatched, some of them in each turn.
    pub(super) fn hatch(&mut self) {
        let mut left = HATCHED_PER_TURN;
        while left > 0
            && let Some((class, n_users)) = self.to_hatch.first_mut()
        {
            let n = left.min(*n_users);
            for _ in 0..n {
                self.classes[*class].hatch(&self.shard);
            }
            *n_users -= n;
            left -= n;
            if *n_users == 0 {
                self.to_hatch.remove(0);
            }
        }
    }

    /// Says what there is to say to those who asked, once the users that were ordered before have
    /// been polled: who is told of a user can find it there.
    pub(super) fn flush(&mut self) {
        if self.to_flush.is_empty() || !self.to_hatch.is_empty() {
            return;
        }
        self.report();
        for token in self.to_flush.drain(..) {
            self.shard.report(Report::Flushed { shard: self.shard.index(), token });
        }
    }

    /// Whether there is something to do that nothing has to be waited for: it may have come up
    /// after it was last looked for.
    pub(super) fn is_due(&self) -> bool {
        let has_ended = || self.shard.users_mut().is_empty();
        let out_of_tasks = match self.out_of_tasks {
            _ if !self.shard.is_out_of_tasks() => false,
            OutOfTasks::No => true,
            OutOfTasks::Asked => has_ended(),
            OutOfTasks::Said => false,
        };
        out_of_tasks || !self.to_hatch.is_empty() || (self.quit_by_ns.is_some() && has_ended())
    }

    /// Whether the shard was told to quit, and need not wait any longer.
    pub(super) fn may_quit(&self, now_ns: u64) -> bool {
        let Some(by_ns) = self.quit_by_ns else { return false };
        self.shard.users_mut().is_empty() || now_ns >= by_ns
    }
}
