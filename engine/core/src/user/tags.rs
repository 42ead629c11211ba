//! Which tasks run, by their tags.

/// `--tags` and `--exclude-tags`: a task runs if it shares a tag with the first (or that is
/// empty) and none with the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// Only tasks with one of these; all if empty. Locust's `Environment.tags`.
    pub include: Vec<String>,
    /// No tasks with one of these. Locust's `Environment.exclude_tags`.
    pub exclude: Vec<String>,
}

impl TagFilter {
    /// Whether a task with these tags, its sets' tags among them, runs.
    pub fn keeps(&self, tags: &[&str]) -> bool {
        let one_of = |list: &[String]| tags.iter().any(|tag| list.iter().any(|known| known == tag));
        (self.include.is_empty() || one_of(&self.include)) && !one_of(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(include: &[&str], exclude: &[&str], tags: &[&str], expected: bool) {
        let owned = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect();
        let filter = TagFilter { include: owned(include), exclude: owned(exclude) };
        assert_eq!(filter.keeps(tags), expected);
    }

    #[test]
    fn exclude_wins_over_include() {
        check(&[], &[], &[], true);
        check(&["a"], &[], &[], false);
        check(&["a"], &[], &["b", "a"], true);
        check(&[], &["b"], &["a"], true);
        check(&["a"], &["b"], &["b", "a"], false);
    }
}
