//! A load test without the command line: what is to run, and on what.

mod check;
mod runner;

use hatchery_actors::{
    LoadTestShape, exit_codes,
    hooks::{ControlEvents, ListenControl},
    shape::{MakeShape, StepLoad},
};
use hatchery_core::{
    events::{Events, Listen},
    placement::CoreChoice,
    user::{Class, TagFilter, User},
};
use hatchery_http::SessionOptions;
use runner::LastRunner;
use std::{any::Any, fmt, sync::Arc, time::Duration};

/// Everything that a test is made of, for use as a library. Locust's `Environment`.
///
/// ```no_run
/// # use hatchery::prelude::*;
/// # struct Visitor;
/// # impl User for Visitor { fn new(_: &Spawn<'_>) -> Self { Visitor } }
/// # #[tasks] impl Visitor { #[task] async fn t(&mut self, _: &mut Cx<'_, Self>) -> TaskResult { Ok(()) } }
/// use hatchery::Environment;
/// use std::{thread, time::Duration};
///
/// let environment = Environment::new().user::<Visitor>().host("http://127.0.0.1:8080");
/// let runner = environment.create_local_runner()?;
/// runner.start(100, 10.0, true)?; // all 100 users are there when this returns
/// thread::sleep(Duration::from_secs(60));
/// runner.quit();
/// println!("{} requests", runner.stats().n_requests());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Environments may follow one another in a process, and each may make several runners.
///
/// | Locust's member | here |
/// | --- | --- |
/// | `user_classes` | [`user`](Self::user), [`class`](Self::class), [`user_classes`](Self::user_classes) |
/// | `host` | [`host`](Self::host) |
/// | `tags`, `exclude_tags` | [`tags`](Self::tags), [`exclude_tags`](Self::exclude_tags) |
/// | `events` | [`listen`](Self::listen), [`listen_control`](Self::listen_control) |
/// | `reset_stats` | [`reset_stats`](Self::reset_stats) |
/// | `stop_timeout` | [`stop_timeout`](Self::stop_timeout) |
/// | `catch_exceptions` | [`catch_exceptions`](Self::catch_exceptions) |
/// | `parsed_options` | [`parsed_options`](Self::parsed_options) |
/// | `process_exit_code` | [`process_exit_code`](Self::process_exit_code), [`Control::set_process_exit_code`](crate::Control::set_process_exit_code) |
/// | `create_local_runner()`, `runner` | [`create_local_runner`](Self::create_local_runner), [`runner`](Self::runner) |
/// | `stats` | [`stats`](Self::stats) |
/// | `step_load`, `shape_class` | [`step_load`](Self::step_load), [`shape`](Self::shape) |
///
/// Users and listeners see it as [`Common`](crate::Common).
#[derive(Clone)]
pub struct Environment {
    pub(crate) classes: Vec<Class>,
    pub(crate) host: Option<String>,
    /// What its users connect to, if that is not their host.
    pub(crate) urls: Vec<String>,
    pub(crate) tags: TagFilter,
    pub(crate) listeners: Vec<Listen>,
    pub(crate) control_listeners: Vec<ListenControl>,
    pub(crate) exit_code_on_error: i32,
    pub(crate) process_exit_code: Option<i32>,
    pub(crate) reset_stats: bool,
    pub(crate) stop_timeout: Option<Duration>,
    pub(crate) catch_exceptions: bool,
    pub(crate) iterations: Option<u64>,
    pub(crate) options: Arc<dyn Any + Send + Sync>,
    pub(crate) http: SessionOptions,
    pub(crate) cores: CoreChoice,
    pub(crate) seed: u64,
    pub(crate) spin: bool,
    pub(crate) phases: bool,
    pub(crate) shape: Option<MakeShape>,
    last_runner: LastRunner,
}

impl Default for Environment {
    fn default() -> Environment {
        Environment {
            classes: vec![],
            host: None,
            urls: vec![],
            tags: TagFilter::default(),
            listeners: vec![],
            control_listeners: vec![],
            exit_code_on_error: exit_codes::FAILURES,
            process_exit_code: None,
            reset_stats: false,
            stop_timeout: None,
            catch_exceptions: true,
            iterations: None,
            options: Arc::new(()),
            http: SessionOptions::default(),
            cores: CoreChoice::Auto,
            seed: 0,
            spin: false,
            phases: false,
            shape: None,
            last_runner: LastRunner::default(),
        }
    }
}

impl Environment {
    /// An environment without users.
    pub fn new() -> Environment {
        Environment::default()
    }

    /// Adds a user class. Locust's `user_classes`.
    #[must_use]
    pub fn user<U: User>(self) -> Environment {
        self.class(Class::of::<U>())
    }

    /// Adds a class made with [`Class::with_table`], or one with another weight.
    #[must_use]
    pub fn class(mut self, class: Class) -> Environment {
        self.classes.push(class);
        self
    }

    /// The user classes added so far. Locust's `Environment.user_classes`.
    pub fn user_classes(&self) -> &[Class] {
        &self.classes
    }

    /// Base URL of the target, before any that a class names. Locust's `host`.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Environment {
        self.host = Some(host.into());
        self
    }

    /// Runs only tasks with one of these tags. Locust's `tags`.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Environment {
        self.tags.include = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Runs no tasks with one of these tags, whatever [`tags`](Self::tags) says. Locust's
    /// `exclude_tags`.
    #[must_use]
    pub fn exclude_tags<T: Into<String>>(
        mut self,
        tags: impl IntoIterator<Item = T>,
    ) -> Environment {
        self.tags.exclude = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Adds listeners to each core's events; called once per core and runner. Locust's
    /// `Environment.events`.
    #[must_use]
    pub fn listen(mut self, listen: impl Fn(&mut Events) + Send + Sync + 'static) -> Environment {
        self.listeners.push(Arc::new(listen));
        self
    }

    /// Adds listeners to a runner's events, on its control thread: `init`, `test_start`, `quitting`
    /// and the like; called once per runner. Locust's `Environment.events`.
    #[must_use]
    pub fn listen_control(
        mut self,
        listen: impl Fn(&mut ControlEvents) + Send + Sync + 'static,
    ) -> Environment {
        self.control_listeners.push(Arc::new(listen));
        self
    }

    /// Whether the statistics begin anew when all users were hatched. Locust's `reset_stats`.
    #[must_use]
    pub fn reset_stats(mut self, reset_stats: bool) -> Environment {
        self.reset_stats = reset_stats;
        self
    }

    /// How long users may take to finish their task when they are stopped; without it they are
    /// killed at once. Locust's `stop_timeout`.
    #[must_use]
    pub fn stop_timeout(mut self, stop_timeout: Duration) -> Environment {
        self.stop_timeout = Some(stop_timeout);
        self
    }

    /// Whether an error or a panic of a task is counted and its user goes on, which is the
    /// default; otherwise the first one ends the test. Locust's `catch_exceptions`.
    #[must_use]
    pub fn catch_exceptions(mut self, catch_exceptions: bool) -> Environment {
        self.catch_exceptions = catch_exceptions;
        self
    }

    /// Ends the test when so many tasks have been run in all.
    #[must_use]
    pub fn iterations(mut self, n_tasks: u64) -> Environment {
        self.iterations = Some(n_tasks);
        self
    }

    /// A value that users and listeners read back by its type, with
    /// [`Spawn::parsed_options`](crate::Spawn::parsed_options),
    /// [`Cx::parsed_options`](crate::Cx::parsed_options) or
    /// [`Events::environment`](crate::Events::environment). Locust's `parsed_options`.
    #[must_use]
    pub fn parsed_options<T: Send + Sync + 'static>(mut self, options: T) -> Environment {
        self.options = Arc::new(options);
        self
    }

    /// What the process should end with, whatever the numbers say; a listener may set another by
    /// [`Control::set_process_exit_code`](crate::Control::set_process_exit_code). Without it,
    /// failures and the like decide: see [`crate::exit_codes`]. Locust's
    /// `process_exit_code`.
    #[must_use]
    pub fn process_exit_code(mut self, code: u8) -> Environment {
        self.process_exit_code = Some(code.into());
        self
    }

    /// Measures the phases of requests (DNS, connect, TLS, first and last byte), which costs a few
    /// looks at the clock per request. See [`Response::phases`](crate::Response::phases) and
    /// [`PhaseStats`](crate::stats::PhaseStats). `--phases`.
    #[must_use]
    pub fn phases(mut self, phases: bool) -> Environment {
        self.phases = phases;
        self
    }

    /// How [`HttpSession`](crate::HttpSession)s connect, unless one is made with options of its own;
    /// the command line's flags go before it.
    #[must_use]
    pub fn http(mut self, options: SessionOptions) -> Environment {
        self.http = options;
        self
    }

    /// The CPUs to drive users from; all but one by default where there are four or more.
    #[must_use]
    pub fn cores(mut self, cores: CoreChoice) -> Environment {
        self.cores = cores;
        self
    }

    /// Lets a shape decide how many users there are over time, in each test that
    /// [`LocalRunner::start`](crate::LocalRunner::start) or a [`Program`](crate::Program) starts:
    /// each begins with a copy of it. Takes the place of a [step load](Self::step_load). Locust's
    /// `shape_class`.
    #[must_use]
    pub fn shape(mut self, shape: impl LoadTestShape + Clone + Sync + 'static) -> Environment {
        self.shape = Some(Arc::new(move |_, _| Box::new(shape.clone())));
        self
    }

    /// Hatches in steps: `step_users` more every `step_time`, up to the users that a test is
    /// started with, at its rate within a step. Takes the place of a [shape](Self::shape). Locust's
    /// `step_load`, with `--step-users` and `--step-time`.
    ///
    /// ```
    /// # use hatchery::Environment;
    /// # use std::time::Duration;
    /// // start(100, …) has 20 users in the first minute, 40 in the second, and 100 from the fifth.
    /// let environment = Environment::new().step_load(20, Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn step_load(mut self, step_users: u32, step_time: Duration) -> Environment {
        self.shape = Some(Arc::new(move |users_max, hatch_rate| {
            Box::new(StepLoad { users_max, step_users, step_time, hatch_rate })
        }));
        self
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("classes", &self.classes)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}
