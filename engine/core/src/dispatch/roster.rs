//! The book of who is where: the users a dispatch wants on each shard, and those that are there.
//!
//! The two differ when a user ends by itself or a shard dies. Keeping both lets a batch be what
//! Locust's is, the difference between the counts wanted and the live ones, so that a ramp replaces
//! users that ended on its way. Only the cells that differ are visited: a batch costs what it
//! changes, not shards times classes.

/// One user that was added, in the order of adding. Four bytes, as there is one for every user.
#[derive(Clone, Copy)]
struct Seat {
    shard: u16,
    class: u16,
}

/// Counts of users by class and shard.
pub(super) struct Roster {
    n_shards: usize,
    /// By class, then shard: choosing a shard reads the cells of one class.
    cells: Vec<Cell>,
    /// The cells that may have `wanted != live`, each once.
    changed: Vec<u32>,
    history: Vec<Seat>,
    shards: Vec<Shard>,
    /// Users wanted, by class.
    wanted: Vec<u32>,
    n_live: u32,
    n_open: usize,
    /// The fewest users on any open shard, or fewer.
    floor: u32,
    /// Where the round of shards goes on.
    cursor: usize,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    wanted: u32,
    live: u32,
    is_changed: bool,
}

#[derive(Clone, Copy)]
struct Shard {
    wanted: u32,
    is_open: bool,
}

impl Roster {
    /// No users, on shards that are all open.
    pub(super) fn new(n_classes: usize, n_shards: usize) -> Self {
        assert!(n_shards > 0, "there must be a shard to dispatch to");
        assert!(n_shards.max(n_classes) <= 1 << u16::BITS, "shards and classes are kept as u16");
        Self {
            n_shards,
            cells: vec![Cell::default(); n_classes * n_shards],
            changed: Vec::new(),
            history: Vec::new(),
            shards: vec![Shard { wanted: 0, is_open: true }; n_shards],
            wanted: vec![0; n_classes],
            n_live: 0,
            n_open: n_shards,
            floor: 0,
            cursor: 0,
        }
    }

    /// How many users are wanted.
    pub(super) fn len(&self) -> usize {
        self.history.len()
    }

    /// How many users of `class` are wanted.
    pub(super) fn wanted(&self, class: usize) -> u32 {
        self.wanted[class]
    }

    /// How many users are there.
    pub(super) fn n_live(&self) -> u32 {
        self.n_live
    }

    /// How many users of `class` are there.
    pub(super) fn live(&self, class: usize) -> u32 {
        let first = class * self.n_shards;
        self.cells[first..first + self.n_shards].iter().map(|cell| cell.live).sum()
    }

    /// Is there a shard that takes users?
    pub(super) fn is_open(&self) -> bool {
        self.n_open > 0
    }

    /// Wants one more user of `class`, on the shard whose turn it is.
    ///
    /// # Panics
    /// If no shard is open.
    pub(super) fn add(&mut self, class: usize) {
        let shard = self.next_shard(class);
        self.cursor = (shard + 1) % self.n_shards;
        self.shards[shard].wanted += 1;
        self.wanted[class] += 1;
        self.history.push(Seat { shard: shard as u16, class: class as u16 });
        self.change(class * self.n_shards + shard).wanted += 1;
    }

    /// Wants the user that was added last no more; its class.
    pub(super) fn undo(&mut self) -> Option<usize> {
        let seat = self.history.pop()?;
        let (shard, class) = (usize::from(seat.shard), usize::from(seat.class));
        self.shards[shard].wanted -= 1;
        if self.shards[shard].is_open {
            self.floor = self.floor.min(self.shards[shard].wanted);
        }
        self.wanted[class] -= 1;
        self.change(class * self.n_shards + shard).wanted -= 1;
        Some(class)
    }

    /// Notes that a user is gone that is still wanted. A user that is not in the book is none.
    pub(super) fn end(&mut self, shard: usize, class: usize) {
        let cell = class * self.n_shards + shard;
        if self.cells[cell].live > 0 {
            self.change(cell).live -= 1;
            self.n_live -= 1;
        }
    }

    /// Closes `shard` and wants none of its users; calls `lost` with each class, the number of its
    /// users that were wanted there and of those that were there.
    pub(super) fn close(&mut self, shard: usize, mut lost: impl FnMut(usize, u32, u32)) {
        self.history.retain(|seat| usize::from(seat.shard) != shard);
        for class in 0..self.wanted.len() {
            let cell = self.change(class * self.n_shards + shard);
            let Cell { wanted, live, .. } = *cell;
            (cell.wanted, cell.live) = (0, 0);
            self.wanted[class] -= wanted;
            self.n_live -= live;
            lost(class, wanted, live);
        }
        let was_open =
            std::mem::replace(&mut self.shards[shard], Shard { wanted: 0, is_open: false });
        self.n_open -= usize::from(was_open.is_open);
    }

    /// Opens `shard`, empty, if it was closed.
    pub(super) fn open(&mut self, shard: usize) {
        if !self.shards[shard].is_open {
            self.shards[shard].is_open = true;
            self.n_open += 1;
            self.floor = 0;
        }
    }

    /// Calls `change` with shard, class and what is missing (or too much, if negative) for every
    /// difference, by shard and class; from then on what was wanted counts as there.
    pub(super) fn settle(&mut self, mut change: impl FnMut(usize, usize, i64)) {
        let n_shards = self.n_shards;
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable_by_key(|&cell| (cell as usize % n_shards, cell));
        for cell_idx in changed.drain(..).map(|cell| cell as usize) {
            let cell = &mut self.cells[cell_idx];
            let delta = i64::from(cell.wanted) - i64::from(cell.live);
            self.n_live = self.n_live - cell.live + cell.wanted;
            (cell.live, cell.is_changed) = (cell.wanted, false);
            if delta != 0 {
                change(cell_idx % n_shards, cell_idx / n_shards, delta);
            }
        }
        self.changed = changed;
    }

    fn change(&mut self, cell_idx: usize) -> &mut Cell {
        let cell = &mut self.cells[cell_idx];
        if !cell.is_changed {
            cell.is_changed = true;
            self.changed.push(cell_idx as u32);
        }
        cell
    }

    fn next_shard(&mut self, class: usize) -> usize {
        if let Some(shard) = self.shard_at_floor(class) {
            return shard;
        }
        let open = self.shards.iter().filter(|shard| shard.is_open);
        self.floor = open.map(|shard| shard.wanted).min().expect("the caller knows an open shard");
        self.shard_at_floor(class).expect("the floor is the minimum of the open shards")
    }

    /// The round goes over the shards with the fewest users, so that shards stay level also after
    /// removals and losses, where counting on would not. Among them it prefers one without more
    /// than its share of this class: a plain round of two classes of equal weight over an even
    /// number of shards would put each class on shards of its own.
    fn shard_at_floor(&self, class: usize) -> Option<usize> {
        let share = self.wanted[class] / self.n_open.max(1) as u32;
        let cells = &self.cells[class * self.n_shards..][..self.n_shards];
        let mut fewest = None;
        for shard in (self.cursor..self.n_shards).chain(0..self.cursor) {
            let Shard { wanted, is_open } = self.shards[shard];
            if !is_open || wanted != self.floor {
                continue;
            }
            let of_class = cells[shard].wanted;
            if of_class <= share {
                return Some(shard);
            }
            if fewest.is_none_or(|(least, _)| of_class < least) {
                fewest = Some((of_class, shard));
            }
        }
        fewest.map(|(_, shard)| shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(roster: &mut Roster) -> Vec<(usize, usize, i64)> {
        let mut changes = Vec::new();
        roster.settle(|shard, class, delta| changes.push((shard, class, delta)));
        changes
    }

    #[test]
    fn one_class_goes_round_the_shards_in_order() {
        let mut roster = Roster::new(1, 3);
        for shard in [0, 1, 2, 0, 1] {
            roster.add(0);
            assert_eq!(settled(&mut roster), [(shard, 0, 1)]);
        }
    }

    #[test]
    fn two_classes_in_turn_share_both_of_two_shards() {
        let mut roster = Roster::new(2, 2);
        (0..8).for_each(|i| roster.add(i % 2));
        assert_eq!(settled(&mut roster), [(0, 0, 2), (0, 1, 2), (1, 0, 2), (1, 1, 2)]);
    }

    #[test]
    fn a_user_that_ended_is_missing_once_and_not_stopped_again() {
        let mut roster = Roster::new(1, 1);
        (0..3).for_each(|_| roster.add(0));
        settled(&mut roster);
        roster.end(0, 0);
        roster.end(0, 0);
        assert_eq!((roster.len(), roster.n_live(), roster.live(0)), (3, 1, 1));
        roster.undo();
        assert_eq!(settled(&mut roster), [(0, 0, 1)]);
        assert_eq!(settled(&mut roster), []);
    }

    #[test]
    fn a_user_that_was_never_there_cannot_end() {
        let mut roster = Roster::new(1, 2);
        roster.end(1, 0);
        assert_eq!((roster.n_live(), settled(&mut roster)), (0, vec![]));
    }

    #[test]
    fn a_closed_shard_gets_nobody_and_an_opened_one_catches_up() {
        let mut roster = Roster::new(1, 3);
        (0..6).for_each(|_| roster.add(0));
        settled(&mut roster);
        roster.close(0, |class, wanted, live| assert_eq!((class, wanted, live), (0, 2, 2)));
        roster.add(0);
        assert_eq!(settled(&mut roster), [(1, 0, 1)]);
        roster.open(0);
        (0..2).for_each(|_| roster.add(0));
        assert_eq!(settled(&mut roster), [(0, 0, 2)]);
    }
}
