//! A program's own hooks: one per type of payload, made when it is first asked for.

use super::{hook::EventHook, note};
use std::{
    any::{Any, type_name},
    fmt,
};

/// Hooks by the type of their payload. There are a few, and a search through them is shorter than
/// a hash.
#[derive(Default)]
pub struct OwnHooks {
    hooks: Vec<Box<dyn Any>>,
}

impl OwnHooks {
    /// The hook for this payload.
    pub fn hook<P: 'static>(&mut self) -> &mut EventHook<P> {
        let known = self.hooks.iter().position(|hook| hook.is::<EventHook<P>>());
        let i = known.unwrap_or_else(|| {
            self.hooks.push(Box::new(EventHook::<P>::new()));
            self.hooks.len() - 1
        });
        self.hooks[i].downcast_mut().expect("it was found, or made, by its type")
    }

    /// The same, if somebody has asked for it before.
    #[inline]
    pub fn get<P: 'static>(&self) -> Option<&EventHook<P>> {
        self.hooks.iter().find_map(|hook| hook.downcast_ref())
    }
}

impl fmt::Debug for OwnHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnHooks").field("n_hooks", &self.hooks.len()).finish()
    }
}

/// A payload on its way to the hooks of the control thread.
pub struct Parcel {
    payload: Box<dyn Any + Send>,
    open: fn(&OwnHooks, &(dyn Any + Send), bool),
    reverse: bool,
}

impl Parcel {
    /// Packs a payload; with `reverse`, the listener added last hears of it first.
    pub fn new<P: Send + 'static>(payload: P, reverse: bool) -> Parcel {
        Parcel { payload: Box::new(payload), open: open::<P>, reverse }
    }

    /// Fires the hook for the payload, if anybody listens.
    pub fn deliver(&self, hooks: &OwnHooks) {
        (self.open)(hooks, &*self.payload, self.reverse);
    }
}

fn open<P: 'static>(hooks: &OwnHooks, payload: &(dyn Any + Send), reverse: bool) {
    let payload = payload.downcast_ref::<P>().expect("packed with this type");
    match hooks.get::<P>() {
        Some(hook) if reverse => hook.fire_reverse(payload),
        Some(hook) => hook.fire(payload),
        None => {}
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel").field("reverse", &self.reverse).finish_non_exhaustive()
    }
}

/// Parcels that a shard may send in a second. They are for what happens seldom; a program that
/// sends each request's fate would fill the control thread's memory.
pub(crate) const PARCELS_PER_S_MAX: u32 = 1_000;

/// Notes a parcel that was not sent.
pub(crate) fn refuse<P>() {
    let hook = crate::user::last_segment(type_name::<P>());
    note(hook, format!("dropped: more than {PARCELS_PER_S_MAX} a second from one core"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, rc::Rc};

    #[test]
    fn a_parcel_finds_the_hook_of_its_payload_and_is_nothing_without_one() {
        let heard = Rc::new(RefCell::new(vec![]));
        let mut hooks = OwnHooks::default();
        for i in 0..2 {
            let heard = Rc::clone(&heard);
            hooks.hook::<u32>().add_listener(move |&n| heard.borrow_mut().push((i, n)));
        }
        Parcel::new(1_u32, false).deliver(&hooks);
        Parcel::new(2_u32, true).deliver(&hooks);
        Parcel::new(3_u64, false).deliver(&hooks);
        assert_eq!(*heard.borrow(), [(0, 1), (1, 1), (1, 2), (0, 2)]);
        assert!(hooks.get::<u64>().is_none());
    }
}
