//! The listening sockets, made before any shard starts, so that an address that cannot be had is
//! an error of the start and not of a shard.

use super::error::{Kind, TargetError};
use hatchery_core::ring::{self, Address};
use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
};

/// One socket per shard, and the address they share with its port resolved.
pub(super) fn listen(
    address: &Address,
    n_shards: usize,
) -> Result<(Address, Vec<OwnedFd>), TargetError> {
    let result = match address {
        Address::Tcp(tcp) => listen_tcp(*tcp, n_shards),
        Address::Unix(path) => listen_unix(path, n_shards).map(|fds| (address.clone(), fds)),
    };
    result.map_err(|source| Kind::Listen { address: address.clone(), source }.into())
}

fn listen_tcp(address: SocketAddr, n_shards: usize) -> io::Result<(Address, Vec<OwnedFd>)> {
    if address.port() != 0 {
        // Shards share the port with each other, and with any other program of this user that
        // shares it. A socket that does not share finds out whether there is one.
        drop(TcpListener::bind(address)?);
    }
    let first = TcpListener::from(ring::listen(address)?);
    let address = first.local_addr()?;
    let mut fds = vec![first.into()];
    for _ in 1..n_shards {
        fds.push(ring::listen(address)?);
    }
    Ok((address.into(), fds))
}

/// A unix address belongs to one socket, so the shards take turns at it.
fn listen_unix(path: &Path, n_shards: usize) -> io::Result<Vec<OwnedFd>> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        other => other?,
    };
    let mut fds = vec![];
    for _ in 1..n_shards {
        fds.push(listener.try_clone()?.into());
    }
    fds.push(listener.into());
    Ok(fds)
}

/// Whether the file is a socket of a process that has ended: nobody answers.
fn is_left_over(path: &Path) -> bool {
    UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
