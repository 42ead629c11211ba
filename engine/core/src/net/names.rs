//! A shard's cache of resolved names.

use super::resolver::{Resolved, Resolver};
use crate::{clock::NS_PER_S, message::Command, shard::InboxSender};
use rustc_hash::FxHashMap;
use std::{
    cell::RefCell,
    future::poll_fn,
    mem,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// How long an answer is used before the name is asked for again. Long, because a load test wants
/// its target to stay the same; not for ever, because targets behind a name move.
const KEEP_NS: u64 = 60 * NS_PER_S;

/// How long a failure is believed.
const KEEP_FAILURE_NS: u64 = NS_PER_S;

/// Names kept; a scenario has a few hosts.
const NAMES_MAX: usize = 10_000;

/// A name's addresses, or why it has none.
pub(super) type Answer = Result<Rc<[IpAddr]>, Rc<str>>;

#[derive(Default)]
struct Name {
    answer: Option<Answer>,
    until_ns: u64,
    asked: bool,
    waiting: Vec<Waker>,
}

/// The names that one shard has resolved.
pub(crate) struct Names {
    resolver: Resolver,
    inbox: InboxSender,
    names: RefCell<FxHashMap<Arc<str>, Name>>,
}

impl Names {
    pub(crate) fn new(resolver: Resolver, inbox: InboxSender) -> Names {
        Names { resolver, inbox, names: RefCell::default() }
    }

    /// A name's addresses, and whether they had to be waited for. `now_ns` is asked for at each
    /// poll.
    pub(crate) async fn resolve(&self, name: &str, now_ns: impl Fn() -> u64) -> (Answer, bool) {
        let name: Arc<str> = name.into();
        let mut has_waited = false;
        let answer = poll_fn(|cx| {
            let polled = self.poll(&name, now_ns(), cx);
            has_waited |= polled.is_pending();
            polled
        });
        let answer = answer.await;
        (answer, has_waited)
    }

    fn poll(&self, name: &Arc<str>, now_ns: u64, cx: &Context<'_>) -> Poll<Answer> {
        let mut names = self.names.borrow_mut();
        if names.len() >= NAMES_MAX && !names.contains_key(name) {
            names.retain(|_, name| name.asked);
        }
        let entry = names.entry(Arc::clone(name)).or_default();
        if let Some(answer) = &entry.answer
            && now_ns < entry.until_ns
        {
            return Poll::Ready(answer.clone());
        }
        entry.waiting.push(cx.waker().clone());
        if !mem::replace(&mut entry.asked, true) {
            let inbox = self.inbox.clone();
            self.resolver.ask(Arc::clone(name), move |resolved| {
                inbox.send(Command::Resolved(resolved));
            });
        }
        Poll::Pending
    }

    /// The resolver's answer has come.
    pub(crate) fn answer(&self, resolved: Resolved, now_ns: u64) {
        let mut names = self.names.borrow_mut();
        let entry = names.entry(resolved.name).or_default();
        let keep_ns = if resolved.result.is_ok() { KEEP_NS } else { KEEP_FAILURE_NS };
        entry.answer = Some(match resolved.result {
            Ok(addresses) => Ok(addresses.into()),
            Err(text) => Err(text.into()),
        });
        entry.until_ns = now_ns + keep_ns;
        entry.asked = false;
        entry.waiting.drain(..).for_each(Waker::wake);
    }
}
