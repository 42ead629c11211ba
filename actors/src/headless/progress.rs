//! The line at the bottom of a terminal, and how to write above it.

use hatchery_core::{clock::NS_PER_S, stats::Snapshot};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The line that is shown now. Log lines come from any thread, and must not land in its middle.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Standard error for a logger: each write goes above the progress line, if one is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above_progress(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Takes the progress line away, does something, and puts it back.
pub(super) fn above_progress<R>(f: impl FnOnce() -> R) -> R {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    match &*shown {
        Some(bar) => bar.suspend(f),
        None => f(),
    }
}

/// What the line says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance {
    pub(super) n_requests: u64,
    pub(super) n_failures: u64,
    pub(super) per_s: f64,
}

impl Glance {
    pub(super) fn of(snapshot: &Snapshot, now_unix_ns: u64) -> Glance {
        let (start, now) = (snapshot.start_unix_ns / NS_PER_S, now_unix_ns / NS_PER_S);
        let rates = snapshot.entries().into_iter().map(|(_, e)| e.current_rates(start, now).0);
        Glance {
            n_requests: snapshot.n_requests(),
            n_failures: snapshot.n_failures(),
            // The sum of nothing is minus zero.
            per_s: rates.sum::<f64>() + 0.0,
        }
    }
}

/// The progress line. Without a terminal there is none.
pub(super) struct Progress {
    bar: ProgressBar,
    run_time: Option<Duration>,
}

impl Progress {
    pub(super) fn start(run_time: Option<Duration>) -> Progress {
        let length = run_time.map(|run_time| run_time.as_secs().max(1));
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let template = if run_time.is_some() { "[{bar:24}] {msg}" } else { "{msg}" };
        let style = ProgressStyle::with_template(template).expect("the template is constant");
        bar.set_style(style.progress_chars("=> "));
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Progress { bar, run_time }
    }

    /// Whether anybody sees it.
    pub(super) fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    pub(super) fn show(&self, elapsed: Duration, user_count: u32, glance: Glance) {
        self.bar.set_position(elapsed.as_secs());
        self.bar.set_message(line(elapsed, self.run_time, user_count, glance));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn line(elapsed: Duration, run_time: Option<Duration>, user_count: u32, glance: Glance) -> String {
    let whole = run_time.map_or(String::new(), |run_time| format!("/{}", clock(run_time)));
    let share = glance.n_failures as f64 / glance.n_requests.max(1) as f64 * 100.0;
    format!(
        "{}{whole}  {user_count} users  {:.0} req/s  {} failures ({share:.2}%)",
        clock(elapsed),
        glance.per_s,
        glance.n_failures,
    )
}

fn clock(duration: Duration) -> String {
    let s = duration.as_secs();
    match s / 3_600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_requests_has_a_rate_of_zero() {
        let glance = Glance::of(&Snapshot::new(0), NS_PER_S);
        assert_eq!(
            line(Duration::ZERO, None, 2, glance),
            "0:00  2 users  0 req/s  0 failures (0.00%)"
        );
    }

    #[test]
    fn the_line_says_time_users_rate_and_failures() {
        let glance = Glance { n_requests: 4_000, n_failures: 3, per_s: 812.4 };
        let text = line(Duration::from_secs(65), Some(Duration::from_secs(3_700)), 10, glance);
        assert_eq!(text, "1:05/1:01:40  10 users  812 req/s  3 failures (0.07%)");
        let text = line(Duration::from_secs(5), None, 1, Glance { n_requests: 0, ..glance });
        assert!(text.starts_with("0:05  1 users"));
    }
}
