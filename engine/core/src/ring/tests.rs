//! Many sockets on one ring, turned by hand.

use super::{Address, Gather, Ring, SocketOptions, Stream, Wait, Waker};
use std::{
    future::Future,
    io::Write,
    net::{TcpListener, TcpStream},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker as TaskWaker},
    time::Duration,
};

fn context() -> Context<'static> {
    Context::from_waker(TaskWaker::noop())
}

fn ring() -> Ring {
    Ring::open(Waker::new().expect("an eventfd")).expect("a ring")
}

fn turn(ring: &Ring) {
    ring.turn(Wait::For(Duration::from_millis(10)), Gather::NONE).expect("a turn");
}

/// Turns the ring until the future is done.
fn run<T>(ring: &Ring, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context()) {
            return result;
        }
        turn(ring);
    }
}

/// Connected sockets, and their peers.
fn connected(ring: &Ring, n: usize) -> Vec<(Stream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = Address::Tcp(listener.local_addr().expect("bound"));
    let connect = |_| {
        let options = SocketOptions::default();
        let stream = run(ring, Stream::connect(ring, &address, &options)).expect("it listens");
        (stream, listener.accept().expect("it connected").0)
    };
    (0..n).map(connect).collect()
}

/// Reads all that is there.
fn read(stream: &mut Stream, into: &mut Vec<u8>) {
    let take = |bytes: &[u8]| {
        into.extend_from_slice(bytes);
        (bytes.len(), ())
    };
    if let Poll::Ready(read) = stream.poll_read_with(&mut context(), take) {
        assert!(read.expect("no error").is_some(), "nobody closes");
    }
}

fn n_groups(ring: &Ring) -> usize {
    ring.driver.borrow().buffers.n_groups()
}

#[test]
fn what_comes_for_more_sockets_than_there_are_buffers_arrives_whole_and_in_order() {
    let ring = ring();
    let mut pairs = connected(&ring, 100);
    let mut received = vec![vec![]; 100];
    let sent = |i: usize| (0..40_000).map(|n| (n / 7 + i) as u8).collect::<Vec<u8>>();
    // Their receives are under way before anything comes.
    pairs.iter_mut().zip(&mut received).for_each(|((stream, _), into)| read(stream, into));
    assert_eq!(n_groups(&ring), 2);
    turn(&ring);
    // All of it lies in the sockets when the ring looks, and is more than the buffers hold.
    for (i, (_, peer)) in pairs.iter_mut().enumerate() {
        peer.write_all(&sent(i)).expect("the sockets hold it");
    }
    while received.iter().any(|received| received.len() < 40_000) {
        turn(&ring);
        pairs.iter_mut().zip(&mut received).for_each(|((stream, _), into)| read(stream, into));
    }
    assert!(received.iter().enumerate().all(|(i, received)| *received == sent(i)));
    assert_eq!(n_groups(&ring), 3);
}

#[test]
fn few_sockets_have_few_buffers_and_many_have_more() {
    let ring = ring();
    let mut pairs = connected(&ring, 64);
    let mut nothing = vec![];
    pairs.iter_mut().for_each(|(stream, _)| read(stream, &mut nothing));
    assert_eq!(n_groups(&ring), 1);
    let mut more = connected(&ring, 200);
    more.iter_mut().for_each(|(stream, _)| read(stream, &mut nothing));
    assert_eq!(n_groups(&ring), 3);
    assert!(nothing.is_empty());
}

#[test]
fn what_many_send_is_lent_to_the_kernel_and_held_no_longer_than_that() {
    let ring = ring();
    let mut pairs = connected(&ring, 3);
    let request: Rc<[u8]> = (*b"GET / HTTP/1.1\r\n\r\n").into();
    for _ in 0..2 {
        for (stream, _) in &mut pairs {
            let sent = stream.poll_write_shared(&mut context(), &request);
            assert!(matches!(sent, Poll::Ready(Ok(()))));
        }
        assert_eq!(Rc::strong_count(&request), 4);
        turn(&ring);
        assert_eq!(Rc::strong_count(&request), 1);
    }
    // More than the sockets hold at a time: the rest waits for room, and for nobody if the stream goes.
    let large: Rc<[u8]> = vec![b'x'; 64 << 20].into();
    let (mut stream, peer) = pairs.remove(0);
    assert!(stream.poll_write_shared(&mut context(), &large).is_ready());
    turn(&ring);
    assert_eq!(Rc::strong_count(&large), 2);
    assert!(stream.poll_write_shared(&mut context(), &request).is_pending());
    drop((stream, peer));
    while Rc::strong_count(&large) > 1 {
        turn(&ring);
    }
}
