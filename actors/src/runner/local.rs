//! The runner of one process: shards as threads, and a handle for code that may block.

use super::{
    config::RunnerConfig,
    control::Control,
    events::{RunnerEvents, Status},
    launch::Plan,
    state::State,
    threads::LocalShards,
};
use crate::{
    error::Error,
    shape::{LoadTestShape, MakeShape},
    shard::Launch,
    supervisor::ShardLoad,
};
use actix::System;
use hatchery_core::{dispatch::ClassSpec, stats::Snapshot, user::Class};
use std::{
    fmt, io,
    rc::Rc,
    sync::{Arc, Mutex, OnceLock, Weak, mpsc},
    thread,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot},
};

/// What is left of a run when its shards have ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) snapshot: Snapshot,
    pub(crate) loads: Vec<ShardLoad>,
    pub(crate) status: Status,
    /// What the process should end with.
    pub(crate) exit_code: i32,
}

/// A runner whose shards are threads of this process. Clones are the same runner; several runners
/// may follow one another in a process.
///
/// Its methods block the calling thread and must not be called from asynchronous code; that uses
/// [`LocalRunner::control`]. When the last clone is dropped without [`LocalRunner::quit`], the
/// runner quits in the background.
#[derive(Clone)]
pub struct LocalRunner {
    inner: Arc<Inner>,
}

/// A runner if it is still there: it does not keep the runner from quitting.
#[derive(Clone, Debug)]
pub struct WeakRunner(Weak<Inner>);

impl WeakRunner {
    /// The runner, unless its last clone was dropped.
    pub fn upgrade(&self) -> Option<LocalRunner> {
        self.0.upgrade().map(|inner| LocalRunner { inner })
    }
}

struct Inner {
    control: Control,
    shape: Option<MakeShape>,
    /// The control thread's runtime, to wait for its answers on other threads.
    runtime: Handle,
    quit: Arc<Notify>,
    finished: Arc<OnceLock<Finished>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl LocalRunner {
    /// Starts the control thread and the shards, and returns when every shard is ready.
    ///
    /// # Errors
    /// There is no class to run, a thread could not be made, or a shard could not start: the
    /// first such error, with everything shut down again.
    pub fn launch(config: RunnerConfig) -> Result<LocalRunner, Error> {
        let plan = Plan {
            classes: config.common.classes.iter().map(class_spec).collect(),
            stop_timeout: config.stop_timeout,
            reset_stats: config.reset_stats,
            iterations: config.iterations,
            listeners: config.listeners,
            common: config.common.clone(),
            process_exit_code: config.process_exit_code,
            exit_code_on_error: config.exit_code_on_error,
            spin: config.common.spin,
        };
        let RunnerConfig { common, cpus, shape, .. } = config;
        LocalRunner::launch_led(plan, shape, move || LocalShards::new(common, cpus))
    }

    #[cfg(test)]
    pub(crate) fn launch_with<L: Launch + 'static>(
        plan: Plan,
        make_launch: impl FnOnce() -> io::Result<L> + Send + 'static,
    ) -> Result<LocalRunner, Error> {
        LocalRunner::launch_led(plan, None, make_launch)
    }

    /// Starts the control thread, and on it whatever makes the shards.
    fn launch_led<L: Launch + 'static>(
        plan: Plan,
        shape: Option<MakeShape>,
        make_launch: impl FnOnce() -> io::Result<L> + Send + 'static,
    ) -> Result<LocalRunner, Error> {
        let (tx, rx) = mpsc::channel();
        let quit = Arc::new(Notify::new());
        let finished = Arc::new(OnceLock::new());
        let (quit_asked, finished_tx) = (quit.clone(), finished.clone());
        let body = move || {
            System::new().block_on(async move {
                let launched = match make_launch() {
                    Ok(launch) => Control::launch(plan, Rc::new(launch)).await,
                    Err(error) => Err(Error::control(error)),
                };
                let control = match launched {
                    Ok(control) => control,
                    Err(error) => {
                        let _ = tx.send(Err(error));
                        return;
                    }
                };
                let _ = tx.send(Ok((control.clone(), Handle::current())));
                quit_asked.notified().await;
                let _ = finished_tx.set(control.shut_down().await);
            });
        };
        let thread = thread::Builder::new().name("control".to_owned()).spawn(body);
        let thread = thread.map_err(Error::control)?;
        let answer = rx.recv().unwrap_or_else(|_| Err(Error::gone()));
        let (control, runtime) = match answer {
            Ok(parts) => parts,
            Err(error) => {
                let _ = thread.join();
                return Err(error);
            }
        };
        let thread = Mutex::new(Some(thread));
        Ok(LocalRunner {
            inner: Arc::new(Inner { control, shape, runtime, quit, finished, thread }),
        })
    }

    /// The same runner for asynchronous code.
    pub fn control(&self) -> &Control {
        &self.inner.control
    }

    /// The control thread's answer; `None` if it has ended.
    fn wait<T, F>(&self, ask: impl FnOnce(Control) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (tx, rx) = oneshot::channel();
        let answer = ask(self.inner.control.clone());
        self.inner.runtime.spawn(async move {
            let _ = tx.send(answer.await);
        });
        rx.blocking_recv().ok()
    }

    /// A reference that does not keep it from quitting.
    pub fn downgrade(&self) -> WeakRunner {
        WeakRunner(Arc::downgrade(&self.inner))
    }

    /// Heads for `user_count` users: see [`Control::start`].
    ///
    /// Where the environment has a shape, that decides how many users there are, and `wait` waits
    /// for those it begins with. A step load goes up to `user_count`, each step at `hatch_rate`;
    /// other shapes heed neither. While a test is under way, they cannot be edited, as in Locust.
    ///
    /// # Errors
    /// Those of [`Control::start`].
    pub fn start(&self, user_count: u32, hatch_rate: f64, wait: bool) -> Result<(), Error> {
        if let Some(make_shape) = &self.inner.shape {
            let shape = make_shape(user_count, hatch_rate);
            let answer =
                self.wait(move |control| async move { control.start_led(shape, wait).await });
            return answer.unwrap_or_else(|| Err(Error::gone()));
        }
        let answer = self
            .wait(move |control| async move { control.start(user_count, hatch_rate, wait).await });
        answer.unwrap_or_else(|| Err(Error::gone()))
    }

    /// The same, adding users of some classes only: see [`Control::start_classes`].
    ///
    /// # Errors
    /// Those of [`Control::start_classes`].
    pub fn start_classes(
        &self,
        user_count: u32,
        hatch_rate: f64,
        wait: bool,
        classes: &[&str],
    ) -> Result<(), Error> {
        let classes: Vec<String> = classes.iter().map(|&name| name.to_owned()).collect();
        let answer = self.wait(move |control| async move {
            let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
            control.start_classes(user_count, hatch_rate, wait, &classes).await
        });
        answer.unwrap_or_else(|| Err(Error::gone()))
    }

    /// Lets a shape lead the test to its end: see [`Control::start_shape`]. Another thread may
    /// [stop](Self::stop) it.
    ///
    /// # Errors
    /// Those of [`Control::start_shape`].
    pub fn start_shape(&self, mut shape: impl LoadTestShape + 'static) -> Result<(), Error> {
        let answer = self.wait(move |control| async move { control.start_shape(&mut shape).await });
        answer.unwrap_or_else(|| Err(Error::gone()))
    }

    /// Ends the test and returns when all users have ended: see [`Control::stop`].
    pub fn stop(&self) {
        self.wait(|control| async move { control.stop().await });
    }

    /// Stops the test, has every shard hand over its last sample, and ends all threads. Locust's
    /// `Runner.quit`. Statistics can still be read afterwards; nothing can be started.
    pub fn quit(&self) {
        self.inner.quit.notify_one();
        // Held while joining, so that a second caller returns when the first does.
        let mut thread = self.inner.thread.lock().expect("no holder of this lock panics");
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
    }

    /// Live users, those that are stopping included. Locust's `Runner.user_count`.
    pub fn user_count(&self) -> u32 {
        self.inner.control.user_count()
    }

    /// Where the test is.
    pub fn state(&self) -> State {
        self.inner.control.state()
    }

    /// A copy of the statistics with everything recorded until now, or until the end if the runner
    /// has quit.
    pub fn stats(&self) -> Snapshot {
        if let Some(Ok(snapshot)) = self.wait(|control| async move { control.stats().await }) {
            return snapshot;
        }
        let mut copy = Snapshot::default();
        if let Some(finished) = self.inner.finished.get() {
            copy = Snapshot::new(finished.snapshot.start_unix_ns);
            copy.merge(&finished.snapshot);
        }
        copy
    }

    /// Forgets all samples recorded so far: see [`Control::reset_stats`].
    pub fn reset_stats(&self) {
        self.wait(|control| async move { control.reset_stats().await });
    }

    /// The events from now on.
    pub fn subscribe(&self) -> RunnerEvents {
        self.inner.control.subscribe()
    }

    /// What the process should end with, once the runner has quit: what a listener of `quitting`
    /// has set, else as [`exit_codes`](crate::exit_codes) has it. Locust's
    /// `Environment.process_exit_code`.
    pub fn process_exit_code(&self) -> Option<i32> {
        self.finished().map(|finished| finished.exit_code)
    }

    /// What is left after [`LocalRunner::quit`].
    pub(crate) fn finished(&self) -> Option<&Finished> {
        self.inner.finished.get()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("control", &self.control).finish_non_exhaustive()
    }
}

impl fmt::Debug for LocalRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRunner").field("control", &self.inner.control).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Waiting for the end might not be allowed where the last clone is dropped.
        self.quit.notify_one();
    }
}

fn class_spec(class: &Class) -> ClassSpec {
    ClassSpec {
        name: class.name().to_owned(),
        weight: f64::from(class.weight()),
        fixed_count: class.fixed_count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeLaunch, Script, plan};
    use std::thread;

    fn runner() -> LocalRunner {
        let make = || Ok(FakeLaunch::new(2, Script::default()));
        LocalRunner::launch_with(plan(None), make).unwrap()
    }

    #[test]
    fn several_runners_follow_one_another_and_numbers_outlive_them() {
        for user_count in [3, 7] {
            let runner = runner();
            let mut events = runner.subscribe();
            runner.start(user_count, f64::INFINITY, true).unwrap();
            assert_eq!((runner.state(), runner.user_count()), (State::Running, user_count));
            assert_eq!(runner.stats().n_requests(), u64::from(user_count));
            runner.stop();
            assert_eq!((runner.state(), runner.user_count()), (State::Stopped, 0));
            runner.quit();
            runner.quit();
            assert_eq!(runner.stats().n_requests(), u64::from(user_count) + 2);
            assert!(runner.start(1, 1.0, true).unwrap_err().is_gone());
            while events.blocking_next().is_some() {}
            assert_eq!(runner.subscribe().blocking_next(), None);
        }
    }

    #[test]
    fn clones_are_the_same_runner_on_any_thread() {
        let runner = runner();
        let other = runner.clone();
        thread::spawn(move || other.start(2, f64::INFINITY, true)).join().unwrap().unwrap();
        assert_eq!(runner.user_count(), 2);
        runner.reset_stats();
        assert_eq!(runner.stats().n_requests(), 0);
    }

    #[test]
    fn a_runner_that_is_dropped_ends_its_threads() {
        let runner = runner();
        runner.start(2, f64::INFINITY, true).unwrap();
        let mut events = runner.subscribe();
        drop(runner);
        while events.blocking_next().is_some() {}
    }

    #[test]
    fn a_launch_that_fails_ends_the_control_thread() {
        let make = || {
            let script = Script { failing_shard: Some(0), ..Script::default() };
            Ok(FakeLaunch::new(1, script))
        };
        assert!(LocalRunner::launch_with(plan(None), make).unwrap_err().is_shard());
    }
}
