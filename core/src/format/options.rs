use std::collections::BTreeMap;

use super::FormatInfo;
use crate::{Error, ErrorKind, Result};

/// One option of a format: the string form, the documentation and the error text all derive from it.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Name: lower case and hyphens.
    pub key: &'static str,
    /// What it takes.
    pub values: OptionValues,
    /// The value when the option is not given; empty when it depends on others, as the summary says.
    pub default: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
}

/// What an option takes.
#[derive(Clone, Copy, Debug)]
pub enum OptionValues {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number in this inclusive range.
    #[expect(missing_docs, reason = "said above")]
    Integer { min: i64, max: i64 },
    /// A size: an integer with K, M, G or T, a power of two in this inclusive range of bytes.
    #[expect(missing_docs, reason = "said above")]
    PowerOfTwo { min: u64, max: u64 },
    /// A word of one to 64 letters, digits, `_`, `.` and `-`, as it is: the name of something that the format does not
    /// know by heart.
    Word,
}

/// Options checked against a format's table, and the compress flag.
#[derive(Clone, Debug, Default)]
pub struct FormatOptions {
    compress: bool,
    values: BTreeMap<&'static str, String>,
}

impl FormatOptions {
    /// Checks `given` (key, value) against the table of `info`; of a key given twice the last counts.
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption`, with `ID.key` as the field, for every unknown key and every value out of range, all
    /// at once.
    pub fn check(info: &FormatInfo, compress: bool, given: &[(String, String)]) -> Result<Self> {
        let mut problems = Vec::new();
        let mut values = BTreeMap::new();
        for (key, value) in given {
            let Some(spec) = info.options.iter().find(|spec| spec.key.eq_ignore_ascii_case(key)) else {
                let known: Vec<&str> = info.options.iter().map(|spec| spec.key).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let text = format!("no such option; the options of {} are: {known}", info.id);
                problems.push(
                    Error::new(ErrorKind::InvalidOption, text).with_field(format!("{}.{key}", info.id)),
                );
                continue;
            };
            match spec.values.normal(value) {
                Ok(value) => drop(values.insert(spec.key, value)),
                Err(text) => problems.push(
                    Error::new(ErrorKind::InvalidOption, text)
                        .with_field(format!("{}.{}", info.id, spec.key)),
                ),
            }
        }
        Error::collect(problems)?;
        for spec in info.options {
            values.entry(spec.key).or_insert_with(|| spec.default.to_owned());
        }
        Ok(Self { compress, values })
    }

    /// Whether one downloadable file is asked for.
    pub fn compress(&self) -> bool {
        self.compress
    }

    /// The value of an option of the table, given or default; empty for a key that the table does not have.
    pub fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }

    /// The value of an [`OptionValues::Integer`] or [`OptionValues::PowerOfTwo`] option.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when the table has no such number: a defect of the format.
    pub fn number(&self, key: &str) -> Result<i64> {
        self.text(key).parse().map_err(|_| {
            Error::new(ErrorKind::Internal, format!("the option table has no number called {key}"))
        })
    }

    /// As [`FormatOptions::number`], `None` when it was not given and has no fixed default.
    ///
    /// # Errors
    /// As [`FormatOptions::number`].
    pub fn number_if_given(&self, key: &str) -> Result<Option<i64>> {
        if self.text(key).is_empty() { Ok(None) } else { self.number(key).map(Some) }
    }
}

impl OptionValues {
    /// The value in its normal form, or what is wrong with it.
    fn normal(self, value: &str) -> Result<String, String> {
        match self {
            Self::Choice(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(value))
                .map(|word| (*word).to_owned())
                .ok_or_else(|| format!("\"{value}\" is none of: {}", words.join(", "))),
            Self::Integer { min, max } => value
                .parse::<i64>()
                .ok()
                .filter(|number| (min..=max).contains(number))
                .map(|number| number.to_string())
                .ok_or_else(|| format!("\"{value}\" is not a whole number from {min} to {max}")),
            Self::PowerOfTwo { min, max } => power_of_two(value)
                .filter(|number| (min..=max).contains(number))
                .map(|number| number.to_string())
                .ok_or_else(|| format!("\"{value}\" is not a power of two from {min} to {max} bytes")),
            Self::Word if is_word(value) => Ok(value.to_owned()),
            Self::Word => {
                Err(format!("\"{}\" is not one to 64 letters, digits, _, . and -", value.escape_debug()))
            }
        }
    }

    /// The range in words, for help texts.
    pub fn describe(self) -> String {
        match self {
            Self::Choice(words) => words.join("|"),
            Self::Integer { min, max } => format!("{min}..{max}"),
            Self::PowerOfTwo { min, max } => format!("power of two, {min}..{max} bytes"),
            Self::Word => "WORD".to_owned(),
        }
    }
}

fn is_word(value: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=64).contains(&value.len()) && value.bytes().all(is_legal)
}

fn power_of_two(value: &str) -> Option<u64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match value[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 0,
        "K" | "KIB" => 10,
        "M" | "MIB" => 20,
        "G" | "GIB" => 30,
        "T" | "TIB" => 40,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1 << shift).filter(|number| number.is_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: FormatInfo = FormatInfo {
        id: "toy",
        api_name: None,
        aliases: &[],
        primitive: None,
        plain: ".toy",
        compressed: None,
        qemu: None,
        options: &[
            OptionSpec {
                key: "level",
                values: OptionValues::Integer { min: 1, max: 9 },
                default: "3",
                summary: "how hard",
            },
            OptionSpec {
                key: "cluster-size",
                values: OptionValues::PowerOfTwo { min: 512, max: 1 << 21 },
                default: "65536",
                summary: "how large",
            },
            OptionSpec { key: "os-type", values: OptionValues::Word, default: "", summary: "which guest" },
        ],
    };

    fn given(pairs: &[(&str, &str)]) -> Result<FormatOptions> {
        let pairs: Vec<_> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        FormatOptions::check(&INFO, false, &pairs)
    }

    #[test]
    fn defaults_stand_where_nothing_is_given() {
        let options = given(&[("Cluster-Size", "4K")]).unwrap();
        assert_eq!(options.number("level").unwrap(), 3);
        assert_eq!(options.number("cluster-size").unwrap(), 4096);
    }

    #[test]
    fn all_bad_options_are_named_at_once() {
        let error = given(&[("level", "10"), ("colour", "red"), ("cluster-size", "3K")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert_eq!(error.field(), Some("toy.level"));
        assert_eq!(error.also().len(), 2);
    }

    #[test]
    fn words_are_kept_as_they_are_and_nothing_else_is_a_word() {
        let longest = "x".repeat(64);
        for word in ["Debian_64", "debian12_64Guest", "other4xlinux-64", "a.b", &longest] {
            assert_eq!(given(&[("os-type", word)]).unwrap().text("os-type"), word);
        }
        for text in ["", "a b", "a\"b", "<a>", "ü", "a\nb", &"x".repeat(65)] {
            let error = given(&[("os-type", text)]).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("toy.os-type")));
        }
        assert_eq!(given(&[]).unwrap().text("os-type"), "");
    }
}
