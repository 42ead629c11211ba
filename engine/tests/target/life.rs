//! Starting and stopping.

use crate::client::{Client, address, start};
use hatchery::target::{Pattern, Target, TargetOptions};
use hatchery_core::ring::Address;
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::{UnixListener, UnixStream},
};

#[test]
fn a_stop_closes_what_is_open() {
    let target = start();
    let address = address(&target);
    let mut idle: Vec<_> = (0..50).map(|_| Client::connect(&target)).collect();
    idle.iter_mut().for_each(|client| assert_eq!(client.get("/").status, 200));
    let mut waiting = Client::connect(&target);
    waiting.send("GET /delay/600000 HTTP/1.1\r\nHost: t\r\n\r\n");
    let mut blocked = Client::connect(&target);
    blocked.send("GET /bytes/1073741824 HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(blocked.reply(false).status, 200);

    let served = target.stop();
    assert_eq!((served.of(Pattern::Hello), served.of(Pattern::Delay)), (50, 0));
    assert!(idle.iter_mut().all(Client::is_closed));
    assert!(waiting.is_closed());
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn an_address_in_use_is_an_error_that_says_so() {
    let target = start();
    let listen = target.local_addr().clone();
    let error = Target::start(&TargetOptions { listen, ..TargetOptions::loopback() }).unwrap_err();
    assert!(error.is_address_in_use(), "{error}");
    assert!(error.to_string().contains("choose another port"), "{error}");
    let error = Target::start(&TargetOptions { cpus: vec![], ..TargetOptions::loopback() });
    assert_eq!(error.unwrap_err().to_string(), "start the target: no CPU was given for it");
    let cpus = vec![4_095];
    let options = TargetOptions { cpus, unpinned: false, ..TargetOptions::loopback() };
    assert!(Target::start(&options).unwrap_err().to_string().contains("4095"));
}

#[test]
fn a_target_can_start_again_where_it_was() {
    let target = start();
    let listen = target.local_addr().clone();
    let mut client = Client::connect(&target);
    assert_eq!(client.get("/").status, 200);
    target.stop();
    let options = TargetOptions { listen, cpus: vec![0, 0], unpinned: true };
    let target = Target::start(&options).unwrap();
    assert_eq!(Client::connect(&target).get("/").status, 200);
}

#[test]
fn a_unix_socket_serves_and_is_removed() {
    let path = std::env::temp_dir().join(format!("hatchery-target-{}", std::process::id()));
    let options =
        TargetOptions { listen: Address::Unix(path.clone()), cpus: vec![0, 1], unpinned: true };
    let target = Target::start(&options).unwrap();
    assert!(Target::start(&options).unwrap_err().is_address_in_use());
    for _ in 0..20 {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        assert!(all.ends_with("\r\n\r\nhello"));
    }
    assert_eq!(target.stop().of(Pattern::Hello), 20);
    assert!(!path.exists());

    // What a killed process leaves behind does not stand in the way.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(Target::start(&options).unwrap());
    assert!(!path.exists());
}
