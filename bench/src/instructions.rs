//! Instructions per request in user space, counted by valgrind: a figure that noise cannot move.
//!
//! Of hatchery alone; a change of its code is compared with itself. Valgrind lets one thread run at
//! a time, also while it waits in the ring, so hatchery spins, and turns that find nothing are part
//! of what it does in all. The user's task with everything below it has none of that, and is the
//! figure to look at.

use std::{
    collections::HashMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    case::Case,
    measure::{self, pinned},
    peer::{PEERS, Peer, Places},
    round::Plan,
    target::Target,
};

/// The cases that are counted unless others are asked for.
pub(crate) const USUAL: [&str; 2] = ["small", "http-user"];

/// The function that surrounds every piece of a user's code (`engine/core/src/user/guard.rs`).
const TASK: &str = "<hatchery_core::user::guard::Guard<F> as core::future::future::Future>::poll";

/// How much longer than its load hatchery may take under valgrind, which is fifty times slower.
const GRACE: Duration = Duration::from_secs(60);

/// What was counted in one run.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    in_all: u64,
    in_tasks: u64,
}

/// One line per target and case.
///
/// # Errors
/// If valgrind is missing, or a run fails.
pub(crate) fn run(plan: &Plan) -> Result<String> {
    let valgrind =
        Places::on_path("valgrind", "apt-get install valgrind").map_err(anyhow::Error::msg)?;
    let hatchery = PEERS.iter().find(|peer| peer.name() == "hatchery").expect("it is a peer");
    let mut text = String::new();
    for kind in &plan.targets {
        let dir = TempDir::new()?;
        let target = Target::start(*kind, plan.server_cpu, &plan.places, dir.path())?;
        for case in &plan.cases {
            let (counted, served) = count(plan, &valgrind, &target, *hatchery, case)
                .with_context(|| format!("count {} on {}", case.name, kind.name()))?;
            let per_request = |n: u64| n as f64 / served as f64;
            writeln!(
                text,
                "{} on {}: {:.0} instructions per request in users' tasks, {:.0} in all with start \
                 and idle turns ({served} requests)",
                case.name,
                kind.name(),
                per_request(counted.in_tasks),
                per_request(counted.in_all),
            )?;
        }
    }
    Ok(text)
}

fn count(
    plan: &Plan,
    valgrind: &Path,
    target: &Target,
    hatchery: &dyn Peer,
    case: &Case,
) -> Result<(Counted, u64)> {
    let scratch = TempDir::new()?;
    let program: PathBuf = hatchery.program(case, &plan.places).map_err(anyhow::Error::msg)?;
    let base = target.base(case).map_err(anyhow::Error::msg)?;
    let job = plan.job(case, &base, scratch.path());
    let profile = scratch.path().join("callgrind.out");
    let mut command = pinned(valgrind, plan.generator_cpu);
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(program);
    hatchery.arguments(&job, &mut command).map_err(anyhow::Error::msg)?;
    command.arg("--spin");
    let before = target.served();
    let limit = Duration::from_secs(plan.seconds) + GRACE;
    measure::run(&mut command, target.pid(), limit, scratch.path())?;
    let served = target.served_since(before).context("ask the server what it served")?;
    if served == 0 {
        bail!("no request was served in {} s: raise --seconds", plan.seconds);
    }
    let counted = read(&fs::read_to_string(&profile).context("read the profile")?)?;
    Ok((counted, served))
}

/// Reads a profile with one kind of event: <https://valgrind.org/docs/manual/cl-format.html>.
fn read(profile: &str) -> Result<Counted> {
    let mut names = HashMap::new();
    let mut counted = Counted { in_all: 0, in_tasks: 0 };
    // Whether the line of costs that comes next is that of a call into a task.
    let (mut into_task, mut is_call) = (false, false);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function(name, &mut names);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            into_task = function(name, &mut names) == TASK;
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let (_, cost) = line.rsplit_once(' ').context("find a cost")?;
            let cost: u64 = cost.parse().with_context(|| format!("read the cost of '{line}'"))?;
            match (std::mem::take(&mut is_call), into_task) {
                (true, true) => counted.in_tasks += cost,
                (true, false) => {}
                (false, _) => counted.in_all += cost,
            }
        }
    }
    if counted.in_tasks == 0 {
        bail!("the profile has no calls of {TASK}: was hatchery built with debug information?");
    }
    Ok(counted)
}

/// A function's name: `(7) name` the first time, then `(7)`.
fn function<'a>(text: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_added_up() {
        let profile = format!(
            "events: Ir\nfn=(1) main\n16 400\ncfn=(2) {TASK}\ncalls=3 50\n16 300\n\
             fn=(2)\n+1 100\n* 50\ncfn=(3) memcpy\ncalls=1 1\n* 150\nfn=(3)\n5 150\n\
             fn=(1)\n17 1\ncfn=(2)\ncalls=1 50\n+2 40\ntotals: 701\n"
        );
        assert_eq!(read(&profile).unwrap(), Counted { in_all: 701, in_tasks: 340 });
        let none = "fn=(1) main\n16 400\n";
        assert!(read(none).unwrap_err().to_string().contains("debug information"));
    }
}
