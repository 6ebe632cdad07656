use diskwright_core::ErrorKind;
use diskwright_core::partition::SectorSize;

use super::Problem;
use crate::corpus::Disk;
use crate::run::{Run, machine, round_trip_by};
use crate::subject::{Sectors, Subject};

/// A machine whose disk counts in sectors of 4096 bytes, and is whole sectors long.
pub(super) fn of_4096_bytes(subject: &Subject) -> Result<(), Problem> {
    let mut machine = machine("disk", "sectors");
    machine.sector_size = SectorSize::Bytes4096;
    let disk = Disk::random(23, 3 << 20).extended_to(whole_sectors(subject));
    if subject.sectors == Sectors::Also4096 {
        return round_trip_by(&Run::new().with_machine(machine), subject, subject.format()?, &[disk]);
    }
    match subject.format()?.plan(&machine, &[disk.layout()]) {
        Ok(_) => Err(Problem::failed("the plan takes sectors that the subject declares as refused")),
        Err(error) if error.kind() == ErrorKind::Unsupported && error.field() == Some("sector_size") => {
            Ok(())
        }
        Err(error) => {
            Err(Problem::failed(format!("it is refused as {error:?}, not as Unsupported by sector_size")))
        }
    }
}

/// The least size from 3 MiB on that the format holds in whole sectors.
fn whole_sectors(subject: &Subject) -> u64 {
    let least = subject.size_of_at_least(3 << 20);
    let mut sizes = (0..SECTOR).map(|more| least + more * subject.sizes.multiple_of);
    sizes.find(|size| size.is_multiple_of(SECTOR)).unwrap_or(least)
}

const SECTOR: u64 = SectorSize::Bytes4096.bytes();
