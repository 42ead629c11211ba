//! Bad input gets one line on standard error and exit code 2, before anything starts.

use clap::{Parser, error::ErrorKind};
use hatchery_actors::exit_codes;
use std::{ffi::OsString, fmt, process::ExitCode};

/// Reads the arguments. What is to be printed instead, help or a complaint, comes back as the exit
/// code of having printed it.
pub(crate) fn parse<P: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<P, ExitCode> {
    P::try_parse_from(args).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nobody is left to tell if standard output is gone.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        _ => complain(one_line(&error.to_string())),
    })
}

/// Says what is wrong, in one line.
pub(crate) fn complain(message: impl fmt::Display) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(u8::try_from(exit_codes::USAGE).unwrap_or(2))
}

/// Folds clap's paragraphs into a line: the error and its tips, without the usage.
fn one_line(text: &str) -> String {
    let said = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let kept = said.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let line = kept.collect::<Vec<_>>().join("; ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::one_line;

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
