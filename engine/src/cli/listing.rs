//! What a program can tell of itself without running: its classes and its tasks' shares, in
//! Locust's words and shapes.

use hatchery_core::user::{Class, Leaf, TagFilter};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// `--list`.
pub(crate) fn classes(classes: &[Class]) -> String {
    let names = classes.iter().map(|class| format!("    {}\n", class.name()));
    format!("Available Users:\n{}", names.collect::<String>())
}

/// `--show-task-ratio`: within each class, then over all users.
pub(crate) fn ratios(classes: &[Class], tags: &TagFilter, n_users: Option<u32>) -> String {
    let line = "-".repeat(80);
    let mut text = format!("\n Task ratio per User class\n{line}\n");
    write_leaves(&mut text, &tree(classes, tags, n_users, false), 0);
    let _ = write!(text, "\n Total task ratio\n{line}\n");
    write_leaves(&mut text, &tree(classes, tags, n_users, true), 0);
    text
}

/// `--show-task-ratio-json`: Locust's `{"per_class": …, "total": …}`.
pub(crate) fn ratios_json(classes: &[Class], tags: &TagFilter, n_users: Option<u32>) -> String {
    let value = json!({
        "per_class": object(&tree(classes, tags, n_users, false)),
        "total": object(&tree(classes, tags, n_users, true)),
    });
    format!("{value:#}\n")
}

/// Classes as leaves with their share of the users. A task's share is that of its class' or set's
/// choices, or in `total` of all choices of all users.
fn tree(classes: &[Class], tags: &TagFilter, n_users: Option<u32>, total: bool) -> Vec<Leaf> {
    let shares = shares(classes, n_users);
    let class = |(class, share): (&Class, f64)| {
        let mut tasks = class.tasks(tags);
        if total {
            scale(&mut tasks, share);
        }
        Leaf { name: class.name().into(), ratio: share, tasks }
    };
    classes.iter().zip(shares).map(class).collect()
}

fn scale(leaves: &mut [Leaf], by: f64) {
    for leaf in leaves {
        leaf.ratio *= by;
        scale(&mut leaf.tasks, leaf.ratio);
    }
}

/// Each class' share of the users: fixed counts first, the weights share the rest. Without a number
/// of users there are as many as the weights add up to, or one beside fixed counts, as in Locust.
fn shares(classes: &[Class], n_users: Option<u32>) -> Vec<f64> {
    let fixed: f64 = classes.iter().map(|class| f64::from(class.fixed_count())).sum();
    let weight = |class: &Class| match class.fixed_count() {
        0 => f64::from(class.weight()),
        _ => 0.0,
    };
    let weights: f64 = classes.iter().map(weight).sum();
    let by_default = if fixed > 0.0 { 1.0 } else { weights };
    let n_weighted = (n_users.map_or(by_default, f64::from) - fixed).max(0.0);
    let count = |class: &Class| match class.fixed_count() {
        0 if weights > 0.0 => weight(class) / weights * n_weighted,
        n_users => f64::from(n_users),
    };
    let counts: Vec<f64> = classes.iter().map(count).collect();
    let sum: f64 = counts.iter().sum();
    counts.into_iter().map(|count| if sum > 0.0 { count / sum } else { 0.0 }).collect()
}

/// Locust's columns: percent and name, both indented.
fn write_leaves(text: &mut String, leaves: &[Leaf], level: usize) {
    let padding = "  ".repeat(level);
    for leaf in leaves {
        let percent = format!("{padding}{:<6.1}", leaf.ratio * 100.0);
        let _ = writeln!(text, " {percent:<10} {padding}{}", leaf.name);
        write_leaves(text, &leaf.tasks, level + 1);
    }
}

/// Leaves by name; those of one name are one, as a task that is listed twice is in Locust.
fn object(leaves: &[Leaf]) -> Map<String, Value> {
    let mut object = Map::new();
    for leaf in leaves {
        let known = object.get(&*leaf.name).and_then(|known| known["ratio"].as_f64());
        let mut value = json!({ "ratio": known.unwrap_or(0.0) + leaf.ratio });
        if !leaf.tasks.is_empty() {
            value["tasks"] = Value::Object(self::object(&leaf.tasks));
        }
        object.insert(leaf.name.to_string(), value);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    macro_rules! user {
        ($name:ident, $weight:literal, $fixed:literal) => {
            struct $name;
            impl User for $name {
                const WEIGHT: u32 = $weight;
                const FIXED_COUNT: u32 = $fixed;
                fn new(_: &Spawn<'_>) -> Self {
                    $name
                }
            }
            impl Tasks for $name {
                type Parent = Root;
                fn table() -> Table<Self> {
                    let task = async |_: &mut $name, _: &mut Cx<'_, $name>| Ok(());
                    Table::new().task(3, task).named("a").task(1, task).named("b").tagged(&["x"])
                }
            }
        };
    }
    user!(One, 1, 0);
    user!(Three, 3, 0);
    user!(Two, 9, 2);

    #[test]
    fn fixed_counts_come_first_and_weights_share_the_rest() {
        let (one, three, two) = (Class::of::<One>(), Class::of::<Three>(), Class::of::<Two>());
        let classes = [one, three, two];
        assert_eq!(shares(&classes[..2], None), [0.25, 0.75]);
        assert_eq!(shares(&classes, Some(10)), [0.2, 0.6, 0.2]);
        assert_eq!(shares(&classes, Some(1)), [0.0, 0.0, 1.0]);
        assert_eq!(shares(&[], None), [0.0; 0]);
    }

    #[test]
    fn ratios_are_printed_as_locust_prints_them() {
        let classes = [Class::of::<One>(), Class::of::<Three>()];
        let text = ratios(&classes, &TagFilter::default(), None);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(
            lines,
            [
                "",
                " Task ratio per User class",
                " 25.0       One",
                "   75.0       a",
                "   25.0       b",
                " 75.0       Three",
                "   75.0       a",
                "   25.0       b",
                "",
                " Total task ratio",
                " 25.0       One",
                "   18.8       a",
                "   6.2        b",
                " 75.0       Three",
                "   56.2       a",
                "   18.8       b",
            ]
        );
    }

    #[test]
    fn the_json_heeds_tags_and_equal_weights() {
        let classes = [Class::of::<One>().with_equal_weights()];
        let value: Value =
            serde_json::from_str(&ratios_json(&classes, &TagFilter::default(), Some(5)))
                .expect("it is JSON");
        let tasks = json!({ "a": { "ratio": 0.5 }, "b": { "ratio": 0.5 } });
        assert_eq!(value["per_class"]["One"], json!({ "ratio": 1.0, "tasks": tasks }));
        let tags = TagFilter { include: vec![], exclude: vec!["x".to_owned()] };
        let value: Value =
            serde_json::from_str(&ratios_json(&classes, &tags, Some(5))).expect("it is JSON");
        assert_eq!(value["total"]["One"]["tasks"], json!({ "a": { "ratio": 1.0 } }));
    }
}
