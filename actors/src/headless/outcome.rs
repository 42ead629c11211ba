//! What a run's numbers mean for the process: its last words and its exit code.

use super::generator;
use crate::{exit_codes, runner::Finished, supervisor::ShardLoad};
use hatchery_core::stats::Snapshot;

/// How a headless run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What the process should exit with: see [`exit_codes`].
    pub exit_code: i32,
    /// All statistics.
    pub snapshot: Snapshot,
    /// How busy each shard was.
    pub loads: Vec<ShardLoad>,
}

/// The exit code. What says that the numbers are wrong outranks what the numbers say.
pub(crate) fn exit_code(finished: &Finished, exit_code_on_error: i32) -> i32 {
    let Finished { snapshot, status, .. } = finished;
    let failed = snapshot.n_failures() > 0
        || snapshot.exceptions().next().is_some()
        || status.stop_test_error.is_some();
    match () {
        () if status.fatal.is_some() => exit_codes::ENGINE,
        () if !snapshot.audit().balances() => exit_codes::AUDIT,
        () if failed => exit_code_on_error,
        () if status.listener_failed => exit_codes::LISTENER,
        () => exit_codes::OK,
    }
}

/// What a reader of the numbers has to know beside them: errors first, then warnings.
pub(super) fn remarks(finished: &Finished, spin: bool) -> (Vec<String>, Vec<String>) {
    let Finished { snapshot, loads, .. } = finished;
    let mut errors = vec![];
    let audit = snapshot.audit();
    if !audit.balances() {
        errors.push(format!(
            "the books do not balance: {} requests, {} latencies, {} statuses; the numbers of this \
             run are wrong, please report it",
            audit.n_requests, audit.n_latencies, audit.n_statuses
        ));
    }
    let mut warnings = generator::warnings(loads, spin);
    if snapshot.n_abandoned > 0 {
        let n = snapshot.n_abandoned;
        let requests = if n == 1 { "request was" } else { "requests were" };
        warnings.push(format!(
            "{n} {requests} in flight when their users were killed: the target may have served \
             them, they are in no number here"
        ));
    }
    let n_restarts: u32 = loads.iter().map(|load| load.n_restarts).sum();
    if n_restarts > 0 {
        warnings.push(format!(
            "shards died and were started again {n_restarts} times: up to a second of statistics \
             is missing each time"
        ));
    }
    (errors, warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report, runner::Status};
    use hatchery_core::stats::{Delta, EntryDelta, EntryId, EntryKey, ExceptionStats, Interval};

    fn finished(snapshot: Snapshot) -> Finished {
        Finished { snapshot, loads: vec![], status: Status::default(), exit_code: 0 }
    }

    fn unbalanced() -> Snapshot {
        let interval = Interval { n_requests: 5, n_failures: 1, ..Interval::default() };
        let mut snapshot = Snapshot::new(0);
        snapshot.absorb(&mut Delta {
            new_entries: vec![(EntryId(0), EntryKey { method: "GET".into(), name: "/".into() })],
            entries: vec![EntryDelta { id: EntryId(0), interval }],
            n_abandoned: 2,
            ..Delta::default()
        });
        snapshot
    }

    #[test]
    fn failures_and_exceptions_give_the_code_that_was_asked_for() {
        assert_eq!(exit_code(&finished(Snapshot::new(0)), 7), exit_codes::OK);
        assert_eq!(exit_code(&finished(report::tests::sample_run()), 7), 7);
        let mut snapshot = Snapshot::new(0);
        snapshot.add_exception(ExceptionStats {
            n: 1,
            class: String::new(),
            message: String::new(),
            trace: String::new(),
        });
        assert_eq!(exit_code(&finished(snapshot), 7), 7);
        let mut stopped = finished(Snapshot::new(0));
        stopped.status.stop_test_error = Some("no host".into());
        assert_eq!(exit_code(&stopped, 7), 7);
        // Failures outrank a listener that failed, as in Locust.
        stopped.status.listener_failed = true;
        assert_eq!(exit_code(&stopped, 7), 7);
        stopped.status.stop_test_error = None;
        assert_eq!(exit_code(&stopped, 7), exit_codes::LISTENER);
    }

    #[test]
    fn wrong_books_outrank_failures_and_a_broken_engine_outranks_both() {
        let mut run = finished(unbalanced());
        assert_eq!(exit_code(&run, 1), exit_codes::AUDIT);
        run.status.fatal = Some("shard 0: panicked".into());
        assert_eq!(exit_code(&run, 1), exit_codes::ENGINE);
    }

    #[test]
    fn remarks_name_what_the_tables_do_not_show() {
        let (errors, warnings) = remarks(&finished(unbalanced()), false);
        insta::assert_snapshot!(errors.join("\n"), @"the books do not balance: 5 requests, 0 latencies, 0 statuses; the numbers of this run are wrong, please report it");
        insta::assert_snapshot!(warnings.join("\n"), @"2 requests were in flight when their users were killed: the target may have served them, they are in no number here");
        let (errors, warnings) = remarks(&finished(report::tests::sample_run()), false);
        assert!(errors.is_empty() && warnings.is_empty());
    }
}
