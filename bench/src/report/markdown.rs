//! The report as Markdown: the conditions, then one table per target and case.

use std::fmt::Write;

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use super::{Report, Row};
use crate::case::CASES;

/// From here on the generator was waiting for the server more than for itself.
const SERVER_LIMIT: f64 = 0.95;

const NOTHING: &str = "–";

/// The whole report.
pub(crate) fn render(report: &Report) -> String {
    let mut text = conditions(report);
    let mut rest = &report.rows[..];
    while let Some(first) = rest.first() {
        let same = |row: &&Row| (row.target, row.case) == (first.target, first.case);
        let (rows, others) = rest.split_at(rest.iter().take_while(same).count());
        section(&mut text, rows);
        rest = others;
    }
    text
}

fn conditions(report: &Report) -> String {
    let settings = &report.settings;
    let mut text = String::from("# Side by side\n\n");
    let lines = [
        format!("Command: `compare {}`", settings.arguments.join(" ")),
        format!(
            "Machine: {}; load average {:.2} at the start",
            settings.host, settings.load_average
        ),
        format!(
            "Pinned: every generator to CPU {}, the server to CPU {}",
            settings.generator_cpu, settings.server_cpu
        ),
        format!(
            "Rounds: {} of {} s, every peer once per round; medians over rounds, ratios within a round",
            settings.rounds, settings.seconds
        ),
        format!("Versions: {}", settings.versions.join("; ")),
    ];
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
    text
}

fn section(text: &mut String, rows: &[Row]) {
    let (target, case) = (rows[0].target, rows[0].case);
    let about = CASES.iter().find(|known| known.name == case).map_or("", |case| case.about);
    let _ = write!(text, "\n## {case} on {target}\n\n{about}.\n\n");
    let baseline = rows.iter().find_map(|row| row.baseline).unwrap_or("baseline");
    let with_bytes = rows
        .iter()
        .filter_map(|row| row.medians.as_ref())
        .any(|medians| medians.payload_bytes_per_second.is_some());
    let versus = format!("vs {baseline}");
    let mut header = vec!["peer", "requests/s", &versus, "CPU µs/req", &versus];
    header.extend(["p50 µs", "p99 µs", "p99.9 µs", "peak RSS MiB"]);
    if with_bytes {
        header.push("MB/s");
    }
    header.extend(["failed", "served/reported", "server µs/req", "server busy", "note"]);
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(&header);
    for row in rows {
        table.add_row(cells(row, with_bytes));
    }
    let _ = writeln!(text, "{table}");
}

fn cells(row: &Row, with_bytes: bool) -> Vec<String> {
    let columns = if with_bytes { 15 } else { 14 };
    let mut cells = vec![row.peer.to_owned()];
    let Some(medians) = &row.medians else {
        cells.resize(columns - 1, NOTHING.to_owned());
        cells.push(note(row));
        return cells;
    };
    cells.push(number(Some(medians.requests_per_second), 0));
    cells.push(number(row.requests_ratio, 2));
    cells.push(number(Some(medians.cpu_us_per_request), 2));
    cells.push(number(row.cpu_ratio, 2));
    for us in [medians.p50_us, medians.p99_us, medians.p999_us] {
        cells.push(number(us, 0));
    }
    cells.push(number(Some(medians.peak_rss_bytes / f64::from(1 << 20)), 1));
    if with_bytes {
        cells.push(number(medians.payload_bytes_per_second.map(|bytes| bytes / 1e6), 1));
    }
    cells.push(number(Some(medians.failed), 0));
    cells.push(number(medians.served_per_reported, 3));
    cells.push(number(Some(medians.server_cpu_us_per_request), 2));
    cells.push(format!("{:.0} %", medians.server_busy * 100.0));
    cells.push(note(row));
    cells
}

/// A pipe would end the cell.
fn note(row: &Row) -> String {
    let mut parts: Vec<String> = row.reason.iter().map(|reason| reason.replace('|', "/")).collect();
    if row.medians.as_ref().is_some_and(|medians| medians.server_busy >= SERVER_LIMIT) {
        parts.push("the server was the limit".to_owned());
    }
    parts.join("; ")
}

/// A figure with thousands apart, or a dash where there is none.
fn number(value: Option<f64>, decimals: usize) -> String {
    let Some(value) = value else { return NOTHING.to_owned() };
    let plain = format!("{value:.decimals$}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut text = String::new();
    for (idx, digit) in whole.chars().enumerate() {
        if idx > 0 && (whole.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        let _ = write!(text, ".{fraction}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Settings, conclude, tests::rows};

    #[test]
    fn a_table_has_every_peer_and_every_reason() {
        let mut rows = rows();
        conclude(&mut rows);
        let settings = Settings {
            arguments: vec!["--quick".to_owned()],
            rounds: 2,
            seconds: 2,
            generator_cpu: 0,
            server_cpu: 1,
            host: "a machine".to_owned(),
            load_average: 0.5,
            versions: vec!["wrk 4".to_owned()],
        };
        let text = render(&Report { settings, rows });
        assert!(text.contains("## small on nginx"));
        assert!(text.contains("CPU 0, the server to CPU 1"));
        let hatchery = text.lines().find(|line| line.starts_with("| hatchery")).unwrap();
        assert!(hatchery.contains("| 1.25 ") && hatchery.contains("| 0.75 "));
        let oha = text.lines().find(|line| line.starts_with("| oha")).unwrap();
        assert!(oha.contains("oha is not on $PATH"));
        assert_eq!(oha.matches('|').count(), hatchery.matches('|').count());
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(Some(1_234_567.0), 0), "1,234,567");
        assert_eq!(number(Some(123.456), 2), "123.46");
        assert_eq!(number(Some(1234.5), 1), "1,234.5");
        assert_eq!(number(None, 2), NOTHING);
    }
}
