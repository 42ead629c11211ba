//! `HttpUser`: one set for several users, and the session from any depth.

use hatchery::{Environment, prelude::*};
use hatchery_tests::programs::target;
use std::marker::PhantomData;

macro_rules! user {
    ($name:ident) => {
        struct $name {
            client: HttpSession,
        }

        impl User for $name {
            fn new(spawn: &Spawn<'_>) -> Self {
                $name { client: HttpSession::new(spawn) }
            }
        }

        impl HttpUser for $name {
            fn client(&self) -> &HttpSession {
                &self.client
            }
        }

        #[tasks]
        #[nested(Search<$name>)]
        impl $name {}
    };
}

user!(Shopper);
user!(Reader);

/// Runs in any user that speaks HTTP.
struct Search<U>(PhantomData<U>);

impl<U: HttpUser> TaskSet for Search<U> {
    fn new(_: &mut U) -> Self {
        Search(PhantomData)
    }
}

#[tasks(parent = U)]
#[nested(Deeper<U>)]
impl<U: HttpUser> Search<U> {}

struct Deeper<U>(PhantomData<U>);

impl<U: HttpUser> TaskSet for Deeper<U> {
    fn new(_: &mut Search<U>) -> Self {
        Deeper(PhantomData)
    }
}

#[tasks(parent = Search<U>)]
impl<U: HttpUser> Deeper<U> {
    #[task]
    async fn query(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.client().get("/bytes/7").await;
        cx.user().client().get("/bytes/8").await;
        cx.stop_user()
    }
}

#[test]
fn a_set_generic_over_http_users_runs_in_each_and_finds_the_session_from_any_depth() {
    let target = target();
    let environment =
        Environment::new().user::<Shopper>().user::<Reader>().host(target.url()).iterations(1_000);
    let runner = environment.create_local_runner().unwrap();
    runner.start(2, f64::INFINITY, true).unwrap();
    hatchery_tests::programs::wait_until("both have asked", || runner.stats().n_requests() == 4);
    runner.quit();
    let stats = runner.stats();
    for name in ["/bytes/7", "/bytes/8"] {
        assert_eq!(stats.entry("GET", name).unwrap().total.n_requests, 2, "{name}");
    }
    assert_eq!((stats.n_failures(), target.served().total()), (0, 4));
}
