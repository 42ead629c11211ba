//! `bare`: the limit of a server, shown with nothing in the way.
//!
//! One fixed request over and over on each connection, on hatchery's ring and nothing else of it:
//! no users, no tasks, no session, no parser. The first answer tells how long an answer is; from
//! there on bytes are counted. What this cannot do on a target, no generator on this ring can.

mod link;

use anyhow::{Result, bail};
use clap::Parser;
use crossbeam_channel::{Sender, unbounded};
use hatchery_core::{
    message::Report,
    net::Resolver,
    shard::{Common, Outbox, Service, Setup, Shard, ShardHandle},
};
use hatchery_http::{SessionOptions, tls_config};
use hdrhistogram::Histogram;
use link::Link;
use rustls::ClientConfig;
use serde::Serialize;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// Longer response times count as this one.
const LATENCY_US_MAX: u64 = 600_000_000;

/// Send one request over and over, and count answers by their length alone.
#[derive(Clone, Parser)]
#[command(name = "bare", version)]
struct Args {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    address: SocketAddr,
    /// The path asked for
    #[arg(long, default_value = "/")]
    path: String,
    /// Connections
    #[arg(short = 'u', long, default_value_t = 64)]
    connections: u32,
    /// For how long
    #[arg(short = 't', long, value_name = "S", default_value_t = 5)]
    seconds: u64,
    /// The CPU to run on
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// Send the headers that an HttpUser sends, and not only those of `hatchery URL`
    #[arg(long)]
    accept_headers: bool,
    /// Over TLS, whatever the server's certificate
    #[arg(long)]
    tls: bool,
    /// How long the server may take, and the rest of the loop's time
    #[arg(long, hide = true, default_value_t = 2)]
    grace: u64,
}

/// How it went.
#[derive(Serialize)]
struct Counts {
    requests: u64,
    seconds: f64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
}

/// What the connections of the one core count.
struct Tally {
    n_requests: Cell<u64>,
    latency_us: RefCell<Histogram<u64>>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let (counts, counted) = unbounded();
    let (reports, reported) = unbounded();
    let load: Service = {
        let args = args.clone();
        // As hatchery's, with `--insecure`.
        let options = SessionOptions { verify: false, ..SessionOptions::default() };
        let tls = args.tls.then(|| tls_config(&options)).transpose()?;
        Arc::new(move |shard| start(shard, &args, tls.as_ref(), &counts))
    };
    let common = Common { services: vec![load], ..Common::default() };
    let handle = ShardHandle::start(Setup {
        shard: 0,
        cpu: args.cpu,
        common: Arc::new(common),
        outbox: Outbox::new(reports, || {}),
        resolver: Resolver::start()?,
    })?;
    let limit = Duration::from_secs(args.seconds + args.grace);
    let counts: Counts = match counted.recv_timeout(limit) {
        Ok(counts) => counts,
        Err(_) => {
            let failed = reported.try_iter().find_map(|report| match report {
                Report::Failed { error, .. } => Some(error),
                _ => None,
            });
            bail!("failed to load {}: {}", args.address, failed.unwrap_or_default());
        }
    };
    println!("{}", serde_json::to_string(&counts)?);
    drop(handle);
    Ok(())
}

fn start(shard: &Rc<Shard>, args: &Args, tls: Option<&Arc<ClientConfig>>, counts: &Sender<Counts>) {
    let accept = match args.accept_headers {
        true => "accept: */*\r\naccept-encoding: gzip, deflate, br, zstd\r\n",
        false => "",
    };
    let Args { path, address, .. } = args;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: hatchery/0.1.0\r\n{accept}\r\n"
    );
    let request: Rc<[u8]> = request.into_bytes().into();
    // With bounds, for what is over them is recorded as the upper one.
    let latency_us =
        Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("three digits are few");
    let latency_us = RefCell::new(latency_us);
    let tally = Rc::new(Tally { n_requests: Cell::new(0), latency_us });
    for _ in 0..args.connections {
        let (shard_too, request, tally) =
            (Rc::clone(shard), Rc::clone(&request), Rc::clone(&tally));
        let (address, tls) = (args.address, tls.cloned());
        shard.spawn(async move {
            if let Err(error) =
                connection(&shard_too, address, tls.as_ref(), &request, &tally).await
            {
                eprintln!("{error:#}");
            }
        });
    }
    let (shard_too, counts, seconds) = (Rc::clone(shard), counts.clone(), args.seconds);
    let start_ns = shard.now_ns();
    shard.spawn(async move {
        shard_too.sleep(Duration::from_secs(seconds)).await;
        let latency_us = tally.latency_us.borrow();
        let quantile = |quantile| latency_us.value_at_quantile(quantile);
        let _ = counts.send(Counts {
            requests: tally.n_requests.get(),
            seconds: (shard_too.now_ns() - start_ns) as f64 / 1e9,
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
        });
    });
}

/// One connection's loop, until the server ends it or the time is up.
async fn connection(
    shard: &Rc<Shard>,
    address: SocketAddr,
    tls: Option<&Arc<ClientConfig>>,
    request: &[u8],
    tally: &Tally,
) -> Result<()> {
    let mut link = Link::connect(shard.ring(), address, tls).await?;
    let mut length = None;
    loop {
        let ticket = shard.begin();
        link.send(request).await?;
        let mut n_read = 0;
        while length.is_none_or(|length| n_read < length) {
            let (n, found) = receive(&mut link, length.is_none()).await?;
            length = length.or(found);
            n_read += n;
        }
        tally.n_requests.set(tally.n_requests.get() + 1);
        tally.latency_us.borrow_mut().saturating_record(ticket.elapsed_ns() / 1_000);
        ticket.discard();
    }
}

/// Takes what has come; looks for the answer's length if asked to.
async fn receive(link: &mut Link, looks: bool) -> Result<(usize, Option<usize>)> {
    let seen = link.receive(|bytes| if looks { answer_length(bytes) } else { None }).await?;
    if looks && seen.1.is_none() {
        bail!("the first answer has no head with a content-length in one piece");
    }
    Ok(seen)
}

/// The length of an answer that begins here, head included.
fn answer_length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    Some(end + line.trim().parse::<usize>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_length_is_its_heads_and_its_bodys() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(answer_length(answer), Some(answer.len()));
        assert_eq!(answer_length(&answer[..20]), None);
    }
}
