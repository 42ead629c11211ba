//! Locust's console tables, to the letter where numbers fit.
//!
//! Two differences: response times below 100 ms keep their decimals, and a column whose numbers
//! outgrow Locust's width is widened for all rows instead of shifting one.

mod phases;

use super::{
    Report,
    text::{fit, ms, printable},
};
use hatchery_core::{
    clock::NS_PER_S,
    stats::{EntryKey, EntryStats, Snapshot},
};
use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// Locust's `STATS_TYPE_WIDTH`.
const TYPE_WIDTH: usize = 8;

/// Locust's `STATS_NAME_WIDTH` where nothing says how wide the terminal is.
const NAME_WIDTH_MAX: usize = 80;

/// Names are cut no shorter than this; a narrower terminal wraps lines. Locust goes to 0.
const NAME_WIDTH_MIN: usize = 20;

/// Left free on a terminal, for the columns that grow with their numbers.
const SPARE_WIDTH: usize = 4;

/// What the other columns of the table of statistics take.
const OTHER_COLUMNS_WIDTH: usize = 80;

/// What those of the table of percentiles take, which are more.
const PERCENTILE_COLUMNS_WIDTH: usize = 95;

/// Locust's `PERCENTILES_TO_REPORT`, with their headings.
const PERCENTILES: [(f64, &str); 11] = [
    (0.5, "50%"),
    (0.66, "66%"),
    (0.75, "75%"),
    (0.8, "80%"),
    (0.9, "90%"),
    (0.95, "95%"),
    (0.98, "98%"),
    (0.99, "99%"),
    (0.999, "99.9%"),
    (0.9999, "99.99%"),
    (1.0, "100%"),
];

/// Which rates the table of statistics shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rates {
    /// Over ten seconds that end two before this Unix second, as while a test runs. Locust counts
    /// from the last request instead, so that its rates stand still when a target hangs.
    Current {
        /// The second that has just begun.
        now_unix_s: u64,
    },
    /// Over the time from the start to the last request, as at the end.
    Total,
}

/// The tables for a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    name_width: usize,
    percentile_name_width: usize,
}

impl Console {
    /// For where there is no terminal.
    pub const WIDE: Console =
        Console { name_width: NAME_WIDTH_MAX, percentile_name_width: NAME_WIDTH_MAX };

    /// For a terminal of so many columns.
    pub fn for_columns(n_columns: usize) -> Console {
        let room = |others_width: usize| {
            let room = n_columns.saturating_sub(others_width + SPARE_WIDTH);
            room.clamp(NAME_WIDTH_MIN, NAME_WIDTH_MAX)
        };
        Console {
            name_width: room(OTHER_COLUMNS_WIDTH),
            percentile_name_width: room(PERCENTILE_COLUMNS_WIDTH),
        }
    }

    /// Requests, failures, response times in milliseconds and rates, with Locust's "Aggregated".
    pub fn stats_table(&self, snapshot: &Snapshot, rates: Rates) -> String {
        // Locust saves characters in the other columns and gives them to the name.
        let name_width = self.name_width - TYPE_WIDTH + 4;
        let row = |key: Option<&EntryKey>, entry: &EntryStats| {
            let (per_s, fails_per_s) = rates_of(snapshot, entry, rates);
            let total = &entry.total;
            let ratio = entry.fail_ratio() * 100.0;
            [
                key.map_or(String::new(), |key| fit(&key.method, TYPE_WIDTH)),
                fit(key.map_or("Aggregated", |key| &key.name), name_width),
                total.n_requests.to_string(),
                format!("{}({ratio:.2}%)", total.n_failures),
                ms(entry.average_ns()),
                ms(if entry.total.latency_ns_min == u64::MAX { 0 } else { total.latency_ns_min }
                    as f64),
                ms(total.latency_ns_max as f64),
                ms(entry.percentile_ns(0.5).unwrap_or(0) as f64),
                format!("{per_s:.2}"),
                format!("{fails_per_s:.2}"),
            ]
        };
        let header = [
            "Type",
            "Name",
            "# reqs",
            "# fails",
            "Avg",
            "Min",
            "Max",
            "Med",
            "req/s",
            "failures/s",
        ];
        let rows: Vec<_> = snapshot.entries().iter().map(|(key, e)| row(Some(key), e)).collect();
        let aggregated = row(None, &snapshot.aggregated());
        let header = header.map(str::to_owned);
        let least = [TYPE_WIDTH, name_width, 7, 12, 7, 7, 7, 7, 7, 11];
        let mut w = widths(least, rows.iter().chain([&header, &aggregated]));
        if w[7] > least[7] {
            // Locust leaves no blank before the median; there is one when the column is full.
            w[7] += 1;
        }
        let line = |c: &[String; 10]| {
            format!(
                "{:<w0$} {:<w1$} {:>w2$} {:>w3$} |{:>w4$} {:>w5$} {:>w6$}{:>w7$} | {:>w8$} {:>w9$}",
                c[0],
                c[1],
                c[2],
                c[3],
                c[4],
                c[5],
                c[6],
                c[7],
                c[8],
                c[9],
                w0 = w[0],
                w1 = w[1],
                w2 = w[2],
                w3 = w[3],
                w4 = w[4],
                w5 = w[5],
                w6 = w[6],
                w7 = w[7],
                w8 = w[8],
                w9 = w[9],
            )
        };
        let rule = rule(&[w[0], w[1], w[2], w[3] + 1, w[4], w[5], w[6], w[7], w[8] + 1, w[9]]);
        table(None, &line(&header), &rule, rows.iter().map(line), &line(&aggregated))
    }

    /// Locust's second table: percentiles of the response time, in milliseconds.
    pub fn percentile_table(&self, snapshot: &Snapshot) -> String {
        let row = |key: Option<&EntryKey>, entry: &EntryStats| {
            let mut cells = vec![
                key.map_or(String::new(), |key| fit(&key.method, TYPE_WIDTH)),
                fit(key.map_or("Aggregated", |key| &key.name), self.percentile_name_width),
            ];
            let percentile = |share| entry.percentile_ns(share).unwrap_or(0) as f64;
            cells.extend(PERCENTILES.iter().map(|&(share, _)| ms(percentile(share))));
            cells.push(entry.total.n_requests.to_string());
            <[String; 14]>::try_from(cells).expect("two texts, eleven percentiles and a count")
        };
        let mut header = vec!["Type", "Name"];
        header.extend(PERCENTILES.iter().map(|&(_, heading)| heading));
        header.push("# reqs");
        let header: Vec<_> = header.into_iter().map(str::to_owned).collect();
        let header = <[String; 14]>::try_from(header).expect("as many headings as cells");
        let timed = snapshot.entries().into_iter().filter(|(_, e)| !e.total.latency_us.is_empty());
        let rows: Vec<_> = timed.map(|(key, entry)| row(Some(key), entry)).collect();
        let aggregated = row(None, &snapshot.aggregated());
        let least = [TYPE_WIDTH, self.percentile_name_width, 8, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6];
        let mut w = widths(least, rows.iter().chain([&header, &aggregated]));
        if w[7] > least[7] {
            // Locust leaves no blank before the median; there is one when the column is full.
            w[7] += 1;
        }
        let line = |cells: &[String; 14]| {
            let mut line = format!("{:<w0$} {:<w1$}", cells[0], cells[1], w0 = w[0], w1 = w[1]);
            for (cell, width) in cells.iter().zip(w).skip(2) {
                let _ = write!(line, " {cell:>width$}");
            }
            line
        };
        let title = Some("Response time percentiles (approximated)");
        table(title, &line(&header), &rule(&w), rows.iter().map(line), &line(&aggregated))
    }

    /// Locust's third table: failures by entry and text. Empty if there are none.
    pub fn error_table(&self, snapshot: &Snapshot) -> String {
        let rows = snapshot.errors().into_iter().map(|(key, failure, row)| {
            let text = format!("{} {}: {failure}", key.method, key.name);
            (row.n, text)
        });
        self.occurrences("Error report", "Error", rows)
    }

    /// Errors and panics of tasks, which are not failed requests; Locust has no such table. Empty
    /// if there are none.
    pub fn exception_table(&self, snapshot: &Snapshot) -> String {
        let rows =
            snapshot.exceptions().map(|row| (row.n, format!("{}: {}", row.class, row.message)));
        self.occurrences("Exception report", "Exception", rows)
    }

    fn occurrences(
        &self,
        title: &str,
        heading: &str,
        rows: impl Iterator<Item = (u64, String)>,
    ) -> String {
        let rows: Vec<_> = rows.map(|(n, text)| format!("{n:<18} {}", printable(&text))).collect();
        if rows.is_empty() {
            return String::new();
        }
        let rule = rule(&[18, OTHER_COLUMNS_WIDTH + self.name_width - 19]);
        let header = format!("{:<18} {heading}", "# occurrences");
        format!("{title}\n{header}\n{rule}\n{}\n{rule}\n\n", rows.join("\n"))
    }
}

impl Report for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn write(&self, snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.stats_table(snapshot, Rates::Total).as_bytes())?;
        out.write_all(self.percentile_table(snapshot).as_bytes())?;
        out.write_all(self.phase_table(snapshot).as_bytes())?;
        out.write_all(self.error_table(snapshot).as_bytes())?;
        out.write_all(self.exception_table(snapshot).as_bytes())
    }
}

/// Requests and failures per second.
fn rates_of(snapshot: &Snapshot, entry: &EntryStats, rates: Rates) -> (f64, f64) {
    match rates {
        Rates::Current { now_unix_s } => {
            entry.current_rates(snapshot.start_unix_ns / NS_PER_S, now_unix_s)
        }
        Rates::Total => match snapshot.duration_s() {
            0.0 => (0.0, 0.0),
            s => (entry.total.n_requests as f64 / s, entry.total.n_failures as f64 / s),
        },
    }
}

/// The width of each column: Locust's, or that of the longest cell.
fn widths<'a, const N: usize>(
    least: [usize; N],
    rows: impl Iterator<Item = &'a [String; N]>,
) -> [usize; N] {
    rows.fold(least, |mut widths, row| {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
        widths
    })
}

fn rule(widths: &[usize]) -> String {
    widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>().join("|")
}

fn table(
    title: Option<&str>,
    header: &str,
    rule: &str,
    rows: impl Iterator<Item = String>,
    aggregated: &str,
) -> String {
    let title = title.map(str::to_owned);
    let head = title.into_iter().chain([header.to_owned(), rule.to_owned()]);
    let foot = [rule, aggregated, "", ""].map(str::to_owned);
    head.chain(rows).chain(foot).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{START_UNIX_S, record, sample_run},
        *,
    };
    use hatchery_core::stats::Recorder;

    const NARROW: Console = Console { name_width: 20, percentile_name_width: 20 };

    fn unwrapped(table: &str) -> String {
        // Trailing blanks would be lost on the way through an editor.
        table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn statistics_at_the_end_show_rates_over_the_whole_run() {
        insta::assert_snapshot!(unwrapped(&NARROW.stats_table(&sample_run(), Rates::Total)));
    }

    #[test]
    fn statistics_while_running_show_the_last_ten_seconds() {
        let rates = Rates::Current { now_unix_s: START_UNIX_S + 20 };
        insta::assert_snapshot!(unwrapped(&NARROW.stats_table(&sample_run(), rates)));
    }

    #[test]
    fn without_a_terminal_names_have_eighty_columns() {
        insta::assert_snapshot!(unwrapped(&Console::WIDE.stats_table(&sample_run(), Rates::Total)));
    }

    #[test]
    fn percentiles() {
        insta::assert_snapshot!(unwrapped(&NARROW.percentile_table(&sample_run())));
    }

    #[test]
    fn errors() {
        insta::assert_snapshot!(unwrapped(&NARROW.error_table(&sample_run())));
    }

    #[test]
    fn exceptions() {
        insta::assert_snapshot!(unwrapped(&NARROW.exception_table(&sample_run())));
    }

    #[test]
    fn nothing_recorded_is_an_empty_table_and_no_error_report() {
        let empty = Snapshot::new(0);
        insta::assert_snapshot!(unwrapped(&NARROW.stats_table(&empty, Rates::Total)));
        assert_eq!(NARROW.error_table(&empty), "");
        assert_eq!(NARROW.exception_table(&empty), "");
    }

    #[test]
    fn numbers_wider_than_locusts_columns_move_the_column_for_every_row() {
        let mut recorder = Recorder::new(0);
        record(
            &mut recorder,
            ("GET", "/a/very/long/name/with/its/meaning/at/the/end", 900, 1, None),
        );
        record(&mut recorder, ("PROPPATCHES", "/b", 12_345_678_000_000, 1, None));
        let mut snapshot = Snapshot::new(START_UNIX_S * NS_PER_S);
        recorder.collect().iter_mut().for_each(|delta| snapshot.absorb(delta));
        for table in
            [NARROW.stats_table(&snapshot, Rates::Total), NARROW.percentile_table(&snapshot)]
        {
            let lines = table.lines().filter(|line| line.contains(['/', '-', '#']));
            let mut widths: Vec<_> = lines.map(|line| line.chars().count()).collect();
            widths.dedup();
            assert_eq!(widths.len(), 1, "{table}");
        }
        insta::assert_snapshot!(unwrapped(&NARROW.stats_table(&snapshot, Rates::Total)));
    }

    #[test]
    fn the_name_takes_what_the_terminal_leaves() {
        assert_eq!(Console::for_columns(80).name_width, 20);
        assert_eq!(Console::for_columns(120).name_width, 36);
        assert_eq!(Console::for_columns(300).name_width, 80);
        for n_columns in [120, 150, 170, 200] {
            let console = Console::for_columns(n_columns);
            let tables = [
                console.stats_table(&sample_run(), Rates::Total),
                console.percentile_table(&sample_run()),
            ];
            for line in tables.iter().flat_map(|table| table.lines()) {
                assert!(line.chars().count() <= n_columns, "{n_columns}: {line}");
            }
        }
    }
}
