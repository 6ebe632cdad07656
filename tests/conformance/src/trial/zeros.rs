use super::Problem;
use crate::corpus::{Disk, text};
use crate::run::Run;
use crate::subject::{Subject, Zeros};

/// Between two parts of data there is nothing.
pub(super) fn known(subject: &Subject) -> Result<(), Problem> {
    compare(subject, |first, second| vec![(0, first), (MIB + ZEROS, second)])
}

/// Between two parts of data there are bytes, which are zero.
pub(super) fn found(subject: &Subject) -> Result<(), Problem> {
    compare(subject, |first, second| {
        let mut bytes = first;
        bytes.resize((MIB + ZEROS) as usize, 0);
        bytes.extend(second);
        vec![(0, bytes)]
    })
}

/// What is written for two parts side by side, and for two parts with zeros between them.
fn compare(
    subject: &Subject,
    apart: impl Fn(Vec<u8>, Vec<u8>) -> Vec<(u64, Vec<u8>)>,
) -> Result<(), Problem> {
    if subject.zeros == Zeros::Stored {
        return Ok(());
    }
    let part = || text(MIB as usize);
    let written = |size: u64, parts| {
        let disk = Disk { size: subject.size_of_at_least(size), parts };
        Ok::<_, Problem>(Run::new().succeed(subject, vec![disk.layout()])?.written())
    };
    let together = written(2 * MIB, vec![(0, part()), (MIB, part())])?;
    let apart = written(2 * MIB + ZEROS, apart(part(), part()))?;
    // Tables, and chunks that are now two where they were one.
    let allowed = together + ZEROS / 256 + 4 * subject.granularity + (64 << 10);
    if apart > allowed {
        return Err(Problem::failed(format!(
            "{ZEROS} bytes of zeros cost {} bytes; {allowed} in all would be allowed, {apart} were written",
            apart - together
        )));
    }
    Ok(())
}

const MIB: u64 = 1 << 20;
const ZEROS: u64 = 64 * MIB;
