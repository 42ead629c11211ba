//! Locust, with its default client and with its fast one.
//!
//! The locustfiles in `bench/peers/locust/` read the case from the environment. The reader of
//! `--json` here also serves hatchery, which prints the same entries.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use hdrhistogram::{Histogram, serialization::Deserializer};
use serde::Deserialize;

use super::{Counts, Job, Latency, Peer, Places, one_name, only_http1};
use crate::{
    case::{Case, Work},
    stats::quantile,
};

/// Of hatchery's histograms.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Which client the users have.
pub(crate) enum Locust {
    /// `FastHttpUser`, on geventhttpclient.
    Fast,
    /// `HttpUser`, on requests.
    Http,
}

/// One of Locust's entries, as far as it is needed here.
#[derive(Deserialize)]
pub(crate) struct Entry {
    num_requests: u64,
    num_failures: u64,
    start_time: Option<f64>,
    last_request_timestamp: Option<f64>,
    /// How many answers took so many milliseconds; the keys are rounded, and may have a fraction.
    #[serde(default)]
    response_times: BTreeMap<String, u64>,
    /// Hatchery's own, with the precision that it measured: an HdrHistogram in base64.
    histogram_us: Option<String>,
}

impl Peer for Locust {
    fn name(&self) -> &'static str {
        match self {
            Locust::Fast => "locust-fast",
            Locust::Http => "locust-http",
        }
    }

    fn program(&self, _: &Case, places: &Places) -> Result<PathBuf, String> {
        let in_venv = places.bench.join(".venv/bin/locust");
        if in_venv.is_file() {
            return Ok(in_venv);
        }
        let how = "python3 -m venv bench/.venv && bench/.venv/bin/pip install locust";
        Places::on_path("locust", how)
    }

    fn arguments(&self, job: &Job, command: &mut Command) -> Result<(), String> {
        one_name(job.case, "the locustfile here")?;
        only_http1(job.case, "Locust")?;
        let file = match job.case.work {
            Work::Scenario => "scenario.py",
            _ => "plain.py",
        };
        let class = match self {
            Locust::Fast => "Fast",
            Locust::Http => "Http",
        };
        let users = job.case.connections.to_string();
        command.arg("--locustfile").arg(job.places.bench.join("peers/locust").join(file));
        command.args(["--headless", "--only-summary", "--json", "--loglevel", "ERROR"]);
        command.args(["--exit-code-on-error", "0", "--host", job.base]);
        command.args(["--users", &users, "--spawn-rate", &users]);
        command.arg("--run-time").arg(format!("{}s", job.seconds)).arg(class);
        command.env("BENCH_PATH", job.case.path());
        command.env("BENCH_POST_BYTES", job.case.post_bytes().unwrap_or(0).to_string());
        command.env("BENCH_CLOSE", if job.case.new_connections { "1" } else { "" });
        // Nothing of this run belongs into the checkout.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(())
    }

    fn counts(&self, stdout: &str, job: &Job) -> Result<Counts> {
        let entries = entries(stdout)?;
        summarise(&entries, job.seconds)
    }
}

/// Locust's entries, from a standard output that may have other lines around them.
pub(crate) fn entries(stdout: &str) -> Result<Vec<Entry>> {
    let start = stdout.find('[').context("find the JSON list in the output")?;
    let mut values = serde_json::Deserializer::from_str(&stdout[start..]).into_iter();
    let list = values.next().context("find the JSON list in the output")?;
    list.context("read the JSON list")
}

/// Adds the entries up; `seconds` stands in where they carry no clock.
pub(crate) fn summarise(entries: &[Entry], seconds: u64) -> Result<Counts> {
    let requests: u64 = entries.iter().map(|entry| entry.num_requests).sum();
    let failed: u64 = entries.iter().map(|entry| entry.num_failures).sum();
    let start = entries.iter().filter_map(|entry| entry.start_time).reduce(f64::min);
    let end = entries.iter().filter_map(|entry| entry.last_request_timestamp).reduce(f64::max);
    let clocked = start.zip(end).map(|(start, end)| end - start);
    Ok(Counts {
        succeeded: requests.saturating_sub(failed),
        failed,
        seconds: clocked.filter(|seconds| *seconds > 0.0).unwrap_or(seconds as f64),
        latency: match precise(entries)? {
            Some(latency) => latency,
            None => rounded(entries)?,
        },
    })
}

/// Percentiles over all entries at full precision, if each brings its histogram along.
fn precise(entries: &[Entry]) -> Result<Option<Latency>> {
    let texts: Option<Vec<_>> = entries.iter().map(|entry| entry.histogram_us.as_ref()).collect();
    let Some(texts) = texts.filter(|texts| !texts.is_empty()) else { return Ok(None) };
    let mut all = Histogram::<u64>::new(SIGNIFICANT_DIGITS).context("make a histogram")?;
    for text in texts {
        let bytes = BASE64_STANDARD.decode(text).context("read histogram_us")?;
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut &*bytes).context("read histogram_us")?;
        all.add(histogram).context("add histograms up")?;
    }
    let at = |wanted| (!all.is_empty()).then(|| all.value_at_quantile(wanted) as f64);
    Ok(Some(Latency { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999) }))
}

/// Percentiles over all entries, from Locust's rounded buckets.
fn rounded(entries: &[Entry]) -> Result<Latency> {
    let mut counts = BTreeMap::new();
    for (key, count) in entries.iter().flat_map(|entry| &entry.response_times) {
        let ms: f64 = key.parse().with_context(|| format!("read the response time {key}"))?;
        *counts.entry((ms * 1e3) as u64).or_insert(0) += count;
    }
    let at = |wanted| quantile(&counts, wanted).map(|us| us as f64);
    Ok(Latency { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::command_line;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

    #[test]
    fn a_recorded_run_is_read() {
        let recorded = include_str!("../../peers/recorded/locust.json");
        let counts = summarise(&entries(recorded).unwrap(), 2).unwrap();
        assert_eq!((counts.succeeded, counts.failed), (4322, 0));
        assert!((counts.seconds - 1.254).abs() < 0.001);
        assert_eq!(counts.latency.p50_us, Some(9000.0));
        assert!(counts.latency.p99_us < counts.latency.p999_us);
    }

    fn encoded(latencies_us: &[u64]) -> String {
        let mut histogram = Histogram::<u64>::new(SIGNIFICANT_DIGITS).unwrap();
        latencies_us.iter().for_each(|&latency_us| histogram.record(latency_us).unwrap());
        let mut bytes = vec![];
        V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
        BASE64_STANDARD.encode(bytes)
    }

    #[test]
    fn precise_histograms_are_preferred_and_failures_are_no_success() {
        let (fast, slow) = (encoded(&[812; 9]), encoded(&[1_999]));
        let json = format!(
            r#"note
            [{{"num_requests": 9, "num_failures": 1, "response_times": {{"0": 9}},
               "histogram_us": "{fast}"}},
             {{"num_requests": 1, "num_failures": 0, "response_times": {{"2": 1}},
               "histogram_us": "{slow}"}}]
            a table"#
        );
        let counts = summarise(&entries(&json).unwrap(), 4).unwrap();
        assert_eq!((counts.succeeded, counts.failed, counts.seconds), (9, 1, 4.0));
        assert_eq!((counts.latency.p50_us, counts.latency.p99_us), (Some(812.0), Some(1_999.0)));
        assert!(summarise(&entries(&json.replace(&fast, "x")).unwrap(), 4).is_err());
    }

    #[test]
    fn buckets_of_several_entries_are_merged() {
        let json = r#"[{"num_requests": 9, "num_failures": 0, "response_times": {"1": 9}},
                       {"num_requests": 1, "num_failures": 0, "response_times": {"0.5": 1}}]"#;
        let counts = summarise(&entries(json).unwrap(), 1).unwrap();
        assert_eq!(counts.latency.p50_us, Some(1000.0));
        assert!(entries("no list").is_err());
    }

    #[test]
    fn cases_become_flags() {
        let line = command_line(&Locust::Fast, "scenario").unwrap();
        assert!(line.starts_with("--locustfile bench/peers/locust/scenario.py --headless"));
        assert!(line.ends_with("--users 64 --spawn-rate 64 --run-time 5s Fast"));
    }
}
