//! How many connections a run needs, and where they lead: for the check before it begins.

use crate::environment::Environment;
use hatchery_actors::preflight::{Destination, Needs};
use hatchery_core::{
    dispatch::{ClassSpec, Dispatcher},
    user::Class,
};
use hatchery_http::PoolChoice;
use std::collections::BTreeMap;

/// What so many users need.
pub(crate) fn needs(environment: &Environment, n_users: u32, n_shards: usize) -> Needs {
    let mut n_connections = 0;
    let mut by_destination = BTreeMap::<Option<String>, Vec<u64>>::new();
    let users = users_by_class(environment, n_users, n_shards);
    for (class, by_shard) in environment.classes.iter().zip(users) {
        // What a user connects to that needs no host is its own business: one connection is taken.
        let host = environment.host.as_deref().or(class.host());
        let urls: Vec<&str> = match environment.urls.is_empty() {
            true => host.into_iter().collect(),
            false => environment.urls.iter().map(String::as_str).collect(),
        };
        if urls.is_empty() {
            n_connections += by_shard.iter().sum::<u64>();
        }
        for url in urls {
            // So is what speaks another protocol than HTTP.
            let Ok(destination) = hatchery_http::destination(url, &environment.http) else {
                n_connections += by_shard.iter().sum::<u64>();
                continue;
            };
            let total = by_destination.entry(destination).or_insert_with(|| vec![0; n_shards]);
            total.iter_mut().zip(&by_shard).for_each(|(total, n)| *total += n);
        }
    }
    if let PoolChoice::PerCore { connections_max: limit @ 1.. } = environment.http.pool {
        let limit = u64::from(limit);
        by_destination.values_mut().flatten().for_each(|n| *n = limit.min(*n));
    }
    n_connections += by_destination.values().flatten().sum::<u64>();
    // Unix sockets have no ports.
    let destinations = by_destination
        .into_iter()
        .filter_map(|(name, by_shard)| Some(Destination { name: name?, by_shard }))
        .collect();
    let n_sources = environment.http.sources.len().max(1) as u64;
    let (n_users, n_shards) = (u64::from(n_users), n_shards as u64);
    Needs { n_users, n_connections, n_shards, destinations, n_sources }
}

/// Users that are dealt out one by one, as in earnest. Beyond, each weighted class has its share on
/// each shard, so that a slip (`-u 4000000000`) is complained about at once.
const DEALT_MAX: u32 = 1_000_000;

/// Users of each class, by shard, when all are there.
fn users_by_class(environment: &Environment, n_users: u32, n_shards: usize) -> Vec<Vec<u64>> {
    let spec = |class: &Class| ClassSpec {
        name: class.name().to_owned(),
        weight: f64::from(class.weight()),
        fixed_count: class.fixed_count(),
    };
    let specs: Vec<_> = environment.classes.iter().map(spec).collect();
    let mut users = vec![vec![0; n_shards]; specs.len()];
    if specs.is_empty() {
        return users;
    }
    let mut dispatcher = Dispatcher::new(&specs, n_shards);
    dispatcher.retarget(n_users.min(DEALT_MAX), f64::INFINITY, None);
    while let Some(batch) = dispatcher.next_batch() {
        for change in batch.changes {
            let n: &mut u64 = &mut users[change.class][change.shard];
            *n = n.saturating_add_signed(change.delta);
        }
    }
    let weight = |spec: &ClassSpec| if spec.fixed_count == 0 { spec.weight } else { 0.0 };
    let weights: f64 = specs.iter().map(weight).sum();
    let rest = f64::from(n_users.saturating_sub(DEALT_MAX));
    if rest > 0.0 && weights > 0.0 {
        for (spec, by_shard) in specs.iter().zip(&mut users) {
            let share = rest * weight(spec) / weights / n_shards as f64;
            by_shard.iter_mut().for_each(|n| *n += share.ceil() as u64);
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;
    use hatchery_core::user::{Root, Spawn, Table, Tasks, User};
    use hatchery_http::{Proxies, SessionOptions};

    struct Visitor;

    impl User for Visitor {
        fn new(_: &Spawn<'_>) -> Self {
            Visitor
        }
    }

    impl Tasks for Visitor {
        type Parent = Root;

        fn table() -> Table<Self> {
            Table::new()
        }
    }

    fn environment(host: &str) -> Environment {
        Environment::new().class(Class::of::<Visitor>()).host(host)
    }

    #[track_caller]
    fn check(environment: &Environment, expected: &[(&str, &[u64])]) -> Needs {
        let needs = needs(environment, 101, 2);
        let found = needs.destinations.iter().map(|to| (&*to.name, &*to.by_shard));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        needs
    }

    #[test]
    fn each_user_has_a_connection_to_its_host_or_to_each_url() {
        let mut environment = environment("http://shop.test");
        let needs = check(&environment, &[("shop.test:80", &[51, 50])]);
        assert_eq!((needs.n_connections, needs.n_sources), (101, 1));
        environment.urls = ["http://a.test:81", "https://b.test"].map(str::to_owned).to_vec();
        environment.http.sources = vec!["127.0.0.1".parse().expect("one"); 3];
        let needs = check(&environment, &[("a.test:81", &[51, 50]), ("b.test:443", &[51, 50])]);
        assert_eq!((needs.n_connections, needs.n_sources), (202, 3));
    }

    #[test]
    fn more_users_than_are_dealt_out_one_by_one_have_their_share_too() {
        let needs = needs(&environment("http://shop.test"), u32::MAX, 2);
        let half = u64::from(u32::MAX).div_ceil(2);
        let by_shard = &needs.destinations[0].by_shard;
        assert!(by_shard.iter().all(|n| n.abs_diff(half) <= 1), "{by_shard:?}");
        assert_eq!(needs.n_users, u64::from(u32::MAX));
    }

    #[test]
    fn unix_sockets_take_no_ports_and_proxies_take_the_place_of_hosts() {
        let needs = check(&environment("http+unix://%2Frun%2Fapp.sock"), &[]);
        assert_eq!(needs.n_connections, 101);
        let mut environment = environment("http://shop.test");
        environment.http.proxies = Proxies::all("http://proxy.test:3128").expect("a URL");
        check(&environment, &[("proxy.test:3128", &[51, 50])]);
    }

    #[test]
    fn a_shared_pool_has_as_many_connections_as_it_may() {
        let mut environment = environment("http://shop.test");
        let pool = PoolChoice::PerCore { connections_max: 8 };
        environment.http = SessionOptions { pool, ..SessionOptions::default() };
        assert_eq!(check(&environment, &[("shop.test:80", &[8, 8])]).n_connections, 16);
    }
}
