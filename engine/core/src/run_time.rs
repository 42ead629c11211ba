//! Timespans as Locust's users write them: `20`, `20s`, `3m`, `2h`, `1h20m`, `3h30m10s`.
//!
//! Humantime reads the units. What this adds is Locust's bare number of seconds, and a refusal:
//! `3M` is three months to humantime and was meant as three minutes by whoever typed it.

use std::{fmt, time::Duration};

/// The forms that the error names, which are those of Locust's own message.
const ACCEPTED: &str = "20, 20s, 3m, 2h, 1h20m, 3h30m10s";

/// A text that is no timespan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimespanError {
    text: String,
}

/// Reads a timespan, as for `--run-time` and `--stop-timeout`.
///
/// A number alone is in seconds and may have a fraction (`0.5`). With units, which are hours (`h`),
/// minutes (`m`), seconds (`s`) and humantime's others from `ns` to `years` except months as `M`,
/// parts add up (`1h20m`). (Locust, `locust/util/timespan.py`, `parse_timespan`.)
///
/// # Errors
/// Where the text is neither, or the time is longer than a [`Duration`] can hold. The message names
/// the text and the accepted forms.
///
/// ```
/// use std::time::Duration;
///
/// let run_time = hatchery_core::run_time::parse_timespan("1h20m");
/// assert_eq!(run_time, Ok(Duration::from_secs(80 * 60)));
/// ```
pub fn parse_timespan(text: &str) -> Result<Duration, TimespanError> {
    let trimmed = text.trim();
    // Only digits and a point: the floats also know "inf", "nan", "1e9" and signs.
    let is_bare_number = trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let duration = if is_bare_number {
        trimmed.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    } else if trimmed.contains('M') {
        None
    } else {
        humantime::parse_duration(trimmed).ok()
    };
    duration.ok_or_else(|| TimespanError { text: text.to_owned() })
}

impl fmt::Display for TimespanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a timespan: accepted are {ACCEPTED}", self.text)
    }
}

impl std::error::Error for TimespanError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_s: f64) {
        assert_eq!(parse_timespan(text), Ok(Duration::from_secs_f64(expected_s)), "{text}");
    }

    #[test]
    fn the_forms_that_the_error_names_are_accepted() {
        let expected_s = [20.0, 20.0, 180.0, 7200.0, 4800.0, 12_610.0];
        for (text, expected_s) in ACCEPTED.split(", ").zip(expected_s) {
            check(text, expected_s);
        }
    }

    #[test]
    fn bare_numbers_are_seconds_and_may_have_fractions() {
        check("0", 0.0);
        check("0.5", 0.5);
        check(" 1.25 ", 1.25);
    }

    #[test]
    fn more_units_than_those_of_locust_are_understood() {
        check("500ms", 0.5);
        check("1 day", 86_400.0);
        check("1m 30s", 90.0);
    }

    #[test]
    fn what_is_no_timespan_is_refused() {
        for text in [
            "",
            " ",
            ".",
            "1.2.3",
            "-5",
            "+5",
            "1e3",
            "inf",
            "nan",
            "q",
            "2m30",
            "3M",
            "10x",
            "m",
            "99999999999999999999",
            "99999999999999999999h",
        ] {
            assert!(parse_timespan(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_error_names_the_text_and_what_is_accepted() {
        let error = parse_timespan("soon").expect_err("it is no timespan");
        let expected = "\"soon\" is not a timespan: accepted are 20, 20s, 3m, 2h, 1h20m, 3h30m10s";
        assert_eq!(error.to_string(), expected);
    }
}
