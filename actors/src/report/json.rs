//! Locust's `--json`: the list of entries, key by key, with our percentiles beside.

use super::{Report, buckets::response_times};
use base64::prelude::{BASE64_STANDARD, Engine};
use hatchery_core::{
    clock::NS_PER_S,
    stats::{EntryKey, EntryStats, Histogram, Phase, PhaseStats, Second, Snapshot},
};
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use serde::Serialize;
use std::{collections::BTreeMap, io};

/// Nanoseconds in a millisecond, Locust's unit of time.
const NS_PER_MS: f64 = 1e6;

/// The list of entries as Locust prints it. There is no "Aggregated" in it.
#[derive(Clone, Copy, Debug)]
pub struct Json;

/// One entry; the keys are Locust's, and so is their order.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    name: &'a str,
    method: &'a str,
    /// Unix seconds.
    last_request_timestamp: Option<f64>,
    /// Unix seconds.
    start_time: f64,
    num_requests: u64,
    num_none_requests: u64,
    num_failures: u64,
    /// Milliseconds, as everything named "time" below.
    total_response_time: f64,
    max_response_time: f64,
    min_response_time: Option<f64>,
    /// Bytes.
    total_content_length: u64,
    /// Requests by rounded response time.
    response_times: BTreeMap<u64, u64>,
    /// Requests by Unix second.
    num_reqs_per_sec: BTreeMap<u64, u64>,
    /// Failures by Unix second.
    num_fail_per_sec: BTreeMap<u64, u64>,
    /// Ours: not rounded to two digits.
    percentiles_us: Percentiles,
    /// Ours: all response times in microseconds at full precision, as HdrHistogram's tools read
    /// them (its compressed V2 encoding in base64). Histograms of several entries add up, which
    /// percentiles do not.
    histogram_us: String,
    /// Ours, and only if the run measured phases.
    #[serde(skip_serializing_if = "Option::is_none")]
    phases_us: Option<PhasesUs>,
}

/// Where the response times went; `null` for a phase that no request had.
#[derive(Debug, Serialize)]
struct PhasesUs {
    connections_opened: u64,
    dns: Option<PhaseUs>,
    connect: Option<PhaseUs>,
    tls: Option<PhaseUs>,
    first_byte: Option<PhaseUs>,
    last_byte: Option<PhaseUs>,
}

/// Times of a phase in microseconds, by the share of its requests that were as fast.
#[derive(Debug, Serialize)]
struct PhaseUs {
    /// Requests that had it.
    num_requests: u64,
    #[serde(rename = "0.5")]
    p50: u64,
    #[serde(rename = "0.95")]
    p95: u64,
    #[serde(rename = "0.99")]
    p99: u64,
    #[serde(rename = "1")]
    max: u64,
}

/// Response times in microseconds, by the share of requests that were as fast; `null` if no
/// request was timed.
#[derive(Debug, Serialize)]
struct Percentiles {
    #[serde(rename = "0.5")]
    p50: Option<f64>,
    #[serde(rename = "0.9")]
    p90: Option<f64>,
    #[serde(rename = "0.95")]
    p95: Option<f64>,
    #[serde(rename = "0.99")]
    p99: Option<f64>,
    #[serde(rename = "0.999")]
    p999: Option<f64>,
    #[serde(rename = "1")]
    max: Option<f64>,
}

impl Report for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn write(&self, snapshot: &Snapshot, out: &mut dyn io::Write) -> io::Result<()> {
        let start_unix_ns = snapshot.start_unix_ns;
        let entries = snapshot.entries();
        let rows: Vec<_> = entries.iter().map(|(key, e)| entry(key, e, start_unix_ns)).collect();
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        out.write_all(b"\n")
    }
}

fn entry<'a>(key: &'a EntryKey, stats: &EntryStats, start_unix_ns: u64) -> Entry<'a> {
    let total = &stats.total;
    let timed = !total.latency_us.is_empty();
    Entry {
        name: &key.name,
        method: &key.method,
        last_request_timestamp: (total.n_requests > 0).then(|| unix_s(total.last_unix_ns)),
        start_time: unix_s(start_unix_ns),
        num_requests: total.n_requests,
        num_none_requests: total.n_untimed,
        num_failures: total.n_failures,
        total_response_time: total.latency_ns_sum as f64 / NS_PER_MS,
        max_response_time: total.latency_ns_max as f64 / NS_PER_MS,
        min_response_time: timed.then(|| total.latency_ns_min as f64 / NS_PER_MS),
        total_content_length: total.bytes_sum,
        response_times: response_times(&total.latency_us),
        num_reqs_per_sec: per_second(stats, |second| second.n_requests),
        num_fail_per_sec: per_second(stats, |second| second.n_failures),
        percentiles_us: percentiles(stats),
        histogram_us: encoded(&total.latency_us),
        phases_us: total.phases.as_deref().map(phases),
    }
}

fn phases(stats: &PhaseStats) -> PhasesUs {
    let phase = |phase| {
        let histogram_us = stats.histogram_us(phase)?;
        let at = |share| histogram_us.value_at_quantile(share);
        let num_requests = histogram_us.len();
        Some(PhaseUs { num_requests, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) })
    };
    PhasesUs {
        connections_opened: stats.n_connections(),
        dns: phase(Phase::Dns),
        connect: phase(Phase::Connect),
        tls: phase(Phase::Tls),
        first_byte: phase(Phase::FirstByte),
        last_byte: phase(Phase::LastByte),
    }
}

fn encoded(histogram: &Histogram) -> String {
    let mut bytes = vec![];
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a vector takes everything, and a day in microseconds fits the encoding");
    BASE64_STANDARD.encode(bytes)
}

fn per_second(stats: &EntryStats, count: impl Fn(&Second) -> u64) -> BTreeMap<u64, u64> {
    let rows = stats.seconds.iter().map(|second| (second.unix_s, count(second)));
    // Locust's dictionaries have no key for a second in which nothing happened.
    rows.filter(|&(_, n)| n > 0).collect()
}

fn percentiles(stats: &EntryStats) -> Percentiles {
    let us = |share| stats.percentile_ns(share).map(|latency_ns| latency_ns as f64 / 1e3);
    Percentiles {
        p50: us(0.5),
        p90: us(0.9),
        p95: us(0.95),
        p99: us(0.99),
        p999: us(0.999),
        max: us(1.0),
    }
}

fn unix_s(unix_ns: u64) -> f64 {
    unix_ns as f64 / NS_PER_S as f64
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{measured_run, sample_run},
        *,
    };
    use hatchery_core::stats::new_histogram;
    use hdrhistogram::serialization::Deserializer;
    use serde_json::Value;

    fn json(snapshot: &Snapshot) -> String {
        let mut out = vec![];
        Json.write(snapshot, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn entries_have_locusts_keys_and_our_percentiles() {
        // How a compressor writes the same histogram may change with its version.
        let lines = json(&sample_run());
        let lines = lines.lines().map(|line| match line.split_once("\"histogram_us\": ") {
            Some((indent, _)) => format!("{indent}\"histogram_us\": \"…\""),
            None => line.to_owned(),
        });
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn histograms_of_all_entries_add_up_to_the_aggregated_one() {
        let snapshot = sample_run();
        let rows: Vec<Value> = serde_json::from_str(&json(&snapshot)).unwrap();
        let mut all = new_histogram();
        for row in rows {
            let bytes = BASE64_STANDARD.decode(row["histogram_us"].as_str().unwrap()).unwrap();
            all.add(Deserializer::new().deserialize::<u64, _>(&mut &*bytes).unwrap()).unwrap();
        }
        assert_eq!(all, snapshot.aggregated().total.latency_us);
    }

    #[test]
    fn measured_phases_are_a_field_of_their_entry() {
        let rows: Vec<Value> = serde_json::from_str(&json(&measured_run())).unwrap();
        let phases = &rows[0]["phases_us"];
        assert_eq!(phases["connections_opened"], 1);
        assert_eq!(phases["connect"]["num_requests"], 1);
        assert_eq!(
            (&phases["connect"]["0.5"], &phases["connect"]["1"]),
            (&300.into(), &300.into())
        );
        assert_eq!(phases["first_byte"]["num_requests"], 3);
        assert_eq!(phases["tls"], Value::Null);
        assert!(!json(&sample_run()).contains("phases_us"));
    }

    #[test]
    fn nothing_recorded_is_an_empty_list() {
        assert_eq!(json(&Snapshot::new(0)), "[]\n");
    }
}
