//! A user that waits for another thread: a client of the program's own that blocks, say.

use hatchery::{Class, prelude::*};
use hatchery_core::shard::Common;
use hatchery_tests::stage::Stage;
use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

/// How often each user waits.
const N_WAITS: usize = 20;

#[derive(Default)]
struct Answer {
    is_there: bool,
    waker: Option<Waker>,
}

/// Has a thread take its time, and waits for it without keeping the core.
async fn blocking(time: Duration) {
    let answer = Arc::new(Mutex::new(Answer::default()));
    let theirs = Arc::clone(&answer);
    thread::spawn(move || {
        thread::sleep(time);
        let mut answer = theirs.lock().expect("nobody panics with the lock");
        answer.is_there = true;
        if let Some(waker) = answer.waker.take() {
            waker.wake();
        }
    });
    poll_fn(|cx| {
        let mut answer = answer.lock().expect("nobody panics with the lock");
        answer.waker = Some(cx.waker().clone());
        if answer.is_there { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

struct Patient {
    n_waits: usize,
}

impl User for Patient {
    const NEEDS_HOST: bool = false;

    fn new(_: &Spawn<'_>) -> Self {
        Patient { n_waits: 0 }
    }
}

#[tasks]
impl Patient {
    #[task]
    async fn wait(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        blocking(Duration::from_millis(1)).await;
        self.n_waits += 1;
        if self.n_waits == N_WAITS { cx.stop_user() } else { Ok(()) }
    }
}

#[test]
fn a_wake_from_another_thread_reaches_a_shard_that_sleeps() {
    let classes = vec![Class::of::<Patient>()];
    let mut stage = Stage::real(Common { classes, ..Common::default() });
    let began = Instant::now();
    stage.hatch(3);
    stage.wait_until(|stage| stage.n_ended == 3);
    // A shard looks around each second, wakes or not.
    assert!(began.elapsed() < Duration::from_secs(N_WAITS as u64 / 2), "{:?}", began.elapsed());
}
