//! Which tasks a filter keeps: tags of sets are those of all their tasks, and exclude wins.

use hatchery::{Class, Leaf, TagFilter, prelude::*};
use hatchery_core::shard::Common;
use hatchery_tests::stage::Stage;

struct Reader;

impl User for Reader {
    const NEEDS_HOST: bool = false;
    const WAIT: Wait = constant(1.0);

    fn new(_: &Spawn<'_>) -> Self {
        Reader
    }
}

#[tasks]
#[nested(Forum, tags = ["forum"])]
#[nested(Shelf)]
impl Reader {
    #[task(tags = ["plain"])]
    async fn front(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.measure("RUN", "front", async { Ok::<_, std::io::Error>(()) }).await?;
        Ok(())
    }
}

struct Forum;

impl TaskSet for Forum {
    fn new(_: &mut Reader) -> Self {
        Forum
    }
}

#[tasks(parent = Reader)]
#[nested(Thread, tags = ["thread"])]
impl Forum {
    #[task]
    async fn list(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.interrupt()
    }
}

struct Thread;

impl TaskSet for Thread {
    fn new(_: &mut Forum) -> Self {
        Thread
    }
}

#[tasks(parent = Forum)]
impl Thread {
    #[task(tags = ["post"])]
    async fn reply(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.interrupt()
    }

    #[task]
    async fn read(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.interrupt()
    }
}

struct Shelf;

impl TaskSet for Shelf {
    fn new(_: &mut Reader) -> Self {
        Shelf
    }
}

#[tasks(parent = Reader)]
impl Shelf {
    #[task(weight = 3, tags = ["plain", "slow"])]
    async fn browse(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.interrupt()
    }

    #[task]
    async fn borrow(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
        cx.interrupt()
    }
}

fn filter(include: &[&str], exclude: &[&str]) -> TagFilter {
    let owned = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    TagFilter { include: owned(include), exclude: owned(exclude) }
}

/// `front Forum(list Thread(reply read))`, as text.
fn outline(leaves: &[Leaf]) -> String {
    let leaf = |leaf: &Leaf| match leaf.tasks.is_empty() {
        true => leaf.name.to_string(),
        false => format!("{}({})", leaf.name, outline(&leaf.tasks)),
    };
    leaves.iter().map(leaf).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(include: &[&str], exclude: &[&str], expected: &str) {
    assert_eq!(outline(&Class::of::<Reader>().tasks(&filter(include, exclude))), expected);
}

#[test]
fn nested_sets_hand_their_tags_down_and_stay_while_one_task_does() {
    check(&[], &[], "Forum(Thread(reply read) list) Shelf(browse borrow) front");
    check(&["forum"], &[], "Forum(Thread(reply read) list)");
    check(&["thread"], &[], "Forum(Thread(reply read))");
    check(&["post"], &[], "Forum(Thread(reply))");
    check(&["plain"], &[], "Shelf(browse) front");
    check(&["forum"], &["post"], "Forum(Thread(read) list)");
    check(&[], &["thread"], "Forum(list) Shelf(browse borrow) front");
    check(&["plain"], &["slow"], "front");
    check(&["nothing"], &[], "");
}

#[test]
fn equal_weights_reach_into_nested_sets() {
    let leaves = Class::of::<Reader>().with_equal_weights().tasks(&filter(&[], &[]));
    let shelf = leaves.iter().find(|leaf| leaf.name == "Shelf").expect("in the table");
    assert_eq!(shelf.tasks.iter().map(|leaf| leaf.ratio).collect::<Vec<_>>(), [0.5, 0.5]);
}

#[test]
fn only_tasks_that_are_kept_are_run() {
    let tags = filter(&["plain"], &["slow"]);
    let mut stage =
        Stage::new(Common { classes: vec![Class::of::<Reader>()], tags, ..Common::default() });
    stage.hatch(5);
    stage.wait_until(|stage| stage.stats.n_requests() > 50);
    stage.quit();
    assert_eq!(stage.stats.entries().len(), 1);
    assert_eq!(stage.exceptions.len(), 0);
}

#[test]
fn a_user_without_tasks_left_says_so_instead_of_dying() {
    let tags = filter(&["nothing"], &[]);
    let mut stage =
        Stage::new(Common { classes: vec![Class::of::<Reader>()], tags, ..Common::default() });
    stage.hatch(1);
    stage.wait_until(|stage| stage.exceptions.len() >= 2);
    assert!(stage.exceptions[0].message.contains("Reader"), "{:?}", stage.exceptions[0]);
    assert!(stage.exceptions[0].message.contains("--tags"), "{:?}", stage.exceptions[0]);
    assert_eq!(stage.n_ended, 0);
    stage.quit();
}
