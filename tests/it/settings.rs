//! Flags from a file, as a program reads them.

use hatchery_tests::programs::Program;
use std::{env, ffi::OsStr, fs, os::unix::ffi::OsStrExt, process};

const SHOP: &str = env!("CARGO_BIN_EXE_shop-under-test");

/// Runs the shop with a settings file of this content.
fn run(name: &str, settings: &str, args: &[&str]) -> (i32, String, String) {
    let path = env::temp_dir().join(format!("hatchery-{name}-{}.toml", process::id()));
    fs::write(&path, settings).expect("the folder for such files can be written");
    let path_text = path.to_str().expect("a path of letters");
    let finished = Program::start(SHOP, &[args, &["--config", path_text]].concat()).finish();
    fs::remove_file(&path).expect("it was written above");
    (finished.code(), finished.stdout, finished.stderr)
}

#[test]
fn a_file_sets_flags_and_the_command_line_overrules_it() {
    let settings =
        "users = 3\nhatch-rate = 3\nrun_time = '1s'\nonly-summary = true\nclass = 'Shopper'\n";
    let (code, _, stderr) = run("flags", settings, &["--headless"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("Ramping to 3 users at a rate of 3.00"), "{stderr}");
    let (_, _, stderr) = run("overruled", settings, &["--headless", "-u", "2"]);
    assert!(stderr.contains("Ramping to 2 users at a rate of 3.00"), "{stderr}");
}

#[test]
fn tags_of_a_file_choose_tasks() {
    let args = ["--show-task-ratio-json"];
    let (code, stdout, _) = run("tags", "tags = ['browse']\nexclude_tags = ['buy']", &args);
    assert_eq!(code, 0);
    assert!(stdout.contains("search"), "{stdout}");
    assert!(!stdout.contains("item") && !stdout.contains("Checkout"), "{stdout}");
}

#[test]
fn a_file_that_is_wrong_or_missing_is_named_before_anything_starts() {
    let (code, _, stderr) = run("unknown", "usrs = 3", &["--headless"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("'usrs'") && stderr.lines().count() == 1, "{stderr}");
    assert!(stderr.contains("did you mean 'users'?"), "{stderr}");
    let (code, _, stderr) = run("bad", "users = 0", &["--headless"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("'0'") && stderr.contains("toml: users"), "{stderr}");
    let (code, _, stderr) = run("unclosed", "users = 1\nhost = [\n", &["--headless"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("line 2, column 9: unclosed array"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let finished = Program::start(SHOP, &["--config", "/nowhere/at/all.toml"]).finish();
    assert_eq!(finished.code(), 2);
    assert!(finished.stderr.contains("/nowhere/at/all.toml"), "{}", finished.stderr);
}

#[test]
fn the_folders_own_file_is_found_and_variables_go_before_it() {
    let folder = env::temp_dir().join(format!("hatchery-settings-{}", process::id()));
    fs::create_dir_all(&folder).expect("the folder for such files can be written");
    fs::write(
        folder.join("hatchery.toml"),
        "users = 3\nspawn-rate = 7\nstep-time = '1s'\nstep-load = true",
    )
    .expect("it can be written");
    let run = |variables: &[(&str, &str)]| {
        let mut command = process::Command::new(SHOP);
        command.args(["--headless", "-t", "1s", "--only-summary"]).current_dir(&folder);
        let output = command.envs(variables.iter().copied()).output().expect("it can be run");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let stderr = run(&[("HATCHERY_STEP_USERS", "3")]);
    assert!(stderr.contains("Ramping to 3 users at a rate of 7.00"), "{stderr}");
    let stderr = run(&[("LOCUST_USERS", "2"), ("HATCHERY_STEP_LOAD", "no")]);
    assert!(stderr.contains("--step-time") && stderr.contains("--step-load"), "{stderr}");
    let mut command = process::Command::new(SHOP);
    let output =
        command.arg("--headless").env("HATCHERY_USERS", OsStr::from_bytes(b"\xff3")).output();
    let stderr = String::from_utf8_lossy(&output.expect("it can be run").stderr).into_owned();
    assert!(stderr.contains("--users") && stderr.contains("(from HATCHERY_USERS)"), "{stderr}");
    fs::remove_dir_all(&folder).expect("it was made above");
}
