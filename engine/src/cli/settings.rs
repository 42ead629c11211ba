//! Flags from elsewhere: a TOML file and the environment, below the command line.
//!
//! What they say is put before the arguments as if it had been typed, wherever the command line
//! says nothing of the same flag: so it is read, and complained about, like any flag. From low to
//! high: defaults, file, environment, command line, as in Locust.

use super::suggest::hint;
use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use std::{env, ffi::OsString, fs, io};
use toml::{Table, Value};

/// Read if it is there and `--config` names no other.
const DEFAULT_FILE: &str = "hatchery.toml";

/// Variables are named after flags, with one of these before; the first goes first.
const PREFIXES: [&str; 2] = ["HATCHERY_", "LOCUST_"];

/// The flag whose values may also stand alone.
const CLASS: &str = "class";

/// Flags that only make sense where they are typed.
const TYPED_ONLY: [&str; 3] = ["config", "help", "version"];

/// The arguments with what the file and the environment say, and where each flag of theirs is from.
pub(crate) struct Settled {
    pub(crate) args: Vec<OsString>,
    /// Flag and origin.
    pub(crate) origins: Vec<(String, String)>,
}

/// Reads the file and the environment of this process.
pub(crate) fn settle(command: &Command, args: Vec<OsString>) -> Result<Settled, String> {
    // What cannot be read here is complained about when it is read in earnest.
    let typed = command.clone().ignore_errors(true).try_get_matches_from(&args);
    let Ok(typed) = typed else { return Ok(Settled { args, origins: vec![] }) };
    if typed.subcommand_name().is_some() {
        return Ok(Settled { args, origins: vec![] });
    }
    let named = has(command, "config").then(|| typed.get_raw("config")).flatten();
    let named = named.and_then(|mut values| values.next()).map(|path| path.to_string_lossy());
    let path = named.as_deref().unwrap_or(DEFAULT_FILE);
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => String::new(),
        text => text.map_err(|error| format!("read the settings in {path}: {error}"))?,
    };
    let table =
        text.parse::<Table>().map_err(|error| format!("read {path}: {}", place(&text, &error)))?;
    // What is no Unicode is refused by its flag, and not overlooked.
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    merge(command, &typed, args, path, &table, variable)
}

/// An error of TOML and its place, in one line.
fn place(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let line = before.rsplit('\n').next().unwrap_or_default();
    let (row, column) = (before.matches('\n').count() + 1, line.chars().count() + 1);
    format!("line {row}, column {column}: {message}")
}

fn has(command: &Command, id: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == id)
}

/// Puts the settings that were not typed before the arguments.
fn merge(
    command: &Command,
    typed: &ArgMatches,
    mut args: Vec<OsString>,
    path: &str,
    table: &Table,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Settled, String> {
    let known =
        |key: &str| command.get_arguments().any(|arg| names(arg).iter().any(|it| it == key));
    if let Some(key) = table.keys().find(|key| !known(&key.replace('_', "-"))) {
        let known: Vec<String> = command.get_arguments().flat_map(names).collect();
        let hint = hint(&key.replace('_', "-"), known.iter().map(String::as_str));
        return Err(format!("{path} sets '{key}', which is no flag{hint}; see --help"));
    }
    let (mut settings, mut origins) = (vec![], vec![]);
    for arg in command.get_arguments() {
        let Some(flag) = arg.get_long().filter(|long| !TYPED_ONLY.contains(long)) else { continue };
        let is_typed =
            |id: &str| has(command, id) && typed.value_source(id) == Some(ValueSource::CommandLine);
        if is_typed(arg.get_id().as_str()) || (flag == CLASS && is_typed("classes")) {
            continue;
        }
        let Some((values, origin)) = lookup(arg, path, table, &variable)? else { continue };
        match arg.get_action() {
            ArgAction::SetTrue => {
                let value = &values[0];
                let refuse = || format!("{origin} is '{value}', and must be true or false");
                if truth(value).ok_or_else(refuse)? {
                    settings.push(OsString::from(format!("--{flag}")));
                }
            }
            _ => {
                settings.extend(values.iter().map(|value| format!("--{flag}={value}").into()));
            }
        }
        origins.push((format!("--{flag}"), origin));
    }
    let after_name = args.len().min(1);
    args.splice(after_name..after_name, settings);
    Ok(Settled { args, origins })
}

/// The values for a flag and where they are from.
fn lookup(
    arg: &Arg,
    path: &str,
    table: &Table,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<(Vec<String>, String)>, String> {
    let takes_many = arg.get_num_args().is_some_and(|range| range.max_values() > 1)
        || arg.get_long() == Some(CLASS);
    for prefix in PREFIXES {
        for name in names(arg) {
            let name = format!("{prefix}{}", name.replace('-', "_").to_ascii_uppercase());
            if let Some(value) = variable(&name) {
                let values = match takes_many {
                    true => value.split([' ', ',']).filter(|it| !it.is_empty()).map(str::to_owned),
                    false => return Ok(Some((vec![value], name))),
                };
                return Ok(Some((values.collect(), name)));
            }
        }
    }
    let value = names(arg)
        .iter()
        .find_map(|name| table.get(name).or_else(|| table.get(&name.replace('-', "_"))));
    let Some(value) = value else { return Ok(None) };
    let origin = format!("{path}: {}", names(arg)[0]);
    let values = match value {
        Value::Array(values) => values.iter().map(scalar).collect::<Option<Vec<_>>>(),
        value => scalar(value).map(|value| vec![value]),
    };
    match values {
        Some(values) if !values.is_empty() => Ok(Some((values, origin))),
        _ => Err(format!("{origin} must be a text, a number, true, false or a list of texts")),
    }
}

/// A flag's long name and its aliases; user classes also have Locust's variable.
fn names(arg: &Arg) -> Vec<String> {
    let aliases = arg.get_all_aliases().unwrap_or_default();
    let long = arg.get_long().into_iter().chain(aliases);
    let mut names: Vec<String> = long.map(str::to_owned).collect();
    if arg.get_long() == Some(CLASS) {
        names.push("user-classes".to_owned());
    }
    names
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let arg = |name: &'static str| Arg::new(name).long(name);
        Command::new("shop")
            .arg(arg("users"))
            .arg(arg("hatch-rate").alias("spawn-rate"))
            .arg(arg("headless").action(ArgAction::SetTrue))
            .arg(arg("tags").num_args(1..).action(ArgAction::Append))
            .arg(arg("class").action(ArgAction::Append))
            .arg(Arg::new("classes").num_args(0..))
    }

    fn settled(args: &str, file: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let args: Vec<OsString> = args.split(' ').map(OsString::from).collect();
        let typed = command().try_get_matches_from(&args).expect("good arguments");
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let table = file.parse().expect("TOML");
        let settled = merge(&command(), &typed, args, "hatchery.toml", &table, variable)?;
        command().try_get_matches_from(&settled.args).expect("still good arguments");
        let args: Vec<_> = settled.args.iter().map(|arg| arg.to_string_lossy()).collect();
        Ok(args.join(" "))
    }

    #[track_caller]
    fn check(args: &str, file: &str, variables: &[(&str, &str)], expected: &str) {
        assert_eq!(settled(args, file, variables).as_deref(), Ok(expected));
    }

    #[test]
    fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
        let file = "users = 1\nhatch_rate = 2.5";
        let variables = [("LOCUST_USERS", "3"), ("HATCHERY_USERS", "2")];
        check("shop", file, &[], "shop --users=1 --hatch-rate=2.5");
        check("shop", file, &variables[..1], "shop --users=3 --hatch-rate=2.5");
        check("shop", file, &variables, "shop --users=2 --hatch-rate=2.5");
        check("shop --users 9", file, &variables, "shop --hatch-rate=2.5 --users 9");
    }

    #[test]
    fn aliases_lists_and_switches_are_understood() {
        check("shop", "spawn-rate = 7", &[], "shop --hatch-rate=7");
        check("shop", "", &[("LOCUST_SPAWN_RATE", "7")], "shop --hatch-rate=7");
        check("shop A", "tags = ['a', 'b']", &[], "shop --tags=a --tags=b A");
        check("shop B", "class = 'A'", &[], "shop B");
        check("shop", "", &[("LOCUST_USER_CLASSES", "A B")], "shop --class=A --class=B");
        check("shop", "headless = true", &[], "shop --headless");
        check("shop", "headless = true", &[("HATCHERY_HEADLESS", "no")], "shop");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = settled("shop", "usrs = 1", &[]).expect_err("no such flag");
        assert_eq!(
            error,
            "hatchery.toml sets 'usrs', which is no flag (did you mean 'users'?); see --help"
        );
        let error = settled("shop", "spawnrate = 1", &[]).expect_err("no such flag");
        assert!(error.contains("did you mean 'spawn-rate'?"), "{error}");
        let error = settled("shop", "", &[("HATCHERY_HEADLESS", "maybe")]).expect_err("no truth");
        assert_eq!(error, "HATCHERY_HEADLESS is 'maybe', and must be true or false");
        let error = settled("shop", "users = {}", &[]).expect_err("no number");
        assert!(error.contains("hatchery.toml: users"), "{error}");
    }
}
