//! Rules of the tree that no compiler checks.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The packages that a manifest depends on, tests left out.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let table = manifest.get("dependencies").and_then(|it| it.as_table());
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[track_caller]
fn check_arrows(folder: &str, ours: &[&str], never: &[&str]) {
    let found = dependencies(folder);
    let ours: BTreeSet<_> = ours.iter().map(|name| (*name).to_owned()).collect();
    let found_ours: BTreeSet<_> =
        found.iter().filter(|name| name.starts_with("hatchery")).cloned().collect();
    assert!(found_ours.is_subset(&ours), "{folder}: {found_ours:?} is more than {ours:?}");
    for name in never {
        assert!(!found.contains(*name), "{folder} must not depend on {name}");
    }
}

#[test]
fn packages_depend_on_each_other_only_as_the_readme_says() {
    check_arrows("engine/core", &[], &["hyper", "actix", "tokio", "serde", "clap"]);
    check_arrows("engine/macros", &[], &["hyper", "actix", "tokio", "serde", "clap", "glommio"]);
    check_arrows("http", &["hatchery-core"], &["actix", "tokio", "clap", "glommio"]);
    check_arrows("actors", &["hatchery-core"], &["hyper", "glommio", "clap"]);
    let all = ["hatchery-core", "hatchery-http", "hatchery-actors", "hatchery-macros"];
    check_arrows("engine", &all, &["glommio", "actix", "hyper"]);
}

#[test]
fn of_tokio_http_has_the_traits_and_no_runtime() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let tokio_io = &manifest["workspace"]["dependencies"]["tokio-io"];
    assert_eq!(tokio_io["default-features"].as_bool(), Some(false));
    assert!(tokio_io.get("features").is_none());
    let text = fs::read_to_string(root().join("http/Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    assert!(manifest["dependencies"]["tokio-io"].get("features").is_none());
}

/// Every Rust file that git would take.
fn sources() -> Vec<PathBuf> {
    let mut files = vec![];
    let mut folders: Vec<_> = ["engine", "http", "actors", "bench", "tests"]
        .iter()
        .map(|folder| root().join(folder))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with(".venv") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 100, "the tree was found");
    files
}

#[test]
fn each_file_says_what_it_is_and_none_is_a_book() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        // Those are programs that must not compile, shown as a user would write them.
        if path.components().any(|part| part.as_os_str() == "compile-fail") {
            continue;
        }
        // The manual, which is the facade's header, is a file of its own.
        let has_header = text.starts_with("//!") || text.starts_with("#![doc = include_str!(");
        assert!(has_header, "{} has no header", path.display());
        let n_lines = text.lines().count();
        assert!(
            n_lines <= 500,
            "{} has {n_lines} lines: give its second job a room",
            path.display()
        );
    }
}

#[test]
fn unsafe_code_lives_in_the_ring_alone() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let in_ring = path.components().any(|part| part.as_os_str() == "ring");
        let word = concat!("unsafe", " {");
        assert!(in_ring || !text.contains(word), "{}", path.display());
    }
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    let agreed = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "engine",
        "actors",
        "http",
        "bench",
        "tests",
        "target",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || agreed.contains(&&*name), "{name} is not agreed on");
    }
}
