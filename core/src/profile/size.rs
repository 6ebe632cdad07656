use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorKind, Result};

/// A number of bytes, written as an integer with a unit.
///
/// Units: `K`, `M`, `G`, `T` or `KiB`, `MiB`, `GiB`, `TiB`, in either case, all powers of 1024, and `B` for bytes.
/// A bare number is refused, and so are `KB`, `MB` …, which some read as powers of 1000, and fractions.
/// Display gives the largest unit that divides the number, in the form that parses back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A number of bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A number of MiB; `None` above `u64::MAX` bytes.
    pub const fn from_mib(mib: u64) -> Option<Self> {
        match mib.checked_mul(MIB) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: String| Error::new(ErrorKind::InvalidProfile, why);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
        if number.is_empty() {
            return Err(refuse(format!(
                "{} is not a size: write an integer and a unit, as in 10G",
                quoted(text)
            )));
        }
        let factor = match unit.to_ascii_uppercase().as_str() {
            "" => {
                let shown = if number.len() > 20 { "10" } else { number };
                return Err(refuse(format!("{} has no unit: write {shown}M, {shown}G …", quoted(text))));
            }
            "B" => 1,
            "K" | "KIB" => 1024,
            "M" | "MIB" => MIB,
            "G" | "GIB" => GIB,
            "T" | "TIB" => TIB,
            "KB" | "MB" | "GB" | "TB" => {
                let letter = unit.get(..1).unwrap_or_default();
                let why = format!(
                    "the unit {unit} has two readings: write {letter} or {letter}iB for the power of 1024"
                );
                return Err(refuse(why));
            }
            _ => {
                let why =
                    format!("{} has an unknown unit: K, M, G, T (powers of 1024) are known", quoted(text));
                return Err(refuse(why));
            }
        };
        let number: Option<u64> = number.parse().ok();
        match number.and_then(|number| number.checked_mul(factor)) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(refuse(format!("{} is larger than any disk", quoted(text)))),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (factor, unit) in [(TIB, "T"), (GIB, "G"), (MIB, "M"), (1024, "K")] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.0.checked_div(factor).unwrap_or_default());
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size as text, an integer and a unit, as in \"10G\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Input of any length, cut short for a message.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 64;
    if text.chars().count() > SHOWN {
        let head: String = text.chars().take(SHOWN).collect();
        format!("{head:?}…")
    } else {
        format!("{text:?}")
    }
}

pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;
pub(super) const TIB: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024_in_either_spelling() {
        for (text, bytes) in [
            ("1B", 1),
            ("3K", 3 << 10),
            ("3KiB", 3 << 10),
            ("512M", 512 << 20),
            ("512mib", 512 << 20),
            ("10G", 10 << 30),
            ("0G", 0),
            ("16777215T", 16_777_215 << 40),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn bare_numbers_fractions_decimal_units_and_overflows_are_refused() {
        for text in [
            "",
            "G",
            "10",
            "1.5G",
            "-1G",
            "+1G",
            " 1G",
            "1 G",
            "1G ",
            "10GB",
            "10kB",
            "1P",
            "16777216T",
            "1é",
        ] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidProfile, "{text}");
        }
    }

    #[test]
    fn display_parses_back_to_the_same_number() {
        for bytes in [0, 1, 511, 512, 1024, 1 << 20, (1 << 20) + 1024, 3 << 30, 5 << 40, u64::MAX] {
            let size = ByteSize::from_bytes(bytes);
            assert_eq!(size.to_string().parse::<ByteSize>().unwrap(), size);
        }
        assert_eq!(ByteSize::from_bytes(1536 << 20).to_string(), "1536M");
    }
}
