//! Pieces of text that fit into columns.

/// A response time in milliseconds with at least three significant digits above 0.1 ms, and never
/// more than three decimals: users act on microseconds, Locust's whole milliseconds would show 0.
pub(crate) fn ms(latency_ns: f64) -> String {
    let ms = latency_ns / 1e6;
    // The limits lie where rounding would carry into one more digit.
    match ms {
        _ if ms == 0.0 => "0".to_owned(),
        _ if ms < 0.0995 => format!("{ms:.3}"),
        _ if ms < 9.995 => format!("{ms:.2}"),
        _ if ms < 99.95 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

/// A text without what a terminal would obey: names and errors may come from a target.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => clean.push(' '),
            _ if c.is_control() => clean.extend(c.escape_default()),
            _ => clean.push(c),
        }
    }
    clean
}

/// A text of at most `width` characters: what is longer loses its middle, because names differ at
/// their ends.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let clean = printable(text);
    let n_chars = clean.chars().count();
    if n_chars <= width {
        return clean;
    }
    let kept = width.saturating_sub(1);
    let (n_head, n_tail) = (kept.div_ceil(2), kept / 2);
    let head = clean.chars().take(n_head);
    let tail = clean.chars().skip(n_chars - n_tail);
    head.chain(['…'].into_iter().take(width)).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_times_keep_their_digits_and_long_ones_their_width() {
        let rows = [
            (0.0, "0"),
            (1_000.0, "0.001"),
            (85_000.0, "0.085"),
            (99_600.0, "0.10"),
            (850_000.0, "0.85"),
            (9_994_000.0, "9.99"),
            (9_996_000.0, "10.0"),
            (12_340_000.0, "12.3"),
            (99_960_000.0, "100"),
            (152_400_000.0, "152"),
            (12_345_600_000.0, "12346"),
        ];
        for (latency_ns, text) in rows {
            assert_eq!(ms(latency_ns), text);
        }
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(fit("/catalogue/items/42", 10), "/cata…s/42");
        assert_eq!(fit("/short", 10), "/short");
        assert_eq!(fit("/x", 0), "");
    }

    #[test]
    fn a_target_cannot_send_commands_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb c");
    }

    proptest! {
        #[test]
        fn whatever_the_text_it_fits(text in ".*", width in 0usize..40) {
            prop_assert!(fit(&text, width).chars().count() <= width);
        }

        #[test]
        fn the_printed_time_is_within_half_a_unit_of_its_last_digit(
            latency_us in 1u64..100_000_000,
        ) {
            let shown_us = ms(latency_us as f64 * 1e3).parse::<f64>().unwrap() * 1e3;
            let error_us = (shown_us - latency_us as f64).abs();
            prop_assert!(error_us <= 0.5 || error_us / (latency_us as f64) <= 0.0503);
        }
    }
}
