//! A name with several addresses: each is tried before it is a failure.

use hatchery::prelude::*;
use hatchery_core::{
    message::Command,
    net::{Resolved, Target, connect},
    ring::SocketOptions,
    shard::Common,
    user::Class,
};
use hatchery_tests::stage::Stage;
use std::{
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::Arc,
};

struct Caller;

impl User for Caller {
    const NEEDS_HOST: bool = false;

    fn new(_: &Spawn<'_>) -> Self {
        Caller
    }
}

#[tasks]
impl Caller {
    #[task]
    async fn call(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        let shard = cx.shard().clone();
        let port = shard.common().options.downcast_ref::<u16>().copied().unwrap();
        let target = Target::Host { host: "many.invalid".into(), port };
        let options = SocketOptions::default();
        let _ = cx.measure("CONNECT", "many", connect(&shard, &target, &options)).await;
        cx.stop_user()
    }
}

/// Connects to a name that has these addresses and tells how many attempts failed.
fn n_failures(addresses: &[Ipv4Addr], port: u16) -> u64 {
    let classes = vec![Class::of::<Caller>()];
    let options = Arc::new(port);
    let mut stage = Stage::real(Common { classes, options, ..Common::default() });
    let addresses = addresses.iter().copied().map(IpAddr::from).collect();
    stage.send(Command::Resolved(Resolved { name: "many.invalid".into(), result: Ok(addresses) }));
    stage.hatch(1);
    stage.wait_until(|stage| stage.n_ended == 1);
    stage.quit();
    assert_eq!(stage.stats.n_requests(), 1);
    stage.stats.n_failures()
}

#[test]
fn every_address_of_a_name_is_tried_before_it_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (dead, alive) = (Ipv4Addr::new(127, 0, 0, 9), Ipv4Addr::LOCALHOST);
    assert_eq!(n_failures(&[dead, dead, alive], port), 0);
    assert_eq!(n_failures(&[dead, dead], port), 1);
    assert_eq!(n_failures(&[], port), 1);
}
