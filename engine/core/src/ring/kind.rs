//! What a completion is about, as it is written into its `user_data`.

/// What a completion is about; the upper half of its `user_data`, the lower is the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody waits for it.
    Ignored = 0,
    Receive = 1,
    ReceiveOwn = 2,
    Send = 3,
    Connect = 4,
    Cancel = 5,
    Accept = 6,
    Wake = 7,
    /// A send that is over when the kernel has taken its submission; only failures are told.
    SendNow = 8,
    /// A receive that throws away what it receives.
    Discard = 9,
}

impl Kind {
    pub(super) fn of(user_data: u64) -> Kind {
        match user_data >> 32 {
            1 => Kind::Receive,
            2 => Kind::ReceiveOwn,
            3 => Kind::Send,
            4 => Kind::Connect,
            5 => Kind::Cancel,
            6 => Kind::Accept,
            7 => Kind::Wake,
            8 => Kind::SendNow,
            9 => Kind::Discard,
            _ => Kind::Ignored,
        }
    }

    /// The slot that a completion names.
    pub(super) fn slot(user_data: u64) -> usize {
        (user_data & u64::from(u32::MAX)) as usize
    }

    pub(super) fn user_data(self, slot: usize) -> u64 {
        (self as u64) << 32 | slot as u64
    }
}
