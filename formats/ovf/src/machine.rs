use diskwright_core::format::Machine;
use diskwright_core::{Error, ErrorKind, Result};

/// What a product's machines can have.
#[derive(Clone, Copy, Debug)]
pub struct MachineLimits {
    /// Who has them, for messages: `VMware with hardware version 13`.
    pub product: &'static str,
    /// Memory comes in multiples of this, in MiB.
    pub memory_step_mib: u64,
    /// The most memory, in MiB.
    pub memory_max_mib: u64,
    /// The most processors.
    pub cpus_max: u32,
    /// The most network adapters.
    pub adapters_max: u32,
}

impl MachineLimits {
    /// The machine's memory in MiB, once all fits.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` naming `memory`, `ErrorKind::LimitExceeded` naming `memory`, `cpus` or the
    /// first of `nics` that is too many; all at once if need be.
    pub fn memory_mib(&self, machine: &Machine) -> Result<u64> {
        let Self { product, memory_step_mib, memory_max_mib, cpus_max, adapters_max } = self;
        let mut problems = Vec::new();
        let step = memory_step_mib.saturating_mul(MIB).max(1);
        let mib = machine.memory / MIB;
        if machine.memory == 0 || !machine.memory.is_multiple_of(step) {
            let text = format!(
                "{product} has memory in multiples of {memory_step_mib} MiB: not {} bytes",
                machine.memory
            );
            problems.push(Error::new(ErrorKind::Unsupported, text).with_field("memory"));
        } else if mib > *memory_max_mib {
            let text = format!("{product} has at most {memory_max_mib} MiB of memory: not {mib}");
            problems.push(Error::new(ErrorKind::LimitExceeded, text).with_field("memory"));
        }
        if machine.cpus == 0 || machine.cpus > *cpus_max {
            let text = format!("{product} has 1 to {cpus_max} processors: not {}", machine.cpus);
            problems.push(Error::new(ErrorKind::LimitExceeded, text).with_field("cpus"));
        }
        if machine.adapters > *adapters_max {
            let text =
                format!("{product} has at most {adapters_max} network adapter(s): not {}", machine.adapters);
            problems
                .push(Error::new(ErrorKind::LimitExceeded, text).with_field(format!("nics[{adapters_max}]")));
        }
        Error::collect(problems)?;
        Ok(mib)
    }
}

const MIB: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use diskwright_core::{Seed, Timestamp};

    use super::*;

    #[test]
    fn memory_processors_and_adapters_that_do_not_fit_are_refused_by_name() {
        let limits = MachineLimits {
            product: "P",
            memory_step_mib: 4,
            memory_max_mib: 1024,
            cpus_max: 8,
            adapters_max: 2,
        };
        let mut machine = Machine::new("m", Seed::from_text("s"), Timestamp::from_seconds(0));
        machine.memory = 1020 << 20;
        assert_eq!(limits.memory_mib(&machine).unwrap(), 1020);
        machine.memory = 1022 << 20;
        machine.cpus = 9;
        let error = limits.memory_mib(&machine).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("memory")));
        assert_eq!(error.also()[0].field(), Some("cpus"));
        (machine.memory, machine.cpus, machine.adapters) = (1020 << 20, 8, 2);
        assert_eq!(limits.memory_mib(&machine).unwrap(), 1020);
        machine.adapters = 4;
        assert_eq!(limits.memory_mib(&machine).unwrap_err().field(), Some("nics[2]"));
        machine.memory = 2048 << 20;
        assert_eq!(limits.memory_mib(&machine).unwrap_err().kind(), ErrorKind::LimitExceeded);
        machine.memory = 0;
        assert_eq!(limits.memory_mib(&machine).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
