//! "Did you mean": the known name that is nearest to what was written.

/// How alike two names must be, 0 to 1: clap's own measure for its flags.
const ALIKE_MIN: f64 = 0.7;

/// The known name that is most like `text`, if any is like it at all.
pub(crate) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let alike = |name: &'a str| (strsim::jaro(&lower, &name.to_lowercase()), name);
    let alike = known.into_iter().map(alike).filter(|(alike, _)| *alike > ALIKE_MIN);
    alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// ` (did you mean 'users'?)`, or nothing.
pub(crate) fn hint<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(text, known).map_or(String::new(), |name| format!(" (did you mean '{name}'?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_whatever_its_case_and_none_for_a_stranger() {
        let known = ["users", "hatch-rate", "run-time", "Shopper"];
        assert_eq!(nearest("usrs", known), Some("users"));
        assert_eq!(nearest("hatchrate", known), Some("hatch-rate"));
        assert_eq!(nearest("shoper", known), Some("Shopper"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(hint("usrs", known), " (did you mean 'users'?)");
        assert_eq!(hint("zzz", known), "");
    }
}
