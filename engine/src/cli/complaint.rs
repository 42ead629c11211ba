//! Bad input gets one line on standard error and exit code 2, before anything starts.

use super::settings::settle;
use clap::{ArgMatches, Command, Parser, error::ErrorKind};
use hatchery_actors::exit_codes;
use std::{
    ffi::OsString,
    fmt,
    io::{self, Write},
    process::ExitCode,
};

/// Reads the arguments, and what the environment and the settings file add to them. What is to be
/// printed instead, help or a complaint, comes back as the exit code of having printed it.
pub(crate) fn parse<P: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<P, ExitCode> {
    let matches = parse_command(P::command(), args)?;
    P::from_arg_matches(&matches).map_err(|error| complain_of(&error))
}

/// The same for a command to which flags were added.
pub(crate) fn parse_command(
    mut command: Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, ExitCode> {
    let args = join_negative(args.into_iter().collect());
    let settled = settle(&command, args).map_err(complain)?;
    command.try_get_matches_from_mut(settled.args).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => printed(error.print()),
        _ => {
            let line = one_line(&error.to_string());
            let named = |(flag, _): &&(String, String)| line.contains(&format!("'{flag} "));
            match settled.origins.iter().find(named) {
                Some((_, origin)) => complain(format_args!("{line} (from {origin})")),
                None => complain(line),
            }
        }
    })
}

/// Makes `--users -5` one argument, `--users=-5`: so it is a value that is refused with what is
/// accepted, and not an unknown flag. No flag begins with a digit.
fn join_negative(args: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = vec![];
    for arg in args {
        let text = arg.to_str().unwrap_or_default();
        let is_negative = text.strip_prefix('-').is_some_and(|it| it.starts_with(is_numeric));
        match joined.last_mut() {
            Some(flag) if is_negative && takes_next(flag.to_str().unwrap_or_default()) => {
                flag.push("=");
                flag.push(arg);
            }
            _ => joined.push(arg),
        }
    }
    joined
}

fn is_numeric(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '.'
}

/// Whether this is a flag whose value may come next.
fn takes_next(text: &str) -> bool {
    text.starts_with('-') && text != "--" && text != "-" && !text.contains('=')
}

/// Prints what was asked for.
pub(crate) fn print(text: &str) -> ExitCode {
    printed(io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()))
}

fn printed(result: io::Result<()>) -> ExitCode {
    match result {
        // Whoever reads has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("print to standard output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says what is wrong with the arguments.
pub(crate) fn complain_of(error: &clap::Error) -> ExitCode {
    complain(one_line(&error.to_string()))
}

/// Says what is wrong, in one line.
pub(crate) fn complain(message: impl fmt::Display) -> ExitCode {
    // Standard error may be closed or full; the exit code says it, too.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(u8::try_from(exit_codes::USAGE).unwrap_or(2))
}

/// Folds clap's paragraphs into a line: the error and its tips, without the usage.
fn one_line(text: &str) -> String {
    let said = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let kept = said.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let line = kept.collect::<Vec<_>>().join("; ").replace(":; ", ": ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{join_negative, one_line};
    use std::ffi::OsString;

    #[test]
    fn a_negative_number_belongs_to_the_flag_before_it() {
        let joined = |line: &str| {
            let args = join_negative(line.split(' ').map(OsString::from).collect());
            args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(joined("shop --users -5 -t -1s"), "shop --users=-5 -t=-1s");
        assert_eq!(joined("shop -r -.5 -u 5 -k"), "shop -r=-.5 -u 5 -k");
        assert_eq!(joined("shop --users=3 -4 -- -5"), "shop --users=3 -4 -- -5");
    }

    #[test]
    fn a_paragraph_becomes_a_line_with_its_tip() {
        let text = "error: unexpected argument '--usrs' found\n\n  tip: a similar argument exists: \
                    '--users'\n\nUsage: shop [OPTIONS]\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(text),
            "unexpected argument '--usrs' found; tip: a similar argument exists: '--users'"
        );
    }
}
