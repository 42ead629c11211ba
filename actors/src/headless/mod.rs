//! A whole run without a user interface: start, tables, signals, run time, report, exit code.

mod generator;
mod options;
mod outcome;
mod progress;
mod run;
mod signals;

pub use generator::warnings as generator_warnings;
pub use options::HeadlessOptions;
pub use outcome::Outcome;
pub(crate) use outcome::exit_code;
pub use progress::LogWriter;
pub use run::run;
pub use signals::wait_for_stop;
