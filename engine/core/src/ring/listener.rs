//! A listening socket in the ring, for the embedded target and for tests.

use super::{
    driver::{Acceptor, Ring},
    options::Address,
    stream::Stream,
    waiter::Waiter,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    task::{Context, Poll},
};

/// Connections that may wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// A listening TCP or unix socket.
pub struct Listener {
    ring: Ring,
    slot: usize,
}

/// Makes a listening TCP socket that several shards may share by listening on the same address:
/// the kernel deals connections out to them.
///
/// # Errors
/// When the address is in use or not ours.
pub fn listen(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// When the address is in use or not ours.
    pub fn bind(ring: &Ring, address: &Address) -> io::Result<Listener> {
        let fd = match address {
            Address::Tcp(address) => listen(*address)?,
            Address::Unix(_) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.bind(&address.to_sock_addr()?)?;
                socket.listen(BACKLOG)?;
                socket.into()
            }
        };
        Ok(Listener::from_fd(ring, fd))
    }

    /// Takes a socket that listens already.
    pub fn from_fd(ring: &Ring, fd: OwnedFd) -> Listener {
        let acceptor = Acceptor {
            fd,
            accepted: vec![],
            armed: false,
            error: None,
            waiter: Waiter::default(),
            closing: false,
        };
        let slot = ring.driver.borrow_mut().acceptors.insert(acceptor);
        Listener { ring: ring.clone(), slot }
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's, such as too many open files; the listener goes on.
    pub async fn accept(&self) -> io::Result<Stream> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        let driver = &mut *self.ring.driver.borrow_mut();
        let acceptor = &mut driver.acceptors[self.slot];
        if let Some(fd) = acceptor.accepted.pop() {
            let slot = super::socket::Socket::new(fd);
            let slot = driver.sockets.insert(slot);
            return Poll::Ready(Ok(Stream::at(&self.ring, slot)));
        }
        if let Some(errno) = acceptor.error.take() {
            return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
        }
        acceptor.waiter.wait(cx);
        driver.accept(self.slot);
        Poll::Pending
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ring.driver.borrow_mut().close_acceptor(self.slot);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("slot", &self.slot).finish_non_exhaustive()
    }
}
