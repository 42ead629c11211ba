//! Goose as a peer of bench/compare: the plain cases, and the scenario of `bench/peers/README.md`.
//!
//! Flags are Goose's own; the case comes from the environment (`BENCH_PATH`, `BENCH_POST_BYTES`,
//! `BENCH_CLOSE`, and no path for the scenario). The last line printed is the result as JSON.

use std::{collections::BTreeMap, env, time::Duration};

use goose::{goose::GooseResponse, metrics::GooseMetrics, prelude::*};
use reqwest::Client;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), GooseError> {
    let path = env::var("BENCH_PATH").unwrap_or_default();
    let scenario = if path.is_empty() { shop()? } else { plain()? };
    let metrics = GooseAttack::initialize()?.register_scenario(scenario).execute().await?;
    print(&metrics);
    Ok(())
}

fn plain() -> Result<Scenario, GooseError> {
    let mut scenario = scenario!("plain").set_wait_time(Duration::ZERO, Duration::ZERO)?;
    if env::var("BENCH_CLOSE").is_ok_and(|value| !value.is_empty()) {
        scenario = scenario.register_transaction(transaction!(keep_nothing).set_on_start());
    }
    let task = if post_bytes() > 0 { transaction!(post) } else { transaction!(get) };
    Ok(scenario.register_transaction(task))
}

fn shop() -> Result<Scenario, GooseError> {
    Ok(scenario!("shop")
        .set_wait_time(Duration::ZERO, Duration::ZERO)?
        .register_transaction(transaction!(login).set_on_start())
        .register_transaction(transaction!(browse).set_weight(10)?)
        .register_transaction(transaction!(cart).set_weight(3)?)
        .register_transaction(transaction!(pay).set_weight(1)?))
}

/// A client whose connections are never reused.
async fn keep_nothing(user: &mut GooseUser) -> TransactionResult {
    user.set_client_builder(Client::builder().pool_max_idle_per_host(0)).await?;
    Ok(())
}

async fn get(user: &mut GooseUser) -> TransactionResult {
    let path = env::var("BENCH_PATH").unwrap_or_default();
    let answer = user.get(&path).await?;
    // Goose stops its clock at the headers; the body is read so that the connection can be kept.
    answer.response?.bytes().await?;
    Ok(())
}

async fn post(user: &mut GooseUser) -> TransactionResult {
    let path = env::var("BENCH_PATH").unwrap_or_default();
    let answer = user.post(&path, "x".repeat(post_bytes())).await?;
    answer.response?.bytes().await?;
    Ok(())
}

fn post_bytes() -> usize {
    env::var("BENCH_POST_BYTES").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

async fn login(user: &mut GooseUser) -> TransactionResult {
    let answer = user.post_form("/login", &[("user", "bench")]).await?;
    answer.response?.bytes().await?;
    Ok(())
}

async fn browse(user: &mut GooseUser) -> TransactionResult {
    let id = fastrand::u32(1..=1000).to_string();
    let answer = user.get_named(&format!("/item/{id}"), "/item/[id]").await?;
    check(user, answer, &id, "not the item asked for").await
}

async fn cart(user: &mut GooseUser) -> TransactionResult {
    let answer = user.get("/cookies").await?;
    check(user, answer, "session", "the session cookie was not sent").await
}

async fn pay(user: &mut GooseUser) -> TransactionResult {
    let answer = user.post("/pay", "amount=1").await?;
    answer.response?.bytes().await?;
    Ok(())
}

/// Goose's `catch_response`: the answer fails unless its body contains `wanted`.
async fn check(
    user: &mut GooseUser,
    answer: GooseResponse,
    wanted: &str,
    complaint: &str,
) -> TransactionResult {
    let mut request = answer.request;
    let text = answer.response?.text().await?;
    if text.contains(wanted) {
        return Ok(());
    }
    user.set_failure(complaint, &mut request, None, Some(&text))
}

fn print(metrics: &GooseMetrics) {
    let mut times = BTreeMap::new();
    let (mut succeeded, mut failed) = (0, 0);
    for request in metrics.requests.values() {
        succeeded += request.success_count;
        failed += request.fail_count;
        for (us, count) in &request.raw_data.times_us {
            *times.entry(*us).or_insert(0) += *count;
        }
    }
    println!(
        "{}",
        json!({
            "succeeded": succeeded,
            "failed": failed,
            "seconds": seconds(metrics),
            "p50_us": quantile(&times, 0.5),
            "p99_us": quantile(&times, 0.99),
            "p999_us": quantile(&times, 0.999),
        })
    );
}

/// From the first user's start until all were told to stop: the steps that carry load.
fn seconds(metrics: &GooseMetrics) -> f64 {
    let times: Vec<_> = metrics.history.iter().map(|step| step.timestamp).collect();
    // The steps are: increasing, maintaining, canceling or decreasing, finished.
    match times[..] {
        [start, _, stop, ..] => (stop - start).num_microseconds().unwrap_or(0) as f64 / 1e6,
        _ => metrics.duration as f64,
    }
}

fn quantile(times: &BTreeMap<u64, usize>, quantile: f64) -> Option<u64> {
    let total: usize = times.values().sum();
    let wanted = ((total as f64 * quantile).ceil() as usize).max(1);
    let mut seen = 0;
    times
        .iter()
        .find(|(_, count)| {
            seen += **count;
            seen >= wanted
        })
        .map(|(us, _)| *us)
}
