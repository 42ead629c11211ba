//! The table of flags in the README, written from the flags.

use clap::{Arg, ArgAction, Command};
use std::{env, fs, path::Path};

const BEGIN: &str = "<!-- flags: UPDATE_README=1 cargo test -p hatchery --lib readme -->\n";
const END: &str = "<!-- end of flags -->";

fn table(command: &Command) -> String {
    let rows = command.get_arguments().filter_map(row);
    format!("\n| flag | meaning |\n| --- | --- |\n{}\n", rows.collect::<String>())
}

fn row(arg: &Arg) -> Option<String> {
    let long = arg.get_long().filter(|_| !arg.is_hide_set())?;
    let short = arg.get_short().map_or(String::new(), |short| format!("-{short}, "));
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let names = arg.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let values: String = names.iter().map(|name| format!(" {name}")).collect();
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let default = match arg.get_default_values().first() {
        Some(value) if takes_value => format!(" [default: {}]", value.to_string_lossy()),
        _ => String::new(),
    };
    Some(format!("| `{short}--{long}{values}` | {help}{default} |\n"))
}

#[test]
fn the_readme_has_the_table_of_all_flags() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).expect("the README is there");
    let (before, rest) = readme.split_once(BEGIN).expect("the table has a beginning");
    let (found, after) = rest.split_once(END).expect("the table has an end");
    let expected = table(&crate::program::command());
    if env::var_os("UPDATE_README").is_some() {
        let text = format!("{before}{BEGIN}{expected}{END}{after}");
        fs::write(&path, text).expect("the README can be written");
        return;
    }
    assert_eq!(
        found, expected,
        "write it anew: UPDATE_README=1 cargo test -p hatchery --lib readme"
    );
}
