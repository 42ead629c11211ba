//! Starting and stopping the target.

use super::{
    answers::{self, Place},
    error::{Kind, TargetError},
    listen::listen,
    served::{Counters, Served},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, never, select, unbounded};
use hatchery_core::{
    message::{Command, Report},
    net::Resolver,
    ring::{Address, Listener},
    shard::{Common, Outbox, Service, Setup, ShardHandle},
};
use hatchery_http::server::serve;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
    path::PathBuf,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How long a shard may take until it is ready: it has a thread and a ring to make.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Where the target runs.
#[derive(Clone, Debug)]
pub struct TargetOptions {
    /// The address to listen on; port 0 is any free one. A unix socket's file is made, and removed
    /// at the end.
    pub listen: Address,
    /// The CPUs to run on, one shard each.
    pub cpus: Vec<usize>,
    /// One shard for each of `cpus`, but on whatever CPU is free: for tests, and for targets that
    /// share theirs with others.
    pub unpinned: bool,
}

impl TargetOptions {
    /// Any free port of the loopback, and one shard that goes where there is room: what a program
    /// that has no other target starts.
    pub fn loopback() -> TargetOptions {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into();
        TargetOptions { listen, cpus: vec![0], unpinned: true }
    }
}

/// A running target. Dropping it stops it.
#[derive(Debug)]
pub struct Target {
    address: Address,
    counters: Arc<Counters>,
    shards: Vec<ShardHandle>,
    fates: Receiver<Report>,
    /// The unix socket's, until it is removed.
    file: Option<PathBuf>,
}

impl Target {
    /// Starts it, and returns when it answers.
    ///
    /// # Errors
    /// When the address cannot be listened on, or a shard does not start: no io_uring, no such CPU.
    pub fn start(options: &TargetOptions) -> Result<Target, TargetError> {
        if options.cpus.is_empty() {
            return Err(Kind::NoCpu.into());
        }
        let (address, sockets) = listen(&options.listen, options.cpus.len())?;
        let resolver = Resolver::start().map_err(Kind::Thread)?;
        let counters = Arc::new(Counters::new(options.cpus.len()));
        let (outbox, fates) = outbox();
        let file = match &address {
            Address::Tcp(_) => None,
            Address::Unix(path) => Some(path.clone()),
        };
        let mut target = Target { address, counters, shards: vec![], fates, file };
        for (shard, (&cpu, socket)) in options.cpus.iter().zip(sockets).enumerate() {
            let services = vec![service(socket, Arc::clone(&target.counters))];
            let common = Common { services, unpinned: options.unpinned, ..Common::default() };
            let setup = Setup {
                shard,
                cpu,
                common: Arc::new(common),
                outbox: outbox.clone(),
                resolver: resolver.clone(),
            };
            target.shards.push(ShardHandle::start(setup).map_err(Kind::Thread)?);
        }
        for _ in &target.shards {
            match target.fates.recv_timeout(START_LIMIT) {
                Ok(Report::Ready { .. }) => {}
                Ok(other) => return Err(fate(other)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(Kind::Silent.into());
                }
            }
        }
        Ok(target)
    }

    /// Where it listens, with the port that was chosen.
    pub fn local_addr(&self) -> &Address {
        &self.address
    }

    /// Its base URL for clients on this host, without a slash at the end; `unix:PATH` for a unix
    /// socket.
    pub fn url(&self) -> String {
        let Address::Tcp(address) = &self.address else { return self.address.to_string() };
        let mut address = *address;
        // A client cannot connect to "all addresses".
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{address}")
    }

    /// How many requests it has served so far. Cheap, and does not disturb it.
    pub fn served(&self) -> Served {
        self.counters.sum()
    }

    /// Runs until `stop` says something or is disconnected.
    ///
    /// # Errors
    /// When a shard fails; the others are stopped then.
    pub fn run_until(self, stop: &Receiver<()>) -> Result<Served, TargetError> {
        select! {
            recv(stop) -> _ => Ok(self.stop()),
            recv(self.fates) -> report => Err(report.map_or(Kind::Silent.into(), fate)),
        }
    }

    /// Runs until a shard fails, and returns why. Most often it never does.
    pub fn run(self) -> TargetError {
        match self.run_until(&never()) {
            Err(error) => error,
            Ok(_) => Kind::Silent.into(),
        }
    }

    /// Closes all connections, and returns what was served in all.
    pub fn stop(mut self) -> Served {
        self.end();
        self.served()
    }

    fn end(&mut self) {
        for shard in &self.shards {
            shard.send(Command::Quit);
        }
        self.shards.drain(..).for_each(ShardHandle::join);
        if let Some(path) = self.file.take() {
            // Somebody may have removed it already.
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.end();
    }
}

/// What each shard runs. The socket is taken when it starts, once.
fn service(socket: OwnedFd, counters: Arc<Counters>) -> Service {
    let socket = Mutex::new(Some(socket));
    Arc::new(move |shard| {
        let Some(socket) = socket.lock().ok().and_then(|mut socket| socket.take()) else { return };
        let listener = Listener::from_fd(shard.ring(), socket);
        let place = Rc::new(Place { shard: Rc::clone(shard), counters: Arc::clone(&counters) });
        serve(shard, listener, move |request| answers::answer(Rc::clone(&place), request));
    })
}

/// Shards report once a second for as long as they live, and nobody reads that here. So reports
/// are sifted where they are sent, and what is kept is a few per shard: that it is ready, that it
/// failed, that it is gone.
fn outbox() -> (Outbox, Receiver<Report>) {
    let (tx, reports) = unbounded();
    let (fates_tx, fates) = unbounded();
    let sift = move || {
        for report in reports.try_iter() {
            if matches!(report, Report::Ready { .. } | Report::Failed { .. } | Report::Gone { .. })
            {
                // Nobody waits for it when the target is being dropped.
                let _ = fates_tx.send(report);
            }
        }
    };
    (Outbox::new(tx, sift), fates)
}

/// Why a shard that was not told to quit is not running.
fn fate(report: Report) -> TargetError {
    let text = match report {
        Report::Failed { error, .. } => error,
        Report::Gone { shard, panic: Some(panic) } => format!("run shard {shard}: {panic}"),
        _ => "run the target: a shard ended by itself".to_owned(),
    };
    Kind::Shard(text).into()
}
