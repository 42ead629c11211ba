//! What the runner hears of its shards: up, lost, failed, and how many users they have.

use super::{actor::Runner, events::RunnerEvent};
use crate::{error::Error, hatcher::ToHatcher};
use actix::prelude::Context;
use std::{error, sync::Arc};
use tracing::{debug, error};

impl Runner {
    pub(super) fn shard_up(&mut self, shard: usize) {
        self.up[shard] = true;
        self.hatcher.do_send(ToHatcher::ShardBack { shard });
        self.answer_awaiting_shards();
    }

    pub(super) fn answer_awaiting_shards(&mut self) {
        if self.failed.is_none() && !self.up.iter().all(|&up| up) {
            return;
        }
        for reply in self.awaiting_shards.drain(..) {
            let _ = reply.send(self.failed.take().map_or(Ok(()), Err));
        }
    }

    pub(super) fn shard_failed(&mut self, error: Error, cx: &mut Context<Runner>) {
        let text: Arc<str> = with_causes(&error).into();
        let is_first = self.status.send_if_modified(|status| {
            let is_first = status.fatal.is_none();
            status.fatal.get_or_insert_with(|| text.clone());
            is_first
        });
        match is_first {
            // What keeps one shard from starting most often keeps all.
            false => debug!("{text}"),
            true if self.awaiting_shards.is_empty() => error!("{text}; the test ends here"),
            // Whoever waits is told.
            true => {}
        }
        self.tell(RunnerEvent::Fatal { error: text });
        self.failed.get_or_insert(error);
        self.answer_awaiting_shards();
        self.stop(None, cx);
    }

    pub(super) fn set_users(&mut self, shard: usize, n_users: &[u32]) {
        self.n_users[shard] = n_users.iter().sum();
        let user_count = self.n_users.iter().sum();
        self.status.send_modify(|status| status.user_count = user_count);
        self.tell(RunnerEvent::Users { user_count });
    }
}

/// An error and its causes on one line, for a log.
pub(crate) fn with_causes(error: &dyn error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
