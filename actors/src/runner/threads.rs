//! Shards as threads of this process: what the seam of [`Launch`] stands for outside of tests.

use crate::shard::{Launch, Shard};
use hatchery_core::{
    message::Command,
    net::Resolver,
    shard::{Common, Outbox, Setup, ShardHandle},
    stats::Delta,
};
use std::{io, sync::Arc};

/// Shards as threads of this process.
pub(super) struct LocalShards {
    common: Arc<Common>,
    cpus: Vec<usize>,
    resolver: Resolver,
}

impl LocalShards {
    pub(super) fn new(common: Arc<Common>, cpus: Vec<usize>) -> io::Result<LocalShards> {
        Ok(LocalShards { common, cpus, resolver: Resolver::start()? })
    }
}

impl Launch for LocalShards {
    fn n_shards(&self) -> usize {
        self.cpus.len()
    }

    fn launch(&self, shard: usize, outbox: Outbox) -> io::Result<Box<dyn Shard>> {
        let handle = ShardHandle::start(Setup {
            shard,
            cpu: self.cpus[shard],
            common: self.common.clone(),
            outbox,
            resolver: self.resolver.clone(),
        })?;
        Ok(Box::new(handle))
    }
}

impl Shard for ShardHandle {
    fn send(&self, command: Command) {
        ShardHandle::send(self, command);
    }

    fn recycle(&self, delta: Delta) {
        ShardHandle::recycle(self, delta);
    }

    fn join(self: Box<Self>) {
        ShardHandle::join(*self);
    }
}
