use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskwright_core::format::{FormatInfo, OptionSpec};

use super::Problem;
use crate::run::machine;
use crate::subject::Subject;
use crate::watch::{Operation, watched};

/// The id, and a table whose keys are told apart and whose defaults are values.
pub(super) fn complete(subject: &Subject) -> Result<(), Problem> {
    let info = subject.info;
    let format = subject.format()?;
    let id_of = |info: &FormatInfo| info.id.to_owned();
    if id_of(format.info()) != id_of(info) {
        return Err(Problem::failed(format!("the format says {}, its entry {}", format.info().id, info.id)));
    }
    if info.id.is_empty() || !info.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Err(Problem::failed(format!("the id {:?} is not of lower case letters and digits", info.id)));
    }
    if info.plain.is_empty() || info.compressed.is_some_and(str::is_empty) {
        return Err(Problem::failed("it does not say what it writes"));
    }
    for (at, option) in info.options.iter().enumerate() {
        if info.options[..at].iter().any(|other| other.key.eq_ignore_ascii_case(option.key)) {
            return Err(Problem::failed(format!("two options are called {}", option.key)));
        }
        option_complete(subject, option).map_err(|problem| problem.during(option.key))?;
    }
    Ok(())
}

fn option_complete(subject: &Subject, option: &OptionSpec) -> Result<(), Problem> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if option.key.is_empty() || !option.key.bytes().all(is_word) {
        return Err(Problem::failed("the key is not of lower case letters, digits and hyphens"));
    }
    if option.summary.is_empty() {
        return Err(Problem::failed("it has no summary"));
    }
    if option.default.is_empty() {
        return Ok(());
    }
    let default = [(option.key.to_owned(), option.default.to_owned())];
    diskwright_core::format::FormatOptions::check(subject.info, false, &default)
        .map_err(|error| Problem::failed(format!("its default is none of its values: {error}")))?;
    Ok(())
}

/// A source that fails every read is planned all the same, twice alike.
pub(super) fn pure_plan(subject: &Subject) -> Result<(), Problem> {
    let disk = subject.random_disk(11, 3 << 20);
    let reads = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&reads);
    let layout = watched(
        &disk,
        Arc::new(move |operation| {
            if matches!(operation, Operation::Read(_)) {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Err(io::Error::other("a plan reads nothing"))
        }),
    )?;
    let machine = machine("disk", "plan");
    let plan = || {
        let plan = subject.format()?.plan(&machine, std::slice::from_ref(&layout))?;
        Ok::<_, Problem>(plan.outputs().to_vec())
    };
    let (first, second) = (plan()?, plan()?);
    let reads = reads.load(Ordering::Relaxed);
    if reads > 0 {
        return Err(Problem::failed(format!("the plan read the disk {reads} times")));
    }
    if first != second {
        return Err(Problem::failed(format!("two plans of one order differ: {first:?}, {second:?}")));
    }
    Ok(())
}
