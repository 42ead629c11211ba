//! Ending users: whether those who shall end have ended.
//!
//! A pulse may have left the shard before it read the command. So a flush is sent behind the
//! command, and only a pulse that comes after its answer counts. The flush is repeated, because a
//! shard that answers it pulses too, and the next pulse of its own may be a second away.

use std::time::Duration;
use tokio::sync::oneshot;

/// The pauses between two flushes: short at first, because without a stop timeout users end at
/// once; long later, because a shard that is still measuring is not to be disturbed.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(320);

/// How far a drain has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Users were asked and may finish their task.
    Asked,
    /// Users were killed; their `on_stop` hooks may still run.
    Killed,
    /// Users outlive a kill: nobody waits for them any longer.
    GivenUp,
}

/// Users that shall end, and who waits for it. Dropping it releases who waits.
#[derive(Debug)]
pub(super) struct Drain {
    stage: Stage,
    /// The flush that was asked for last.
    token: u64,
    pause: Duration,
    /// Whether the shard has read the command.
    confirmed: bool,
    /// Whether the shard has counted its users since.
    counted: bool,
    _done: oneshot::Sender<()>,
}

impl Drain {
    /// Begins to wait; the flush of this token was sent behind the command.
    pub(super) fn new(stage: Stage, token: u64, done: oneshot::Sender<()>) -> Drain {
        Drain { stage, token, pause: PAUSE_MIN, confirmed: false, counted: false, _done: done }
    }

    /// The next stage: the time of this one is over, or somebody is in a hurry.
    pub(super) fn advance(&mut self) -> Stage {
        self.pause = PAUSE_MIN;
        self.stage = match self.stage {
            Stage::Asked => Stage::Killed,
            Stage::Killed | Stage::GivenUp => Stage::GivenUp,
        };
        self.stage
    }

    /// Notes an answered flush, and says when to ask again if it was this drain's.
    pub(super) fn answered(&mut self, token: u64) -> Option<Duration> {
        if token != self.token {
            return None;
        }
        self.confirmed = true;
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        Some(pause)
    }

    /// Whether this flush was the last that was asked for.
    pub(super) fn awaits(&self, token: u64) -> bool {
        self.token == token
    }

    /// Notes the flush that is asked for now.
    pub(super) fn ask(&mut self, token: u64) {
        self.token = token;
    }

    /// Notes a pulse.
    pub(super) fn pulse(&mut self) {
        self.counted |= self.confirmed;
    }

    /// Whether no class has more users than it shall have.
    pub(super) fn is_over(&self, n_live: &[u32], n_wanted: &[u32]) -> bool {
        self.stage == Stage::GivenUp
            || (self.counted && n_live.iter().zip(n_wanted).all(|(live, wanted)| live <= wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain() -> Drain {
        Drain::new(Stage::Asked, 7, oneshot::channel().0)
    }

    #[test]
    fn a_pulse_from_before_the_answer_ends_nothing() {
        let mut drain = drain();
        drain.pulse();
        assert!(!drain.is_over(&[0], &[0]));
        assert_eq!(drain.answered(6), None);
        drain.pulse();
        assert!(!drain.is_over(&[0], &[0]));
        assert_eq!(drain.answered(7), Some(PAUSE_MIN));
        assert!(!drain.is_over(&[0], &[0]));
        drain.pulse();
        assert!(drain.is_over(&[0], &[0]));
    }

    #[test]
    fn each_class_is_waited_for() {
        let mut drain = drain();
        drain.answered(7);
        drain.pulse();
        assert!(!drain.is_over(&[0, 3], &[5, 2]));
        assert!(drain.is_over(&[0, 2], &[5, 2]));
    }

    #[test]
    fn the_shard_is_asked_less_and_less_often() {
        let mut drain = drain();
        let pauses: Vec<_> = (7..17)
            .map(|token| {
                drain.ask(token);
                drain.answered(token).unwrap()
            })
            .collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&PAUSE_MAX));
    }

    #[test]
    fn after_the_kill_comes_giving_up() {
        let mut drain = drain();
        assert_eq!(drain.advance(), Stage::Killed);
        assert!(!drain.is_over(&[1], &[0]));
        assert_eq!(drain.advance(), Stage::GivenUp);
        assert!(drain.is_over(&[1], &[0]));
    }
}
