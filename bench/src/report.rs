//! From samples to rows: medians, ratios within a round, JSON.
//!
//! The Markdown is in `report/markdown.rs`. A row exists for every peer that was asked for, with
//! figures or with the reason for their absence, so that a table never looks better than the runs.

pub(crate) mod markdown;

use serde::Serialize;

use crate::{
    case::Case,
    measure::Finished,
    peer::{BASELINES, Counts},
    stats::{median, median_ratio},
};

/// What one run yielded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_us_per_request: f64,
    pub(crate) peak_rss_bytes: u64,
    pub(crate) payload_bytes_per_second: Option<f64>,
    pub(crate) server_cpu_us_per_request: f64,
    pub(crate) server_busy: f64,
    /// What the server counted, where it counts, divided by what the peer reports.
    pub(crate) served_per_reported: Option<f64>,
}

impl Sample {
    /// `served` is what the server counted over the whole life of the generator.
    ///
    /// CPU is divided by what the server served where it says so, because that is what the CPU was
    /// spent for: some peers leave out what they sent while starting or stopping.
    pub(crate) fn new(
        case: &Case,
        counts: Counts,
        finished: &Finished,
        served: Option<u64>,
    ) -> Sample {
        let reported = (counts.succeeded + counts.failed) as f64;
        let served = served.map(|served| served as f64);
        let requests = served.unwrap_or(reported);
        let requests_per_second = counts.succeeded as f64 / counts.seconds;
        let server_cpu_us_per_request = finished.server_cpu_us / requests;
        Sample {
            counts,
            requests_per_second,
            cpu_us_per_request: finished.cpu_us / requests,
            peak_rss_bytes: finished.peak_rss_bytes,
            payload_bytes_per_second: case
                .payload_bytes()
                .map(|bytes| bytes as f64 * requests_per_second),
            server_cpu_us_per_request,
            server_busy: server_cpu_us_per_request * reported / counts.seconds / 1e6,
            served_per_reported: served.map(|served| served / reported),
        }
    }
}

/// One peer in one case on one target.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) target: &'static str,
    pub(crate) case: &'static str,
    pub(crate) peer: &'static str,
    /// One entry per round; a round that failed is empty.
    pub(crate) rounds: Vec<Option<Sample>>,
    /// Why rounds are missing.
    pub(crate) reason: Option<String>,
    pub(crate) medians: Option<Medians>,
    /// Whom the ratios are against.
    pub(crate) baseline: Option<&'static str>,
    pub(crate) requests_ratio: Option<f64>,
    pub(crate) cpu_ratio: Option<f64>,
}

/// The median over a row's rounds, figure by figure.
#[derive(Debug, Serialize)]
pub(crate) struct Medians {
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_us_per_request: f64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) peak_rss_bytes: f64,
    pub(crate) payload_bytes_per_second: Option<f64>,
    pub(crate) failed: f64,
    pub(crate) served_per_reported: Option<f64>,
    pub(crate) server_cpu_us_per_request: f64,
    pub(crate) server_busy: f64,
}

impl Row {
    pub(crate) fn new(target: &'static str, case: &'static str, peer: &'static str) -> Row {
        Row {
            target,
            case,
            peer,
            rounds: Vec::new(),
            reason: None,
            medians: None,
            baseline: None,
            requests_ratio: None,
            cpu_ratio: None,
        }
    }

    fn figures(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Vec<Option<f64>> {
        self.rounds.iter().map(|sample| sample.as_ref().and_then(&figure)).collect()
    }

    fn median(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        median(self.figures(figure).into_iter().flatten())
    }

    fn medians(&self) -> Option<Medians> {
        Some(Medians {
            requests_per_second: self.median(|s| Some(s.requests_per_second))?,
            cpu_us_per_request: self.median(|s| Some(s.cpu_us_per_request))?,
            p50_us: self.median(|s| s.counts.latency.p50_us),
            p99_us: self.median(|s| s.counts.latency.p99_us),
            p999_us: self.median(|s| s.counts.latency.p999_us),
            peak_rss_bytes: self.median(|s| Some(s.peak_rss_bytes as f64))?,
            payload_bytes_per_second: self.median(|s| s.payload_bytes_per_second),
            failed: self.median(|s| Some(s.counts.failed as f64))?,
            served_per_reported: self.median(|s| s.served_per_reported),
            server_cpu_us_per_request: self.median(|s| Some(s.server_cpu_us_per_request))?,
            server_busy: self.median(|s| Some(s.server_busy))?,
        })
    }
}

/// Fills in medians and ratios for the rows of one case on one target.
pub(crate) fn conclude(rows: &mut [Row]) {
    for row in rows.iter_mut() {
        row.medians = row.medians();
    }
    let measured = |name: &&&str| rows.iter().any(|r| r.peer == **name && r.medians.is_some());
    let Some(baseline) = BASELINES.iter().find(measured).copied() else { return };
    let base = rows.iter().find(|row| row.peer == baseline).expect("it was just found");
    let base_requests = base.figures(|sample| Some(sample.requests_per_second));
    let base_cpu = base.figures(|sample| Some(sample.cpu_us_per_request));
    for row in rows.iter_mut().filter(|row| row.medians.is_some()) {
        let requests = row.figures(|sample| Some(sample.requests_per_second));
        let cpu = row.figures(|sample| Some(sample.cpu_us_per_request));
        row.baseline = Some(baseline);
        row.requests_ratio = median_ratio(&requests, &base_requests);
        row.cpu_ratio = median_ratio(&cpu, &base_cpu);
    }
}

/// Everything one invocation found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) settings: Settings,
    pub(crate) rows: Vec<Row>,
}

/// Under which conditions.
#[derive(Debug, Serialize)]
pub(crate) struct Settings {
    /// The arguments this program was given.
    pub(crate) arguments: Vec<String>,
    pub(crate) rounds: u32,
    pub(crate) seconds: u64,
    pub(crate) generator_cpu: u32,
    pub(crate) server_cpu: u32,
    pub(crate) host: String,
    /// At the start: runnable processes of others are noise in every figure.
    pub(crate) load_average: f64,
    pub(crate) versions: Vec<String>,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{case::CASES, peer::Latency};

    fn sample(requests: u64, cpu_us: f64) -> Sample {
        let latency = Latency { p50_us: Some(5.0), ..Latency::default() };
        let counts = Counts { succeeded: requests, failed: 0, seconds: 2.0, latency };
        let finished =
            Finished { stdout: String::new(), cpu_us, peak_rss_bytes: 1 << 20, server_cpu_us: 1e6 };
        Sample::new(&CASES[0], counts, &finished, Some(requests))
    }

    pub(super) fn rows() -> Vec<Row> {
        let mut hatchery = Row::new("nginx", "small", "hatchery");
        hatchery.rounds = vec![Some(sample(300, 3e3)), Some(sample(500, 5e3))];
        let mut wrk = Row::new("nginx", "small", "wrk");
        wrk.rounds = vec![Some(sample(200, 4e3)), Some(sample(500, 5e3))];
        let mut oha = Row::new("nginx", "small", "oha");
        oha.reason = Some("oha is not on $PATH".to_owned());
        vec![hatchery, wrk, oha]
    }

    #[test]
    fn ratios_are_against_wrk_and_a_reason_keeps_its_row() {
        let mut rows = rows();
        conclude(&mut rows);
        assert_eq!(rows[0].baseline, Some("wrk"));
        assert_eq!(rows[0].requests_ratio, Some(1.25));
        assert_eq!(rows[0].cpu_ratio, Some(0.75));
        assert_eq!(rows[1].requests_ratio, Some(1.0));
        assert!(rows[2].medians.is_none() && rows[2].requests_ratio.is_none());
    }

    #[test]
    fn a_busy_share_is_the_servers_time_over_the_generators_clock() {
        let sample = sample(1000, 1e6);
        assert_eq!(sample.requests_per_second, 500.0);
        assert_eq!(sample.server_cpu_us_per_request, 1000.0);
        assert_eq!(sample.server_busy, 0.5);
        assert_eq!(sample.served_per_reported, Some(1.0));
    }
}
