//! The life of a user: start, tasks and waits in turn, stop; and the same for each set within.
//!
//! The order of hooks on every way out is Locust's: `locust-facts` §2.2.

use super::{
    actor::{Actor, Life},
    class::Spawn,
    context::Cx,
    exit::{Exit, TaskResult},
    frame::{Above, Mount, Root},
    guard::{guard, guard_call, guard_last},
    prepared::Prepared,
    traits::{TaskSet, Tasks, User},
    wait::{self, Kind, Pacing, Wait},
};
use crate::shard::yield_now;
use std::{
    any::Any,
    collections::VecDeque,
    future::{Future, poll_fn},
    rc::Rc,
    task::Poll,
};

/// Tasks that a user without wait runs before it lets the others of its core run.
const TASKS_PER_TURN: u8 = 32;

/// Runs a user to its end.
pub(super) async fn live<U: User>(prepared: Rc<Prepared<U>>, actor: Rc<Actor>) {
    let mut user = match guard_call(|| U::new(&Spawn::new(&actor))) {
        Ok(user) => user,
        Err(exit) => {
            actor.report(&exit);
            return actor.end(Exit::StopUser);
        }
    };
    let mut cx = Cx {
        frame: Root::new(),
        queue: VecDeque::new(),
        wait: U::WAIT,
        wait_is_users: true,
        pacing: Pacing::default(),
        position: 0,
        actor,
    };
    let actor = Rc::clone(&cx.actor);
    let exit = match guard(Rc::clone(&actor), user.on_start(&mut cx)).await {
        Ok(()) => run(&prepared, &mut user, &mut cx, wait_user::<U>).await,
        // A user that could not start has nothing to stop.
        Err(exit @ Exit::Failed(_)) => {
            actor.report(&exit);
            return actor.end(Exit::StopUser);
        }
        Err(exit) => exit,
    };
    if let Err(exit @ Exit::Failed(_)) = guard_last(Rc::clone(&actor), user.on_stop(&mut cx)).await
    {
        actor.report(&exit);
    }
    drop_guarded(user, &actor);
    actor.end(exit);
}

/// Enters a nested set and stays until it is interrupted or the user ends.
pub(super) async fn enter<T, S>(
    prepared: Rc<Prepared<T>>,
    parent: &mut S,
    cx: &mut Cx<'_, S>,
) -> TaskResult
where
    T: TaskSet + Tasks<Parent = S>,
    S: Tasks,
{
    let actor = Rc::clone(&cx.actor);
    let mut set = guard_call(|| T::new(parent))?;
    let frame = Above { parent, frame: <S::Parent as Mount>::reborrow(&mut cx.frame) };
    let mut cx = Cx {
        frame,
        queue: VecDeque::new(),
        wait: T::WAIT.unwrap_or(actor.wait),
        wait_is_users: T::WAIT.is_none(),
        pacing: Pacing::starting_at(actor.shard.now_ns()),
        position: 0,
        actor,
    };
    let actor = Rc::clone(&cx.actor);
    // Whatever happens in its `on_start` is the parent's affair, as if its task had done it.
    match guard(Rc::clone(&actor), set.on_start(&mut cx)).await {
        Ok(()) => {}
        Err(Exit::Interrupt { reschedule }) => {
            return Err(Exit::Reschedule { immediately: reschedule });
        }
        // Killed, or ended by itself, in `on_start`.
        Err(exit) => return Err(exit),
    }
    let exit = run(&prepared, &mut set, &mut cx, wait_set::<T>).await;
    let exit = match guard_last(Rc::clone(&actor), set.on_stop(&mut cx)).await {
        Ok(()) => exit,
        // An error is reported and the way out goes on; ending the user there takes over.
        Err(error @ Exit::Failed(_)) => {
            actor.report(&error);
            exit
        }
        Err(Exit::StopUser) => Exit::StopUser,
        Err(Exit::StopTest) => Exit::StopTest,
        Err(_) => exit,
    };
    drop_guarded(set, &actor);
    Err(match exit {
        Exit::Interrupt { reschedule } => Exit::Reschedule { immediately: reschedule },
        other => other,
    })
}

/// A destructor of the program's own that panics costs no more than a hook that does.
fn drop_guarded<T>(value: T, actor: &Actor) {
    if let Err(exit) = guard_call(|| drop(value)) {
        actor.report(&exit);
    }
}

/// The loop of a user or a set: the queue first, then the table's choice.
async fn run<S: Tasks>(
    prepared: &Prepared<S>,
    set: &mut S,
    cx: &mut Cx<'_, S>,
    wait: impl AsyncFn(&mut S, &mut Cx<'_, S>) -> Waited,
) -> Exit {
    loop {
        if cx.actor.life() != Life::Running || !cx.actor.shard.may_begin_task() {
            return Exit::StopUser;
        }
        let task = cx.queue.pop_front().or_else(|| {
            let rng = &mut *cx.actor.shard.rng();
            (!prepared.is_empty()).then(|| Rc::clone(prepared.choose(&mut cx.position, rng)))
        });
        let waits = match task {
            // Nearly always, so that nothing else is to cost it anything.
            Some(task) => match task(set, cx).await {
                Ok(()) => Ok(true),
                Err(exit) => settle(&cx.actor, exit),
            },
            None => settle(&cx.actor, no_tasks::<S>(prepared.had_tasks)),
        };
        match waits {
            Ok(true) => {
                if let Err(exit) = wait(set, cx).await {
                    return *exit;
                }
            }
            Ok(false) => {}
            Err(exit) => return exit,
        }
    }
}

/// What a task that did not simply return means for its set: whether it waits before the next one, or
/// how it ends.
#[cold]
fn settle(actor: &Actor, exit: Exit) -> TaskResult<bool> {
    match exit {
        Exit::Reschedule { immediately } => Ok(!immediately),
        error @ Exit::Failed(_) => {
            actor.report(&error);
            match actor.shard.common().catch_exceptions {
                true => Ok(true),
                false => Err(error),
            }
        }
        exit => Err(exit),
    }
}

fn no_tasks<S>(had_tasks: bool) -> Exit {
    let name = super::table::last_segment(std::any::type_name::<S>());
    Exit::failed(match had_tasks {
        true => format!("no tasks left on {name} after filtering by tags; check --tags"),
        false => format!(
            "no tasks defined on {name}; mark an async fn with #[task] or add one to its table"
        ),
    })
}

/// As [`TaskResult`], in one word: it is looked at after every task, and seldom an error.
type Waited = Result<(), Box<Exit>>;

async fn wait_user<U: User>(user: &mut U, cx: &mut Cx<'_, U>) -> Waited {
    if U::WAIT.0 == Kind::Custom {
        let actor = Rc::clone(&cx.actor);
        return wait_as_asked(&actor, user.wait_time(cx)).await.map_err(Box::new);
    }
    go_on(wait_by(&cx.actor, U::WAIT, None).await).map_err(Box::new)
}

async fn wait_set<T: TaskSet>(set: &mut T, cx: &mut Cx<'_, T>) -> Waited {
    let waited = match T::WAIT {
        Some(Wait(Kind::Custom)) => {
            let actor = Rc::clone(&cx.actor);
            wait_as_asked(&actor, set.wait_time(cx)).await
        }
        _ => wait_in_task(cx).await,
    };
    waited.map_err(Box::new)
}

/// Waits as the set does, knowing only its context.
pub(super) async fn wait_in_task<S: Tasks>(cx: &mut Cx<'_, S>) -> TaskResult {
    let actor = Rc::clone(&cx.actor);
    if cx.wait.0 != Kind::Custom {
        let own = if cx.wait_is_users { None } else { Some(&mut cx.pacing) };
        return go_on(wait_by(&actor, cx.wait, own).await);
    }
    let user: &mut dyn Any = <S::Parent as Mount>::user(&mut cx.frame);
    // At the top the frame holds no user, and a set's own method needs the set: neither can be
    // reached from here.
    if !cx.wait_is_users || user.is::<Root>() {
        return Err(Exit::failed(
            "cx.wait() cannot call wait_time(); use cx.wait_for(self.wait_time(cx).await)",
        ));
    }
    let wait_time = (actor.user_wait_time)(user, Rc::clone(&actor));
    wait_as_asked(&actor, wait_time).await
}

/// Waits for as long as a program's own function says. One that panics is counted, and there is no
/// wait; one that takes its time is killed with its user.
async fn wait_as_asked(actor: &Rc<Actor>, wait_time: impl Future<Output = f64>) -> TaskResult {
    match guard(Rc::clone(actor), async { Ok(wait_time.await) }).await {
        Ok(wait_s) => wait_seconds(actor, wait_s).await,
        Err(exit @ Exit::Failed(_)) => {
            actor.report(&exit);
            if !actor.shard.common().catch_exceptions {
                return Err(exit);
            }
            // Without a wait nothing else would let the others run.
            yield_now().await;
            wait_seconds(actor, 0.0).await
        }
        Err(exit) => Err(exit),
    }
}

/// Calls a user's own `wait_time` from within one of its sets.
pub(super) async fn user_wait_time<U: User>(user: &mut dyn Any, actor: Rc<Actor>) -> f64 {
    let user = user.downcast_mut::<U>().expect("the top of the chain is the user");
    let mut cx = Cx {
        frame: Root::new(),
        queue: VecDeque::new(),
        wait: U::WAIT,
        wait_is_users: true,
        pacing: Pacing::default(),
        position: 0,
        actor,
    };
    user.wait_time(&mut cx).await
}

async fn wait_by(actor: &Actor, wait: Wait, own: Option<&mut Pacing>) -> Life {
    if wait.0 == Kind::Constant(0.0) {
        // Nothing to reckon, so no look at the clock.
        return wait_until(actor, None).await;
    }
    let now_ns = actor.shard.now_ns();
    let end_ns = {
        let rng = &mut *actor.shard.rng();
        match own {
            Some(pacing) => wait::wait_end_ns(wait.0, now_ns, pacing, rng),
            None => {
                let mut pacing = actor.pacing.get();
                let end_ns = wait::wait_end_ns(wait.0, now_ns, &mut pacing, rng);
                actor.pacing.set(pacing);
                end_ns
            }
        }
    };
    wait_until(actor, end_ns).await
}

pub(super) async fn wait_seconds(actor: &Actor, wait_s: f64) -> TaskResult {
    go_on(wait_until(actor, wait::end_ns(actor.shard.now_ns(), wait_s)).await)
}

/// Waits, and says how the user's life stands then: a word, where a result would be copied through
/// all who wait for it.
async fn wait_until(actor: &Actor, end_ns: Option<u64>) -> Life {
    match end_ns {
        None => let_others_run(actor).await,
        Some(end_ns) => {
            let mut sleep = std::pin::pin!(actor.shard.sleep_until(end_ns));
            actor.waiting.set(true);
            // A stop wakes the user, and ends the wait whatever is left of it.
            poll_fn(|cx| match actor.life() {
                Life::Running => sleep.as_mut().poll(cx),
                _ => Poll::Ready(()),
            })
            .await;
            actor.waiting.set(false);
        }
    }
    actor.life()
}

/// Whether a user goes on after a wait.
#[inline]
fn go_on(life: Life) -> TaskResult {
    match life {
        Life::Running => Ok(()),
        _ => Err(Exit::StopUser),
    }
}

/// Without a wait, a task that never suspends would keep its core for itself.
async fn let_others_run(actor: &Actor) {
    let n_tasks = actor.n_tasks_in_turn.get() + 1;
    if n_tasks < TASKS_PER_TURN {
        return actor.n_tasks_in_turn.set(n_tasks);
    }
    actor.n_tasks_in_turn.set(0);
    yield_now().await;
}
