use super::Problem;
use crate::corpus::{Disk, text};
use crate::recorder::RecordedOutput;
use crate::run::Run;
use crate::subject::{Look, Subject};

/// Guest data that begins with plain text.
pub(super) fn no_other_format(subject: &Subject) -> Result<(), Problem> {
    let size = subject.size_of_at_least(3 << 20);
    let mut parts = subject.random_disk(93, 3 << 20).parts;
    parts.retain(|(start, _)| *start >= 1 << 20);
    parts.insert(0, (0, text(1 << 16)));
    let finished = Run::new().succeed(subject, vec![Disk { size, parts }.layout()])?;
    let mut declared = subject.looks.clone();
    for output in &finished.recording().outputs {
        for look in looks(output) {
            if !subject.looks.contains(&look) {
                let name = &output.spec.name;
                return Err(Problem::failed(format!("{name} looks like {look:?}, which is not declared")));
            }
            declared.retain(|other| *other != look);
        }
    }
    match declared.first() {
        None => Ok(()),
        Some(look) => Err(Problem::failed(format!("no output looks like {look:?}, which is declared"))),
    }
}

/// All formats that a file looks like.
fn looks(output: &RecordedOutput) -> Vec<Look> {
    let len = output.len.unwrap_or(0);
    let has = |offset: u64, magic: &[u8]| {
        let mut found = vec![0; magic.len()];
        output.fill(offset, &mut found);
        found == magic && offset + magic.len() as u64 <= len
    };
    let mut looks: Vec<Look> =
        MAGIC.iter().filter(|(_, offset, magic)| has(*offset, magic)).map(|(look, ..)| *look).collect();
    // A fixed VHD has nothing but its footer.
    if len.checked_sub(512).is_some_and(|footer| has(footer, b"conectix")) {
        looks.push(Look::Vhd);
    }
    looks.dedup();
    looks
}

/// What programs look for, and where.
const MAGIC: &[(Look, u64, &[u8])] = &[
    (Look::Qcow2, 0, b"QFI\xfb"),
    (Look::Vmdk, 0, b"KDMV"),
    (Look::Vmdk, 0, b"COWD"),
    (Look::Vmdk, 0, b"# Disk DescriptorFile"),
    (Look::Vdi, 0x40, &[0x7F, 0x10, 0xDA, 0xBE]),
    (Look::Vhd, 0, b"conectix"),
    (Look::Vhdx, 0, b"vhdxfile"),
    (Look::Gzip, 0, &[0x1F, 0x8B]),
    (Look::Zstd, 0, &[0x28, 0xB5, 0x2F, 0xFD]),
    (Look::Tar, 257, b"ustar"),
];
