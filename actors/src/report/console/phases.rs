//! The table of the requests' phases, for runs that measure them. Locust has none.

use super::{Console, TYPE_WIDTH, rule, table, widths};
use crate::report::text::{fit, ms};
use hatchery_core::stats::{EntryKey, Phase, PhaseStats, Snapshot};

/// What a row shows of a phase's times, with the headings.
const PERCENTILES: [(f64, &str); 4] = [(0.5, "Med"), (0.95, "95%"), (0.99, "99%"), (1.0, "Max")];

impl Console {
    /// How long the phases of requests took, in milliseconds, by entry and phase. A phase counts
    /// the requests that got through it; the row of the connects also says how many connections
    /// were opened. Empty if nothing was measured.
    pub fn phase_table(&self, snapshot: &Snapshot) -> String {
        let aggregated = snapshot.aggregated();
        let Some(all) = aggregated.total.phases.as_deref() else { return String::new() };
        let entries = snapshot.entries();
        let rows: Vec<_> = entries
            .iter()
            .filter_map(|(key, entry)| Some((*key, entry.total.phases.as_deref()?)))
            .flat_map(|(key, phases)| self.phase_rows(Some(key), phases))
            .collect();
        let aggregated: Vec<_> = self.phase_rows(None, all).collect();
        let mut header = ["Type", "Name", "Phase", "# reqs", "# conns", "", "", "", ""];
        for (heading, (_, percentile)) in header[5..].iter_mut().zip(PERCENTILES) {
            *heading = percentile;
        }
        let header = header.map(str::to_owned);
        let least = [TYPE_WIDTH, self.name_width, 10, 7, 7, 7, 7, 7, 7];
        let w = widths(least, rows.iter().chain(&aggregated).chain([&header]));
        let line = |cells: &[String; 9]| {
            let mut line = String::new();
            for (i, (cell, width)) in cells.iter().zip(w).enumerate() {
                let blank = if i == 0 { "" } else { " " };
                line += &match i {
                    0..3 => format!("{blank}{cell:<width$}"),
                    _ => format!("{blank}{cell:>width$}"),
                };
            }
            line
        };
        let aggregated: Vec<_> = aggregated.iter().map(line).collect();
        let title = Some("Request phases (ms)");
        table(title, &line(&header), &rule(&w), rows.iter().map(line), &aggregated.join("\n"))
    }

    fn phase_rows(
        &self,
        key: Option<&EntryKey>,
        phases: &PhaseStats,
    ) -> impl Iterator<Item = [String; 9]> {
        let method = key.map_or(String::new(), |key| fit(&key.method, TYPE_WIDTH));
        let name = fit(key.map_or("Aggregated", |key| &key.name), self.name_width);
        Phase::ALL.into_iter().filter_map(move |phase| {
            let histogram_us = phases.histogram_us(phase)?;
            let n_connections = match phase {
                Phase::Connect => phases.n_connections().to_string(),
                _ => String::new(),
            };
            let time = |share| ms(histogram_us.value_at_quantile(share) as f64 * 1e3);
            let [p50, p95, p99, max] = PERCENTILES.map(|(share, _)| time(share));
            let (method, name, phase) = (method.clone(), name.clone(), phase.name().to_owned());
            let n = histogram_us.len().to_string();
            Some([method, name, phase, n, n_connections, p50, p95, p99, max])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{measured_run, sample_run};

    #[test]
    fn each_phase_of_an_entry_has_a_row_and_all_together_too() {
        let table = Console::for_columns(80).phase_table(&measured_run());
        let table: Vec<_> = table.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn a_run_that_does_not_measure_phases_has_no_table() {
        assert_eq!(Console::WIDE.phase_table(&sample_run()), "");
    }
}
