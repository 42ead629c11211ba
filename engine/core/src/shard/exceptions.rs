//! Errors and panics of tasks on their way to the control plane.
//!
//! The first of its kind in a second is reported at once, those that follow are counted and
//! reported with the next pulse: a task that fails a million times a second is a few messages.

use crate::message::ExceptionReport;
use std::mem;

/// Different exceptions told apart in a second; more are counted with the last of them.
const KINDS_MAX: usize = 256;

/// The exceptions of the second so far.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    /// Reported already, and how many have come since.
    kinds: Vec<ExceptionReport>,
}

impl Exceptions {
    /// Counts an exception, and gives it back if it is to be reported now.
    pub(super) fn add(&mut self, exception: ExceptionReport) -> Option<ExceptionReport> {
        let same = |known: &&mut ExceptionReport| {
            known.class == exception.class
                && known.message == exception.message
                && known.trace == exception.trace
        };
        if let Some(known) = self.kinds.iter_mut().find(same) {
            known.n += exception.n;
            return None;
        }
        if self.kinds.len() == KINDS_MAX {
            self.kinds[KINDS_MAX - 1].n += exception.n;
            return None;
        }
        self.kinds.push(ExceptionReport { n: 0, ..exception.clone() });
        Some(exception)
    }

    /// Those that were counted and not reported. The next second begins.
    pub(super) fn take(&mut self) -> impl Iterator<Item = ExceptionReport> + use<> {
        mem::take(&mut self.kinds).into_iter().filter(|exception| exception.n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(message: impl Into<String>) -> ExceptionReport {
        let (message, trace) = (message.into(), String::new());
        ExceptionReport { shard: 0, class: 0, n: 1, message, trace }
    }

    #[test]
    fn the_first_of_a_kind_is_told_at_once_and_the_others_with_the_second() {
        let mut exceptions = Exceptions::default();
        let now = (0..1_000).filter_map(|i| exceptions.add(exception(["a", "b"][i % 2])));
        assert_eq!(now.count(), 2);
        assert_eq!(exceptions.take().map(|it| it.n).collect::<Vec<_>>(), [499, 499]);
        assert_eq!(exceptions.take().count(), 0);
        assert!(exceptions.add(exception("a")).is_some());
    }

    #[test]
    fn texts_that_differ_each_time_do_not_fill_the_memory_and_are_all_counted() {
        let mut exceptions = Exceptions::default();
        let now = (0..1_000).filter_map(|i| exceptions.add(exception(i.to_string()))).count();
        assert_eq!(now, KINDS_MAX);
        let later: u64 = exceptions.take().map(|it| it.n).sum();
        assert_eq!(now as u64 + later, 1_000);
    }
}
