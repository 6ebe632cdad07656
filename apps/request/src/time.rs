use std::fmt;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Display gives the documents' form, `2018-04-16T11:43:59.000Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// That many milliseconds after the epoch; `None` outside of the years -9999 to 9999.
    pub fn from_milliseconds(milliseconds: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(milliseconds).ok().map(Self)
    }

    /// Milliseconds since the epoch.
    pub fn milliseconds(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}
