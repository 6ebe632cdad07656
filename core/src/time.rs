use serde::{Deserialize, Serialize};

/// A point in time: seconds since 1970-01-01T00:00:00Z (negative before) and nanoseconds `0..1_000_000_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp {
    /// Whole seconds since the epoch, rounded towards the past.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, below 1 000 000 000.
    pub nanos: u32,
}

impl Timestamp {
    /// The earliest time that an ext4 inode with extra time bits can hold: 1901-12-13T20:45:52Z.
    pub const EXT4_MIN: Self = Self { seconds: -(1 << 31), nanos: 0 };
    /// The last whole second that an ext4 inode can hold: 2446-05-10T22:38:55Z.
    pub const EXT4_MAX: Self = Self { seconds: (1 << 34) - (1 << 31) - 1, nanos: 999_999_999 };

    /// A time at a whole second.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }
}
