//! A locustfile's `main`: its user classes, its listeners, and the command line around them.

use crate::cli::{self, Launch, RunFlags};
use clap::Parser;
use hatchery_core::{
    events::{Events, Listen},
    user::{Class, User},
};
use std::{env, ffi::OsString, fmt, process::ExitCode, sync::Arc};

/// A load test as a program with Locust's command line.
///
/// ```no_run
/// # use hatchery::prelude::*;
/// # struct Visitor;
/// # impl User for Visitor { fn new(_: &Spawn<'_>) -> Self { Visitor } }
/// # #[tasks] impl Visitor { #[task] async fn t(&mut self, _: &mut Cx<'_, Self>) -> TaskResult { Ok(()) } }
/// fn main() -> std::process::ExitCode {
///     Program::new().user::<Visitor>().main()
/// }
/// ```
#[derive(Default)]
pub struct Program {
    classes: Vec<Class>,
    listeners: Vec<Listen>,
    embedded_target: bool,
}

#[derive(Parser)]
#[command(version, about = "A load test", disable_help_subcommand = true)]
struct Line {
    #[command(flatten)]
    flags: RunFlags,
}

impl Program {
    /// A program without users.
    pub fn new() -> Program {
        Program::default()
    }

    /// Registers a user class. Types that are not registered are abstract, in Locust's words.
    #[must_use]
    pub fn user<U: User>(self) -> Program {
        self.class(Class::of::<U>())
    }

    /// Registers a class made with [`Class::with_table`].
    #[must_use]
    pub fn class(mut self, class: Class) -> Program {
        self.classes.push(class);
        self
    }

    /// Adds listeners; called once on each core, with that core's events.
    #[must_use]
    pub fn listen(mut self, listen: impl Fn(&mut Events) + Send + Sync + 'static) -> Program {
        self.listeners.push(Arc::new(listen));
        self
    }

    /// Loads the embedded target when no host is given, so that the program runs as it is.
    #[must_use]
    pub fn embedded_target(mut self) -> Program {
        self.embedded_target = true;
        self
    }

    /// Reads the process' arguments, runs the test, prints the results. The exit code is 0, 1 when
    /// a request or a task failed, 2 for bad arguments, and as `hatchery_actors::exit_codes` has it.
    pub fn main(self) -> ExitCode {
        self.main_with(env::args_os())
    }

    /// The same with other arguments, the program's name first.
    pub fn main_with(self, args: impl IntoIterator<Item = OsString>) -> ExitCode {
        match cli::parse::<Line>(args) {
            Ok(line) => self.run(&line.flags),
            Err(exit_code) => exit_code,
        }
    }

    fn run(self, flags: &RunFlags) -> ExitCode {
        cli::init_logging(flags.loglevel);
        if !flags.headless {
            tracing::info!("there is no web UI yet: running as with --headless");
        }
        run(
            flags,
            Launch {
                classes: self.classes,
                listeners: self.listeners,
                options: Arc::new(()),
                embedded_target: self.embedded_target,
                at_once: false,
            },
        )
    }
}

/// Runs a test and turns its end into an exit code.
pub(crate) fn run(flags: &RunFlags, launch: Launch) -> ExitCode {
    match cli::launch(flags, launch) {
        Ok(outcome) => ExitCode::from(u8::try_from(outcome.exit_code).unwrap_or(u8::MAX)),
        Err(error) => cli::complain(format_args!("{error:#}")),
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("classes", &self.classes).finish_non_exhaustive()
    }
}
