//! Enums whose values have names.

use crate::{Error, ErrorKind};

/// Declares an enum whose values have one text form for JSON, flags and messages.
macro_rules! named_values {
    (
        $(#[$about:meta])* $name:ident, $noun:literal {
            $($(#[$value_about:meta])* $value:ident = $text:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$value_about])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// The text form.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                match Self::ALL.iter().find(|value| value.name() == text) {
                    Some(value) => Ok(*value),
                    None => Err($crate::names::unknown($noun, text, Self::ALL.iter().map(|value| value.name()))),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use named_values;

/// A value that is not of the list, refused by its name.
pub(crate) fn unknown(noun: &str, text: &str, known: impl Iterator<Item = &'static str>) -> Error {
    let known: Vec<&str> = known.collect();
    let message =
        format!("the {noun} {} is not supported: {}", crate::profile::quoted(text), known.join(", "));
    Error::new(ErrorKind::Unsupported, message)
}
