//! The states of a test, and what leads from one to another.
//!
//! Everything is decided by [`step`], a function of two values; the actor only carries it out.

use std::fmt;

/// Where a test is. Locust's names, those of its seed: newer versions call the second "spawning".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No test was started yet.
    #[default]
    Ready,
    /// Users are being started, or stopped by an edit.
    Hatching,
    /// All users were started.
    Running,
    /// Users are being ended.
    Stopping,
    /// All users have ended.
    Stopped,
}

impl State {
    /// Whether a test is under way, its end included.
    pub fn is_active(self) -> bool {
        matches!(self, State::Hatching | State::Running | State::Stopping)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Ready => "ready",
            State::Hatching => "hatching",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
        })
    }
}

/// What can happen to a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// Somebody asks for a number of users.
    Start,
    /// The ramp last asked for is complete.
    Hatched,
    /// Somebody, or something, asks for the end.
    Stop,
    /// The users that were to end have ended.
    AllEnded,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Begin a test: clear the statistics, fire `test_start`, hatch.
    Begin,
    /// Hatch from the users there are.
    Edit,
    /// Say that all users were hatched.
    Complete,
    /// End the users.
    EndUsers,
    /// Fire `test_stop` and say that the test is over.
    Finish,
    /// Say no: users are ending.
    Refuse,
    /// Wait for the end that is already under way.
    Await,
    /// Nothing: it has happened already, or came too late.
    Nothing,
}

/// The state after something happened, and what is to be done.
pub(super) fn step(state: State, happening: Happening) -> (State, Deed) {
    match (state, happening) {
        (State::Ready | State::Stopped, Happening::Start) => (State::Hatching, Deed::Begin),
        (State::Hatching | State::Running, Happening::Start) => (State::Hatching, Deed::Edit),
        (State::Stopping, Happening::Start) => (state, Deed::Refuse),

        (State::Hatching, Happening::Hatched) => (State::Running, Deed::Complete),
        (_, Happening::Hatched) => (state, Deed::Nothing),

        (State::Hatching | State::Running, Happening::Stop) => (State::Stopping, Deed::EndUsers),
        (State::Stopping, Happening::Stop) => (state, Deed::Await),
        (State::Ready | State::Stopped, Happening::Stop) => (state, Deed::Nothing),

        (State::Stopping, Happening::AllEnded) => (State::Stopped, Deed::Finish),
        (_, Happening::AllEnded) => (state, Deed::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(happenings: &[Happening], expected: (State, Deed)) {
        let ready = (State::Ready, Deed::Nothing);
        let end = happenings.iter().fold(ready, |(state, _), &happening| step(state, happening));
        assert_eq!(end, expected);
    }

    #[test]
    fn a_test_is_hatched_run_and_stopped() {
        use Happening::*;
        check(&[Start], (State::Hatching, Deed::Begin));
        check(&[Start, Hatched], (State::Running, Deed::Complete));
        check(&[Start, Hatched, Stop], (State::Stopping, Deed::EndUsers));
        check(&[Start, Hatched, Stop, AllEnded], (State::Stopped, Deed::Finish));
        check(&[Start, Hatched, Stop, AllEnded, Start], (State::Hatching, Deed::Begin));
    }

    #[test]
    fn a_second_start_edits_and_a_second_stop_waits() {
        use Happening::*;
        check(&[Start, Start], (State::Hatching, Deed::Edit));
        check(&[Start, Hatched, Start], (State::Hatching, Deed::Edit));
        check(&[Start, Stop, Stop], (State::Stopping, Deed::Await));
        check(&[Start, Stop, Start], (State::Stopping, Deed::Refuse));
        check(&[Stop], (State::Ready, Deed::Nothing));
    }

    fn happening() -> impl Strategy<Value = Happening> {
        use Happening::*;
        prop_oneof![Just(Start), Just(Hatched), Just(Stop), Just(AllEnded)]
    }

    proptest! {
        #[test]
        fn each_begin_has_at_most_one_finish_and_ends_users_before_it(
            happenings in prop::collection::vec(happening(), 0..60)
        ) {
            let mut state = State::Ready;
            let (mut running, mut ending) = (false, false);
            for happening in happenings {
                let (next, deed) = step(state, happening);
                state = next;
                match deed {
                    Deed::Begin => {
                        prop_assert!(!running);
                        running = true;
                    }
                    Deed::EndUsers => {
                        prop_assert!(running && !ending);
                        ending = true;
                    }
                    Deed::Finish => {
                        prop_assert!(running && ending);
                        (running, ending) = (false, false);
                    }
                    Deed::Edit | Deed::Complete => prop_assert!(running && !ending),
                    Deed::Refuse | Deed::Await => prop_assert!(ending),
                    Deed::Nothing => {}
                }
                prop_assert_eq!(running, state.is_active());
            }
        }
    }
}
