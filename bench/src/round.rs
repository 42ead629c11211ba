//! Rounds: within a case the peers take turns, there and back (ABC, CBA, …).
//!
//! Whatever disturbs the machine for a minute disturbs neighbours alike, which is what the ratios
//! within a round rest on. And what a peer leaves behind for the next, in caches and in the kernel, is not
//! always left to the same one.

use std::{path::Path, time::Duration};

use anyhow::Result;
use nix::sys::resource::{Resource, getrlimit};
use tempfile::TempDir;

use crate::{
    case::Case,
    measure::{self, pinned},
    peer::{Counts, Job, Peer, Places},
    report::{Row, Sample, conclude},
    target::{Kind, Target},
};

/// How much longer than its load a generator may take: Locust imports Python for a second or two,
/// and starts thousands of users slowly.
const GRACE: Duration = Duration::from_secs(40);
/// And how much longer for each of its connections: Goose makes a client with a TLS set-up per user.
const GRACE_PER_CONNECTION: Duration = Duration::from_millis(10);
/// Files a generator opens beside its connections.
const SPARE_FILES: u64 = 128;
/// The least share of its time over which a peer must have sent: Locust spends seconds on starting
/// its users, and a rate over the rest would be a guess.
const SHORTEST_SHARE: f64 = 0.5;

/// What is to be run, and where.
pub(crate) struct Plan {
    pub(crate) cases: Vec<&'static Case>,
    pub(crate) peers: Vec<&'static dyn Peer>,
    pub(crate) targets: Vec<Kind>,
    pub(crate) rounds: u32,
    pub(crate) seconds: u64,
    pub(crate) generator_cpu: u32,
    pub(crate) server_cpu: u32,
    pub(crate) places: Places,
}

impl Plan {
    /// One run of one case, on a target at `base`, with its files in `scratch`.
    pub(crate) fn job<'a>(&'a self, case: &'a Case, base: &'a str, scratch: &'a Path) -> Job<'a> {
        Job {
            case,
            base,
            seconds: self.seconds,
            cpu: self.generator_cpu,
            places: &self.places,
            scratch,
        }
    }
}

/// Every case on one target.
///
/// # Errors
/// If this program itself fails; what befalls a peer or a target becomes the reason in its row.
pub(crate) fn run_target(plan: &Plan, kind: Kind) -> Result<Vec<Row>> {
    let dir = TempDir::new()?;
    let target = Target::start(kind, plan.server_cpu, &plan.places, dir.path());
    let mut rows = Vec::new();
    for case in &plan.cases {
        let fresh = plan.peers.iter().map(|peer| Row::new(kind.name(), case.name, peer.name()));
        let mut of_case: Vec<Row> = fresh.collect();
        match &target {
            Ok(target) => run_case(plan, target, case, &mut of_case)?,
            Err(error) => {
                for row in &mut of_case {
                    row.reason = Some(format!("no {} target: {error:#}", kind.name()));
                }
            }
        }
        conclude(&mut of_case);
        rows.extend(of_case);
    }
    Ok(rows)
}

/// All rounds of one case: every peer takes its turn in each.
fn run_case(plan: &Plan, target: &Target, case: &Case, rows: &mut [Row]) -> Result<()> {
    for round in 1..=plan.rounds {
        for turn in turns(round, plan.peers.len()) {
            let (peer, row) = (&plan.peers[turn], &mut rows[turn]);
            // What cannot run at all is not tried again; what failed once may have had bad luck.
            if row.reason.is_some() && row.rounds.iter().flatten().next().is_none() {
                continue;
            }
            let scratch = TempDir::new()?;
            let sample = run_once(plan, target, case, *peer, &scratch);
            let outcome = sample.as_ref().map_or_else(String::clone, |sample| {
                format!("{:.0} requests/s", sample.requests_per_second)
            });
            eprintln!("{} round {round}/{} {}: {outcome}", case.name, plan.rounds, peer.name());
            match sample {
                Ok(sample) => row.rounds.push(Some(sample)),
                Err(reason) => {
                    row.rounds.push(None);
                    row.reason = Some(reason);
                }
            }
        }
    }
    Ok(())
}

/// In which order so many peers have their turns in a round.
fn turns(round: u32, n_peers: usize) -> impl Iterator<Item = usize> {
    (0..n_peers).map(move |turn| if round % 2 == 1 { turn } else { n_peers - 1 - turn })
}

/// One run, or why there is none.
fn run_once(
    plan: &Plan,
    target: &Target,
    case: &Case,
    peer: &dyn Peer,
    scratch: &TempDir,
) -> Result<Sample, String> {
    let (_, files) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    let wanted = u64::from(case.connections) + SPARE_FILES;
    if files < wanted {
        return Err(format!("needs {wanted} open files and may have {files}: raise `ulimit -Hn`"));
    }
    let program = peer.program(case, &plan.places)?;
    let base = target.base(case)?;
    let job = plan.job(case, &base, scratch.path());
    let mut command = pinned(&program, plan.generator_cpu);
    peer.arguments(&job, &mut command)?;
    let limit = Duration::from_secs(plan.seconds) + GRACE + GRACE_PER_CONNECTION * case.connections;
    let served_before = target.served();
    let finished = measure::run(&mut command, target.pid(), limit, scratch.path())
        .map_err(|error| format!("{error:#}"))?;
    let served = target.served_since(served_before);
    let counts = peer.counts(&finished.stdout, &job).map_err(|error| format!("{error:#}"))?;
    judge(&counts, plan.seconds)?;
    Ok(Sample::new(case, counts, &finished, served))
}

/// Refuses figures that would mean nothing, such as a rate over a blink.
fn judge(counts: &Counts, seconds: u64) -> Result<(), String> {
    if counts.succeeded == 0 {
        let failed = counts.failed;
        return Err(format!("no request succeeded in {seconds} s, {failed} failed"));
    }
    if counts.seconds < seconds as f64 * SHORTEST_SHARE {
        let counted = counts.seconds;
        return Err(format!("it only sent for {counted:.1} s of {seconds} s: raise --seconds"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Latency;

    #[test]
    fn the_order_turns_round_with_each_round() {
        let orders = [1, 2, 3].map(|round| turns(round, 3).collect::<Vec<_>>());
        assert_eq!(orders, [[0, 1, 2], [2, 1, 0], [0, 1, 2]]);
    }

    #[test]
    fn a_rate_over_a_blink_is_refused() {
        let counts = |succeeded, seconds| Counts {
            succeeded,
            failed: 3,
            seconds,
            latency: Latency::default(),
        };
        assert!(judge(&counts(100, 4.9), 5).is_ok());
        let reason = judge(&counts(0, 5.0), 5).unwrap_err();
        assert_eq!(reason, "no request succeeded in 5 s, 3 failed");
        let reason = judge(&counts(100, 0.3), 5).unwrap_err();
        assert_eq!(reason, "it only sent for 0.3 s of 5 s: raise --seconds");
    }
}
