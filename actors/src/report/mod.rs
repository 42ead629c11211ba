//! What a reader gets: one file per format, and the table of formats.
//!
//! A format is a function of a [`Snapshot`]; it keeps nothing and asks nobody.

mod buckets;
mod console;
mod json;
mod text;

pub use buckets::{bucket_ms, response_times};
pub use console::{Console, Rates};
pub use json::Json;

use hatchery_core::stats::Snapshot;
use std::io;

/// An output format.
pub trait Report {
    /// What it is called in flags and messages.
    fn name(&self) -> &'static str;

    /// Writes the statistics of a whole run.
    ///
    /// # Errors
    /// Those of `out`.
    fn write(&self, snapshot: &Snapshot, out: &mut dyn io::Write) -> io::Result<()>;
}

/// Every format, by its name.
pub const FORMATS: [&dyn Report; 2] = [&Console::WIDE, &Json];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use hatchery_core::{
        clock::NS_PER_S,
        stats::{ExceptionStats, Failure, Phase, Phases, Recorder, Sample},
    };
    use std::time::Duration;

    /// Unix second at which [`sample_run`] begins.
    pub(crate) const START_UNIX_S: u64 = 1_700_000_000;

    pub(crate) fn record(recorder: &mut Recorder, row: (&str, &str, u64, u64, Option<&str>)) {
        let (method, name, latency_us, second, failure) = row;
        let id = recorder.entry(method, name);
        let failure = failure.map(|text| Failure::new(text.to_owned()));
        recorder.record(
            id,
            &Sample {
                latency_ns: Some(latency_us * 1_000),
                bytes: 100,
                status: if failure.is_some() { 500 } else { 200 },
                failure: failure.as_ref(),
                end_unix_ns: (START_UNIX_S + second) * NS_PER_S,
            },
        );
    }

    /// A run of twenty seconds: a fast entry, a slow one, one that always fails.
    pub(crate) fn sample_run() -> Snapshot {
        let mut recorder = Recorder::new(0);
        for second in 1..=20 {
            for i in 0..if second > 10 { 50 } else { 30 } {
                record(&mut recorder, ("GET", "/fast", 85 + 20 * i, second, None));
            }
            record(&mut recorder, ("POST", "/slow", 12_340 + 7_000 * second, second, None));
            let failure =
                Some("HTTPError('500 Server Error: Internal Server Error for url: /bad')");
            record(&mut recorder, ("GET", "/bad", 1_500, second, failure));
        }
        let mut snapshot = Snapshot::new(START_UNIX_S * NS_PER_S);
        recorder.collect().iter_mut().for_each(|delta| snapshot.absorb(delta));
        snapshot.add_exception(ExceptionStats {
            n: 3,
            class: "Shopper".to_owned(),
            message: "no item in the cart".to_owned(),
            trace: String::new(),
        });
        snapshot
    }

    /// Three requests with phases, of which the first opens a connection.
    pub(crate) fn measured_run() -> Snapshot {
        let mut recorder = Recorder::new(0);
        for (i, times_us) in [[300, 900, 40], [0, 800, 50], [0, 12_000, 60]].iter().enumerate() {
            record(&mut recorder, ("GET", "/", times_us.iter().sum(), 1, None));
            let mut phases = Phases::default();
            let times = times_us.map(Duration::from_micros);
            let named = [Phase::Connect, Phase::FirstByte, Phase::LastByte].into_iter().zip(times);
            named.skip(usize::from(i > 0)).for_each(|(phase, time)| phases.add(phase, time));
            if i == 0 {
                phases.count_connection();
            }
            let id = recorder.entry("GET", "/");
            recorder.record_phases(id, &phases);
        }
        let mut snapshot = Snapshot::new(START_UNIX_S * NS_PER_S);
        recorder.collect().iter_mut().for_each(|delta| snapshot.absorb(delta));
        snapshot
    }

    #[test]
    fn formats_have_different_names() {
        let mut names: Vec<_> = FORMATS.iter().map(|format| format.name()).collect();
        names.dedup();
        assert_eq!(names.len(), FORMATS.len());
    }
}
