//! Whether an environment can be run: mistakes that are found before anything starts.

use super::Environment;
use anyhow::{Result, bail};
use hatchery_core::user::{Class, TagFilter};
use tracing::warn;

impl Environment {
    /// Whether there is something to run.
    pub(crate) fn check(&self) -> Result<()> {
        if self.classes.is_empty() {
            bail!("no user class to run: register one with `user::<…>()`");
        }
        self.check_tables()?;
        self.check_tasks()
    }

    fn check_tables(&self) -> Result<()> {
        for (i, class) in self.classes.iter().enumerate() {
            // Classes are chosen, and shown, by name.
            if self.classes[..i].iter().any(|other| other.name() == class.name()) {
                bail!("two user classes are called {}: rename one", class.name());
            }
        }
        for problem in self.classes.iter().flat_map(Class::problems) {
            match problem.is_error {
                true => bail!(problem.text),
                false => warn!("{}", problem.text),
            }
        }
        Ok(())
    }

    /// Users without tasks run, as in Locust: their first task is an error. But tags that leave
    /// nobody anything to do are a mistake.
    fn check_tasks(&self) -> Result<()> {
        let all = TagFilter::default();
        let is_idle = |class: &&Class| class.tasks(&self.tags).is_empty();
        let has_tasks = |class: &Class| !class.tasks(&all).is_empty();
        if self.classes.iter().all(|class| is_idle(&class)) && self.classes.iter().any(has_tasks) {
            bail!("no task is left after filtering by {}: check the tags", describe(&self.tags));
        }
        for class in self.classes.iter().filter(is_idle) {
            let name = class.name();
            match has_tasks(class) {
                false => warn!("{name} has no tasks: its users only count exceptions"),
                true => warn!("{name} had no tasks left after filtering by tags: check --tags"),
            }
        }
        Ok(())
    }

    /// A class that needs a host and has none.
    pub(crate) fn lacking_host(&self) -> Option<&Class> {
        let lacks_host = |class: &&Class| class.needs_host() && class.host().is_none();
        self.classes.iter().find(lacks_host).filter(|_| self.host.is_none())
    }
}

/// A filter as it would be typed.
fn describe(TagFilter { include, exclude }: &TagFilter) -> String {
    let flag = |name: &str, tags: &[String]| match tags {
        [] => None,
        tags => Some(format!("{name} {}", tags.join(" "))),
    };
    let flags = [flag("--tags", include), flag("--exclude-tags", exclude)];
    flags.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
