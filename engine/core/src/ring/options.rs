//! Where a connection goes, and how its socket is set up.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    path::PathBuf,
    time::Duration,
};

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A unix socket in the file system.
    Unix(PathBuf),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How a socket is set up before it connects.
#[derive(Clone, Debug, Default)]
pub struct SocketOptions {
    /// The local address to connect from; the port is chosen at the connect, so that one address
    /// serves as many connections as there are ports per destination.
    pub source: Option<IpAddr>,
    /// Close with RST and no TIME_WAIT, instead of FIN.
    pub reset_on_close: bool,
}

impl Address {
    pub(super) fn to_sock_addr(&self) -> io::Result<SockAddr> {
        match self {
            Address::Tcp(address) => Ok((*address).into()),
            Address::Unix(path) => SockAddr::unix(path),
        }
    }

    pub(super) fn socket(&self, options: &SocketOptions) -> io::Result<Socket> {
        let Address::Tcp(address) = self else {
            return Socket::new(Domain::UNIX, Type::STREAM, None);
        };
        let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
        // Always: a load generator that delays small writes measures itself.
        socket.set_tcp_nodelay(true)?;
        if options.reset_on_close {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        if let Some(source) = options.source {
            bind_address_no_port(&socket)?;
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        Ok(socket)
    }
}

/// Leaves the choice of the port to the connect (Linux 4.2), so that a port can serve as many
/// connections as there are destinations.
fn bind_address_no_port(socket: &Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, and the pointer and size are those of a live `c_int`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(options: &SocketOptions) -> Socket {
        let address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 80)));
        address.socket(options).expect("a socket")
    }

    #[test]
    fn small_writes_are_never_delayed() {
        assert!(socket(&SocketOptions::default()).tcp_nodelay().expect("an option"));
    }

    #[test]
    fn a_source_address_is_taken_without_a_port() {
        let source = Some(IpAddr::from([127, 0, 0, 2]));
        let socket = socket(&SocketOptions { source, ..SocketOptions::default() });
        let local = socket.local_addr().expect("bound").as_socket();
        assert_eq!(local, Some(SocketAddr::from(([127, 0, 0, 2], 0))));
    }
}
