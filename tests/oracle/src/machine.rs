use diskwright_core::format::{Firmware, Machine};
use diskwright_core::{Seed, Timestamp};

/// When the machines were made, in seconds since 1970.
pub const TIME: i64 = 1_700_000_000;

/// A Debian with BIOS.
pub fn machine(name: &str) -> Machine {
    let mut machine = Machine::new(name, Seed::from_text("conformance"), Timestamp::from_seconds(TIME));
    machine.operating_system.id = "debian".to_owned();
    machine.operating_system.version = "12".to_owned();
    machine.operating_system.architecture = "x86_64".to_owned();
    machine
}

/// As [`machine`], with a change.
pub fn altered(name: &str, change: impl FnOnce(&mut Machine)) -> Machine {
    let mut machine = machine(name);
    change(&mut machine);
    machine
}

/// As [`machine`], with UEFI, two processors and this memory in MiB.
pub fn uefi(name: &str, memory_mib: u64) -> Machine {
    altered(name, |machine| {
        machine.firmware = Firmware::Uefi;
        machine.cpus = 2;
        machine.memory = memory_mib << 20;
    })
}
