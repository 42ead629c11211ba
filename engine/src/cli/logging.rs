//! Log lines as Locust writes them, on standard error.

use hatchery_actors::headless::LogWriter;
use std::fmt;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{ChronoLocal, FormatTime},
    },
    registry::LookupSpan,
};

/// Starts logging. A program that has set up its own logging keeps it.
pub(crate) fn init(level: Level) {
    let lines = Lines { time: ChronoLocal::new("%Y-%m-%d %H:%M:%S,%3f".to_owned()) };
    let _ = tracing_subscriber::fmt()
        // It would say on standard error, and panic there, that standard error cannot be written.
        .log_internal_errors(false)
        .event_format(lines)
        .with_max_level(level)
        .with_writer(|| LogWriter)
        .try_init();
}

/// `[2026-11-23 10:00:00,123] INFO/hatchery_actors::headless: text`.
struct Lines {
    time: ChronoLocal,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        cx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_char('[')?;
        self.time.format_time(&mut writer)?;
        let metadata = event.metadata();
        write!(writer, "] {}/{}: ", metadata.level(), metadata.target())?;
        cx.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
