use std::sync::Arc;

use diskwright_core::format::{OptionSpec, OptionValues, TargetFormat};
use diskwright_core::{Error, ErrorKind, Result};

use super::Problem;
use crate::run;
use crate::subject::Subject;

/// Every option at its bounds, outside them, and in other case; and one that there is not.
pub(super) fn within_bounds(subject: &Subject) -> Result<(), Problem> {
    let info = subject.info;
    subject.format()?;
    let unknown = "no-such-option";
    refused(with(subject, unknown, "1"), &format!("{}.{unknown}", info.id))
        .map_err(|problem| problem.during(unknown))?;
    for option in info.options {
        option_within_bounds(subject, option).map_err(|problem| problem.during(option.key))?;
    }
    Ok(())
}

fn option_within_bounds(subject: &Subject, option: &OptionSpec) -> Result<(), Problem> {
    let field = format!("{}.{}", subject.info.id, option.key);
    let disk = subject.random_disk(81, 300 << 10);
    for value in inside(option) {
        let format = match with(subject, option.key, &value) {
            // It may need the compress flag, or another option.
            Err(error) => {
                refused(Err(error), &field).map_err(|problem| problem.during(&value))?;
                continue;
            }
            Ok(format) => format,
        };
        run::round_trip_as(subject, format, std::slice::from_ref(&disk))
            .map_err(|problem| problem.during(&value))?;
        for (key, value) in [
            (option.key.to_ascii_uppercase(), value.clone()),
            (option.key.to_owned(), value.to_ascii_uppercase()),
        ] {
            with(subject, &key, &value).map_err(|error| {
                Problem::failed(format!("{key}={value} is refused for its case: {error}"))
            })?;
        }
    }
    for value in outside(option) {
        refused(with(subject, option.key, &value), &field).map_err(|problem| problem.during(&value))?;
    }
    // A value may need the flag, or its absence; one of the two takes it.
    let is_taken = inside(option).iter().any(|value| {
        let given = [(option.key.to_owned(), value.clone())];
        with(subject, option.key, value).is_ok()
            || [false, true].iter().any(|compress| subject.configured(*compress, &given).is_ok())
    });
    if !is_taken {
        return Err(Problem::failed("no value of its own table is taken, with or without compress"));
    }
    Ok(())
}

/// The subject's format with one option set.
fn with(subject: &Subject, key: &str, value: &str) -> Result<Arc<dyn TargetFormat>> {
    let mut options = subject.options.clone();
    options.retain(|(other, _)| !other.eq_ignore_ascii_case(key));
    options.push((key.to_owned(), value.to_owned()));
    subject.configured(subject.compress, &options)
}

/// It is refused as an option, by its name.
fn refused(configured: Result<Arc<dyn TargetFormat>>, field: &str) -> Result<(), Problem> {
    let names_it = |error: &Error| error.kind() == ErrorKind::InvalidOption && error.field() == Some(field);
    match configured {
        Err(error) if names_it(&error) || error.also().iter().any(names_it) => Ok(()),
        Err(error) => {
            Err(Problem::failed(format!("it is refused, but not as the option {field}: {error:?}")))
        }
        Ok(_) => Err(Problem::failed("it is taken")),
    }
}

/// Values of the table: every word, or both bounds, and the default.
fn inside(option: &OptionSpec) -> Vec<String> {
    let mut values = match option.values {
        OptionValues::Choice(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        OptionValues::Integer { min, max } => vec![min.to_string(), max.to_string()],
        OptionValues::PowerOfTwo { min, max } => vec![min.to_string(), max.to_string()],
        OptionValues::Word => vec!["a".to_owned(), "A_b.c-9".repeat(9)],
    };
    if !option.default.is_empty() && !values.iter().any(|value| value == option.default) {
        values.push(option.default.to_owned());
    }
    values
}

/// Values just outside, and of another kind.
fn outside(option: &OptionSpec) -> Vec<String> {
    let mut values = vec![String::new(), "no such value".to_owned()];
    match option.values {
        OptionValues::Choice(_) => {}
        OptionValues::Integer { min, max } => {
            values.extend(
                [min.checked_sub(1), max.checked_add(1)].into_iter().flatten().map(|n| n.to_string()),
            );
            values.extend(["1.5".to_owned(), format!("{}0", i64::MAX)]);
        }
        OptionValues::PowerOfTwo { min, max } => {
            values.extend([(min / 2).to_string(), (min + 1).to_string(), "3".to_owned()]);
            values.extend(max.checked_mul(2).map(|n| n.to_string()));
        }
        OptionValues::Word => values.extend(["a/b".to_owned(), "ä".to_owned(), "a".repeat(65)]),
    }
    values
}
