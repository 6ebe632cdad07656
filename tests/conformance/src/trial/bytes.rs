use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Problem;
use crate::recorder::RecordedOutput;
use crate::run::{Finished, Run, machine};
use crate::subject::{Identifiers, Subject};
use crate::watch::{Operation, Watch, watched};

/// Every second item takes longer to read, so that workers overtake each other.
pub(super) fn same(subject: &Subject) -> Result<(), Problem> {
    let disk = subject.random_disk(31, 12 << 20);
    let mut first: Option<Finished> = None;
    for (run, threads) in [1, 2, 8, 2, 8].into_iter().enumerate() {
        let layout = watched(&disk, uneven())?;
        let finished = Run::new().with_threads(threads).succeed(subject, vec![layout])?;
        if let Some(first) = &first {
            differs(&first.recording().outputs, &finished.recording().outputs)
                .map_or(Ok(()), |text| Err(Problem::failed(text)))
                .map_err(|problem| problem.during(format!("run {run} with {threads} threads")))?;
        }
        first.get_or_insert(finished);
    }
    Ok(())
}

/// Whether the seed shows in the bytes.
pub(super) fn identifiers(subject: &Subject) -> Result<(), Problem> {
    let disk = subject.random_disk(32, 2 << 20);
    let write = |seed| Run::new().with_machine(machine("disk", seed)).succeed(subject, vec![disk.layout()]);
    let (first, second) = (write("first")?, write("second")?);
    let difference = differs(&first.recording().outputs, &second.recording().outputs);
    match (subject.identifiers, difference) {
        (Identifiers::FromSeed, None) => {
            Err(Problem::failed("two seeds give the same bytes: identifiers do not follow from the seed"))
        }
        (Identifiers::None, Some(text)) => {
            Err(Problem::failed(format!("no identifiers are declared, yet two seeds differ: {text}")))
        }
        _ => Ok(()),
    }
}

fn uneven() -> Watch {
    Arc::new(|operation| {
        if let Operation::Read(offset) = operation
            && (offset >> 20).is_multiple_of(2)
        {
            thread::sleep(Duration::from_millis(3));
        }
        Ok(())
    })
}

/// The first difference between what two runs wrote.
fn differs(first: &[RecordedOutput], second: &[RecordedOutput]) -> Option<String> {
    if first.len() != second.len() {
        return Some(format!("{} outputs, then {}", first.len(), second.len()));
    }
    first.iter().zip(second).find_map(|(first, second)| {
        let name = &first.spec.name;
        if (&first.spec, first.len) != (&second.spec, second.len) {
            let (a, b) = ((&first.spec, first.len), (&second.spec, second.len));
            return Some(format!("{a:?}, then {b:?}"));
        }
        let len = first.len?;
        let (mut a, mut b) = (vec![0; STEP], vec![0; STEP]);
        (0..len.div_ceil(STEP as u64)).map(|step| step * STEP as u64).find_map(|at| {
            first.fill(at, &mut a);
            second.fill(at, &mut b);
            let differs = a.iter().zip(&b).position(|(a, b)| a != b)?;
            Some(format!("{name} differs at offset {:#x}", at + differs as u64))
        })
    })
}

const STEP: usize = 1 << 20;
