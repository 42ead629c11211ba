//! A locustfile's `main`: its user classes, its listeners, and the command line around them.

use crate::{
    cli::{self, Launch, RunFlags},
    environment::Environment,
};
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};
use hatchery_actors::{LoadTestShape, hooks::ControlEvents};
use hatchery_core::{
    events::Events,
    user::{Class, User},
};
use std::{env, ffi::OsString, fmt, process::ExitCode};

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
    environment: Environment,
    shape: Option<Box<dyn LoadTestShape>>,
    options: Option<OwnOptions>,
    embedded_target: bool,
}

/// Flags of the program's own.
struct OwnOptions {
    augment: fn(Command) -> Command,
    read: fn(&ArgMatches, Environment) -> Result<Environment, clap::Error>,
}

#[derive(Parser)]
#[command(version, about = "A load test", disable_help_subcommand = true)]
struct Line {
    /// User classes to run [default: all]
    #[arg(value_name = "CLASS")]
    classes: Vec<String>,

    /// A user class to run; may be given more than once
    #[arg(long = "class", value_name = "CLASS")]
    more_classes: Vec<String>,

    /// Print the user classes and exit
    #[arg(short, long)]
    list: bool,

    /// Print the shares of the tasks and exit
    #[arg(long)]
    show_task_ratio: bool,

    /// Print the shares of the tasks as JSON and exit
    #[arg(long)]
    show_task_ratio_json: bool,

    #[command(flatten)]
    flags: RunFlags,
}

impl Program {
    /// A program without users.
    pub fn new() -> Program {
        Program::default()
    }

    /// A program of an environment that was made before. Flags go before what it says.
    pub fn of(environment: Environment) -> Program {
        Program { environment, ..Program::default() }
    }

    /// Registers a user class. Types that are not registered are abstract, in Locust's words.
    #[must_use]
    pub fn user<U: User>(self) -> Program {
        self.class(Class::of::<U>())
    }

    /// Registers a class made with [`Class::with_table`].
    #[must_use]
    pub fn class(mut self, class: Class) -> Program {
        self.environment = self.environment.class(class);
        self
    }

    /// Adds listeners; called once on each core, with that core's events.
    #[must_use]
    pub fn listen(mut self, listen: impl Fn(&mut Events) + Send + Sync + 'static) -> Program {
        self.environment = self.environment.listen(listen);
        self
    }

    /// Adds listeners to the events of the control thread: `init`, `test_start`, `quitting` and the
    /// like.
    #[must_use]
    pub fn listen_control(
        mut self,
        listen: impl Fn(&mut ControlEvents) + Send + Sync + 'static,
    ) -> Program {
        self.environment = self.environment.listen_control(listen);
        self
    }

    /// Lets a shape decide how many users there are over time; `--shape` and `--step-load` replace
    /// it, `--users` and `--hatch-rate` mean nothing with it. `--run-time` still ends the test,
    /// where it is shorter. Locust's `LoadTestShape` in a locustfile.
    #[must_use]
    pub fn shape(mut self, shape: impl LoadTestShape + 'static) -> Program {
        self.shape = Some(Box::new(shape));
        self
    }

    /// Adds flags of the program's own: a struct that derives [`clap::Args`]. Users read them with
    /// [`Spawn::parsed_options`](crate::Spawn::parsed_options) and
    /// [`Cx::parsed_options`](crate::Cx::parsed_options), listeners by their events'
    /// [`environment`](crate::Events::environment). Locust's `init_command_line_parser` and
    /// `environment.parsed_options`.
    ///
    /// ```no_run
    /// # use hatchery::prelude::*;
    /// # struct Visitor;
    /// # #[tasks] impl Visitor { #[task] async fn t(&mut self, _: &mut Cx<'_, Self>) -> TaskResult { Ok(()) } }
    /// use hatchery::clap; // the derive looks for it
    ///
    /// #[derive(clap::Args)]
    /// struct Shop {
    ///     /// Items that there are
    ///     #[arg(long, default_value_t = 1000)]
    ///     items: u32,
    /// }
    ///
    /// impl User for Visitor {
    ///     fn new(spawn: &Spawn<'_>) -> Self {
    ///         let shop: &Shop = spawn.parsed_options().expect("set by main");
    ///         println!("{} items", shop.items);
    ///         Visitor
    ///     }
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     Program::new().user::<Visitor>().options::<Shop>().main()
    /// }
    /// ```
    #[must_use]
    pub fn options<T: Args + Send + Sync + 'static>(mut self) -> Program {
        self.options = Some(OwnOptions {
            augment: T::augment_args,
            read: |matches, environment| {
                Ok(environment.parsed_options(T::from_arg_matches(matches)?))
            },
        });
        self
    }

    /// Loads the embedded target when no host is given, so that the program runs as it is.
    #[must_use]
    pub fn embedded_target(mut self) -> Program {
        self.embedded_target = true;
        self
    }

    /// Reads the process' arguments, runs the test, prints the results. What the exit codes mean is
    /// in [`exit_codes`](crate::exit_codes).
    pub fn main(self) -> ExitCode {
        self.main_with(env::args_os())
    }

    /// The same with other arguments, the program's name first.
    pub fn main_with(self, args: impl IntoIterator<Item = OsString>) -> ExitCode {
        self.parse_and_run(args).unwrap_or_else(|exit_code| exit_code)
    }

    fn parse_and_run(
        mut self,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<ExitCode, ExitCode> {
        let command = match &self.options {
            Some(own) => (own.augment)(Line::command()),
            None => Line::command(),
        };
        let matches = cli::parse_command(command, args)?;
        let line = Line::from_arg_matches(&matches).map_err(|error| cli::complain_of(&error))?;
        if let Some(own) = &self.options {
            self.environment =
                (own.read)(&matches, self.environment).map_err(|error| cli::complain_of(&error))?;
        }
        self.select(&line).map_err(cli::complain)?;
        Ok(match self.listing(&line) {
            Some(text) => cli::print(&text),
            None => self.run(&line.flags),
        })
    }

    /// Keeps the classes that were named, if any were.
    fn select(&mut self, line: &Line) -> Result<(), String> {
        let known = &mut self.environment.classes;
        let mut named = line.classes.iter().chain(&line.more_classes).peekable();
        if named.peek().is_none() {
            return Ok(());
        }
        let mut selected = vec![false; known.len()];
        for name in named {
            let Some(i) = known.iter().position(|class| class.name() == name) else {
                let known: Vec<_> = known.iter().map(Class::name).collect();
                let hint = cli::hint(name, known.iter().copied());
                return Err(format!(
                    "no user class '{name}'{hint}: there are {}",
                    known.join(", ")
                ));
            };
            selected[i] = true;
        }
        let mut selected = selected.into_iter();
        known.retain(|_| selected.next().unwrap_or(false));
        Ok(())
    }

    /// What is to be printed instead of running.
    fn listing(&self, line: &Line) -> Option<String> {
        let (mut environment, n_users) = (self.environment.clone(), line.flags.users);
        cli::configure(&mut environment, &line.flags);
        let Environment { classes, tags, .. } = &environment;
        if line.list {
            return Some(cli::list_classes(classes));
        }
        if line.show_task_ratio_json {
            return Some(cli::ratios_json(classes, tags, n_users));
        }
        line.show_task_ratio.then(|| cli::ratios(classes, tags, n_users))
    }

    fn run(self, flags: &RunFlags) -> ExitCode {
        cli::init_logging(flags.loglevel);
        if !flags.headless {
            tracing::info!("there is no web UI yet: running as with --headless");
        }
        let Program { environment, shape, embedded_target, .. } = self;
        run(flags, Launch { environment, shape, embedded_target, at_once: false })
    }
}

/// The command line of a program without flags of its own.
#[cfg(test)]
pub(crate) fn command() -> Command {
    Line::command()
}

/// Runs a test and turns its end into an exit code.
pub(crate) fn run(flags: &RunFlags, launch: Launch) -> ExitCode {
    match cli::launch(flags, launch) {
        Ok(outcome) => ExitCode::from(u8::try_from(outcome.exit_code).unwrap_or(u8::MAX)),
        Err(error) => {
            let usage = cli::complain(format_args!("{error:#}"));
            match error.downcast_ref::<hatchery_actors::Error>() {
                // Nothing was wrong with the arguments.
                Some(error) if error.is_listener() => ExitCode::FAILURE,
                _ => usage,
            }
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("environment", &self.environment).finish_non_exhaustive()
    }
}
