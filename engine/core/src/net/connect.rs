//! Connecting to a host by name: every address is tried before it is a failure.

use crate::{
    ring::{Address, SocketOptions, Stream},
    shard::{Shard, Stopwatch},
    stats::Phase,
};
use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    rc::Rc,
};

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A name or an address, and a port.
    Host {
        /// The name, or an IPv4 or IPv6 address without brackets.
        host: Box<str>,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// A connection could not be made.
#[derive(Debug)]
pub enum ConnectError {
    /// The name has no address.
    Resolve {
        /// The name.
        host: Box<str>,
        /// What the system's resolver said.
        text: Rc<str>,
    },
    /// No address could be connected to; this is the last one's error.
    Connect(io::Error),
}

impl ConnectError {
    /// The system's error, where there is one.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            ConnectError::Connect(error) => Some(error),
            ConnectError::Resolve { .. } => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Resolve { host, text } => {
                write!(f, "NameResolution: {host}: {text}")
            }
            ConnectError::Connect(error) => write!(f, "{:?}: {error}", error.kind()),
        }
    }
}

impl Error for ConnectError {}

/// Connects to a target; a name's addresses are tried in order until one answers.
///
/// # Errors
/// When the name has no address, or none of its addresses could be connected to.
pub async fn connect(
    shard: &Rc<Shard>,
    target: &Target,
    options: &SocketOptions,
) -> Result<Stream, ConnectError> {
    connect_timed(shard, target, options, &Stopwatch::OFF).await
}

/// As [`connect`], and takes the times of [`Phase::Dns`] and [`Phase::Connect`] from now on.
///
/// # Errors
/// As [`connect`].
pub async fn connect_timed(
    shard: &Rc<Shard>,
    target: &Target,
    options: &SocketOptions,
    stopwatch: &Stopwatch,
) -> Result<Stream, ConnectError> {
    stopwatch.start();
    let stream = connect_to(shard, target, options, stopwatch).await?;
    stopwatch.lap(Phase::Connect);
    Ok(stream)
}

async fn connect_to(
    shard: &Rc<Shard>,
    target: &Target,
    options: &SocketOptions,
    stopwatch: &Stopwatch,
) -> Result<Stream, ConnectError> {
    let (host, port) = match target {
        Target::Host { host, port } => (host, *port),
        Target::Unix(path) => {
            let address = Address::Unix(path.clone());
            return Stream::connect(shard.ring(), &address, options)
                .await
                .map_err(ConnectError::Connect);
        }
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return connect_one(shard, ip, port, options).await.map_err(ConnectError::Connect);
    }
    let (addresses, has_waited) = shard.names.resolve(host, || shard.now_ns()).await;
    let addresses = addresses.map_err(|text| ConnectError::Resolve { host: host.clone(), text })?;
    if has_waited {
        stopwatch.lap(Phase::Dns);
    }
    let mut last = None;
    // From an IPv4 address there is no way to an IPv6 one.
    let is_reachable = |ip: &&IpAddr| match options.source {
        Some(source) => source.is_ipv4() == ip.is_ipv4(),
        None => true,
    };
    for &ip in addresses.iter().filter(is_reachable) {
        match connect_one(shard, ip, port, options).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    let text = match addresses.is_empty() {
        true => "it has no address",
        false => "it has no address of the source address' kind, IPv4 or IPv6",
    };
    let none = || ConnectError::Resolve { host: host.clone(), text: text.into() };
    Err(last.map_or_else(none, ConnectError::Connect))
}

async fn connect_one(
    shard: &Rc<Shard>,
    ip: IpAddr,
    port: u16,
    options: &SocketOptions,
) -> io::Result<Stream> {
    let address = Address::Tcp(SocketAddr::new(ip, port));
    Stream::connect(shard.ring(), &address, options).await
}
