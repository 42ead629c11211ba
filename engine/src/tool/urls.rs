//! `hatchery URL…`: each URL is a task, users do not wait between them.

use crate::{
    cli::{self, Launch, RunFlags},
    environment::Environment,
    program,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use hatchery_core::user::{Class, Cx, Root, Spawn, Table, TaskResult, Tasks, User};
use hatchery_http::{HttpSession, Method};
use std::{process::ExitCode, sync::Arc};

#[derive(Args, Debug)]
pub(super) struct Urls {
    /// URLs to load, in turn at random; a path alone goes after --host
    #[arg(value_name = "URL", required = true)]
    urls: Vec<String>,

    /// Method of the requests [default: GET, with a body POST]
    #[arg(short = 'm', long, value_name = "METHOD")]
    method: Option<String>,

    /// Body of the requests
    #[arg(short = 'd', long, value_name = "TEXT", conflicts_with = "body_size")]
    data: Option<String>,

    /// Send a body of so many bytes
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(..=BODY_BYTES_MAX))]
    body_size: Option<u32>,

    /// A header of the requests, `Name: value`; may be given more than once
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,

    #[command(flatten)]
    run: RunFlags,
}

/// The largest made-up body: it is held once and copied per request.
const BODY_BYTES_MAX: i64 = 64 << 20;

/// One request, to be sent over and over.
#[derive(Clone)]
struct Call {
    method: Method,
    url: &'static str,
    name: &'static str,
    headers: Arc<[(String, String)]>,
    body: Option<&'static [u8]>,
}

struct UrlUser {
    client: HttpSession,
}

impl User for UrlUser {
    /// Whole URLs need none, and paths without one are refused when they are read.
    const NEEDS_HOST: bool = false;

    fn new(spawn: &Spawn<'_>) -> Self {
        UrlUser { client: HttpSession::new(spawn) }
    }
}

impl Tasks for UrlUser {
    type Parent = Root;

    /// The tasks come from the command line: see [`Class::with_table`].
    fn table() -> Table<Self> {
        Table::new()
    }
}

/// Runs the load.
pub(super) fn load(urls: &Urls) -> ExitCode {
    cli::init_logging(urls.run.loglevel);
    match calls(urls) {
        Ok((calls, origins)) => program::run(&urls.run, launch(calls, origins)),
        Err(error) => cli::complain(format_args!("{error:#}")),
    }
}

fn launch(calls: Vec<Call>, origins: Vec<String>) -> Launch {
    let class = Class::with_table::<UrlUser>(move || table(&calls));
    let mut environment = Environment::new().class(class);
    environment.urls = origins;
    // Nobody looks at them.
    environment.http.discard_bodies = true;
    environment.http.accept_headers = false;
    Launch { environment, shape: None, embedded_target: false, at_once: true }
}

fn table(calls: &[Call]) -> Table<UrlUser> {
    calls.iter().fold(Table::new(), |table, call| {
        let (name, call) = (call.name, call.clone());
        let task = async move |user: &mut UrlUser, _: &mut Cx<'_, UrlUser>| -> TaskResult {
            let mut request = user.client.request(call.method.clone(), call.url).name(call.name);
            for (name, value) in &*call.headers {
                request = request.header(name.as_str(), value.as_str());
            }
            if let Some(body) = call.body {
                request = request.body(body);
            }
            request.record_only().await;
            Ok(())
        };
        table.task(1, task).named(name)
    })
}

/// What the arguments ask for, and the origins that it is asked of. The strings are leaked: they live as long as the process, and a
/// name that never moves is recognised without being read.
fn calls(urls: &Urls) -> Result<(Vec<Call>, Vec<String>)> {
    let body: Option<&'static [u8]> = match (&urls.data, urls.body_size) {
        (Some(text), _) => Some(text.clone().leak().as_bytes()),
        (None, Some(n_bytes)) => Some(vec![b'x'; n_bytes as usize].leak()),
        (None, None) => None,
    };
    let default_method = if body.is_some() { "POST" } else { "GET" };
    let method = urls.method.as_deref().unwrap_or(default_method).to_ascii_uppercase();
    let method = hatchery_http::parse_method(&method).context("read --method")?;
    let headers: Arc<[_]> = urls.headers.clone().into();
    if let Some(host) = &urls.run.host {
        hatchery_http::check_base_url(host).context("read --host")?;
    }
    let parts = urls.urls.iter().map(|url| split(url, urls.run.host.is_some()));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let one_origin = parts.iter().all(|part| part.0 == parts[0].0);
    let host = urls.run.host.as_deref().unwrap_or_default();
    let origins = parts.iter().map(|(origin, _)| if origin.is_empty() { host } else { origin });
    let mut origins: Vec<_> = origins.map(str::to_owned).collect();
    origins.sort();
    origins.dedup();
    let calls = parts.into_iter().zip(&urls.urls).map(|((_, path), url)| {
        let url: &'static str = url.clone().leak();
        let name = if one_origin { path.leak() } else { url };
        Call { method: method.clone(), url, name, headers: Arc::clone(&headers), body }
    });
    Ok((calls.collect(), origins))
}

/// Origin and path of a URL.
fn split(url: &str, has_host: bool) -> Result<(String, String)> {
    if url.starts_with('/') {
        if !has_host {
            bail!("'{url}' is a path: give --host, or a whole URL such as http://127.0.0.1{url}");
        }
        return Ok((String::new(), url.to_owned()));
    }
    hatchery_http::split_url(url).with_context(|| format!("read the URL '{url}'"))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once(':').ok_or("a header is written as `Name: value`".to_owned())?;
    hatchery_http::check_header(name.trim(), value.trim()).map_err(|error| error.to_string())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
