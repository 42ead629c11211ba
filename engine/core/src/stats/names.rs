//! Interned entry names: a request carries a number, not a string.
//!
//! A name written in the program's text (`&'static str`) is recognised by its address, without
//! reading it; a name made at run time is hashed once per request.

use super::delta::EntryKey;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The number of an entry on one shard. Numbers are given in order, from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub u32);

/// Distinct entries one shard keeps, and all of them together. Names made from data (`/item/1`, `/item/2`, …) would fill the
/// memory otherwise; what comes later is counted under [`OVERFLOW_NAME`].
pub(crate) const ENTRIES_MAX: usize = 20_000;

/// The entry that takes the requests whose names came after the first [`ENTRIES_MAX`].
pub(crate) const OVERFLOW_NAME: &str = "(other names)";

/// Slots of the address cache; a power of two. A scenario has tens of names, rarely hundreds, and
/// each has the choice of two neighbours: of 500 names hardly two are in each other's way.
const CACHE_SLOTS: usize = 2048;

#[derive(Clone, Copy)]
struct Cached {
    method: (usize, usize),
    name: (usize, usize),
    id: EntryId,
}

/// Entry numbers by (method, name).
pub(crate) struct Names {
    by_name: FxHashMap<Box<str>, SmallVec<[(Box<str>, EntryId); 1]>>,
    cache: Box<[Option<Cached>]>,
    n_entries: u32,
    /// Entries that the control plane has not been told of.
    new: Vec<(EntryId, EntryKey)>,
}

impl Names {
    pub(crate) fn new() -> Names {
        Names {
            by_name: FxHashMap::default(),
            cache: vec![None; CACHE_SLOTS].into(),
            n_entries: 0,
            new: vec![],
        }
    }

    /// The number of an entry whose strings live for ever: two addresses are compared.
    #[inline]
    pub(crate) fn id_static(&mut self, method: &'static str, name: &'static str) -> EntryId {
        let (method_at, name_at) = (address(method), address(name));
        // Addresses of strings in one program differ in their low bits; the multiplication spreads
        // them over the upper ones.
        let mixed = (name_at.0 ^ method_at.0.rotate_left(17)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slot = mixed >> (usize::BITS - CACHE_SLOTS.trailing_zeros());
        for slot in [slot, slot ^ 1] {
            if let Some(cached) = self.cache[slot]
                && cached.name == name_at
                && cached.method == method_at
            {
                return cached.id;
            }
        }
        let id = self.id(method, name);
        let free = [slot, slot ^ 1].into_iter().find(|&slot| self.cache[slot].is_none());
        self.cache[free.unwrap_or(slot)] = Some(Cached { method: method_at, name: name_at, id });
        id
    }

    /// The number of an entry; the strings are compared.
    pub(crate) fn id(&mut self, method: &str, name: &str) -> EntryId {
        if let Some(id) = self.find(method, name) {
            return id;
        }
        if self.n_entries as usize >= ENTRIES_MAX && name != OVERFLOW_NAME {
            return self.id(method, OVERFLOW_NAME);
        }
        let id = EntryId(self.n_entries);
        self.n_entries += 1;
        self.by_name.entry(name.into()).or_default().push((method.into(), id));
        self.new.push((id, EntryKey { method: method.into(), name: name.into() }));
        id
    }

    fn find(&self, method: &str, name: &str) -> Option<EntryId> {
        let methods = self.by_name.get(name)?;
        methods.iter().find(|(known, _)| &**known == method).map(|&(_, id)| id)
    }

    /// The entries added since the last call.
    pub(crate) fn take_new(&mut self) -> Vec<(EntryId, EntryKey)> {
        std::mem::take(&mut self.new)
    }
}

fn address(text: &'static str) -> (usize, usize) {
    (text.as_ptr().addr(), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_strings_have_the_same_number_whatever_their_address() {
        let mut names = Names::new();
        let id = names.id_static("GET", "/a");
        assert_eq!(names.id_static("GET", "/a"), id);
        assert_eq!(names.id("GET", &String::from("/a")), id);
        assert_ne!(names.id("POST", "/a"), id);
        assert_ne!(names.id_static("GET", "/b"), id);
        assert_eq!(names.take_new().len(), 3);
        assert!(names.take_new().is_empty());
    }

    #[test]
    fn a_prefix_at_the_same_address_is_another_name() {
        let mut names = Names::new();
        let text: &'static str = "/abc";
        assert_ne!(names.id_static("GET", text), names.id_static("GET", &text[..2]));
    }

    #[test]
    fn more_names_than_the_cache_holds_keep_their_numbers() {
        let mut names = Names::new();
        let texts: Vec<&'static str> =
            (0..3 * CACHE_SLOTS).map(|i| &*format!("/{i}").leak()).collect();
        for _ in 0..2 {
            for (i, text) in texts.iter().enumerate() {
                assert_eq!(names.id_static("GET", text), EntryId(i as u32));
            }
        }
    }

    #[test]
    fn names_beyond_the_limit_share_one_entry() {
        let mut names = Names::new();
        for i in 0..ENTRIES_MAX {
            names.id("GET", &format!("/{i}"));
        }
        let late = names.id("GET", "/late");
        assert_eq!(names.id("GET", "/later"), late);
        assert_eq!(names.id("GET", OVERFLOW_NAME), late);
        assert_eq!(names.id("GET", "/0"), EntryId(0));
    }
}
