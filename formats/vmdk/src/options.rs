use diskwright_core::format::{FormatOptions, OptionSpec, OptionValues};
use diskwright_core::{Error, ErrorKind, Result};

/// How a VMDK is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VmdkOptions {
    /// The form of the file; default monolithic sparse.
    pub subformat: Subformat,
    /// The controller that the descriptor names; default LSI Logic.
    pub adapter: AdapterType,
}

/// The form of a VMDK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subformat {
    /// `monolithicSparse`: one file, to run from. Workstation, Fusion, Player, VirtualBox, QEMU.
    #[default]
    Sparse,
    /// `monolithicFlat`: a raw file and a descriptor beside it, to run from.
    Flat,
    /// `streamOptimized`: one compressed file, to be imported. zlib level 1..=12, default [`DEFAULT_LEVEL`].
    #[expect(missing_docs, reason = "said above")]
    Stream { level: u8 },
}

/// The controller that a descriptor names. A hint: the machine that a disk is attached to decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdapterType {
    /// `lsilogic`: for SCSI, SATA and NVMe. PVSCSI too: with its own name some products cannot grow the disk later.
    #[default]
    LsiLogic,
    /// `ide`.
    Ide,
}

impl VmdkOptions {
    /// Sets the form of the file.
    pub fn with_subformat(mut self, subformat: Subformat) -> Self {
        self.subformat = subformat;
        self
    }

    /// Sets the controller that the descriptor names.
    pub fn with_adapter(mut self, adapter: AdapterType) -> Self {
        self.adapter = adapter;
        self
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        let level = options.number_if_given("level")?;
        let mut problems = Vec::new();
        let subformat = match (options.compress(), options.text("subformat")) {
            (true, "" | "stream") => {
                let level = level.map_or(DEFAULT_LEVEL, |level| u8::try_from(level).unwrap_or(u8::MAX));
                check_level(level)?;
                Subformat::Stream { level }
            }
            (true, other) => {
                problems.push(invalid("subformat", &format!("{other} has no compressed form: stream has")));
                Subformat::default()
            }
            (false, "stream") => {
                problems
                    .push(invalid("subformat", "stream is the compressed form: it needs the compress flag"));
                Subformat::default()
            }
            (false, "flat") => Subformat::Flat,
            (false, _) => Subformat::Sparse,
        };
        if !options.compress() && level.is_some() {
            problems.push(invalid("level", "it needs the compress flag"));
        }
        Error::collect(problems)?;
        Ok(Self::default().with_subformat(subformat))
    }
}

impl AdapterType {
    /// What `ddb.adapterType` says.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LsiLogic => "lsilogic",
            Self::Ide => "ide",
        }
    }
}

/// Refuses a level that zlib streams do not have here.
pub(crate) fn check_level(level: u8) -> Result<()> {
    if (1..=12).contains(&level) { Ok(()) } else { Err(invalid("level", "the levels are 1 to 12")) }
}

fn invalid(key: &str, text: &str) -> Error {
    Error::new(ErrorKind::InvalidOption, text.to_owned()).with_field(format!("vmdk.{key}"))
}

/// The zlib level of stream-optimised images where none is given: the lowest whose files are as small as those of QEMU.
/// All formats that hold such images have it, so that targets of one order share the streams.
pub const DEFAULT_LEVEL: u8 = 4;

/// The option of that level, in all formats that hold stream-optimised images.
pub const LEVEL: OptionSpec = OptionSpec {
    key: "level",
    values: OptionValues::Integer { min: 1, max: 12 },
    default: "",
    summary: "how hard to compress, with compress only; default 4",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_that_people_are_told_is_the_default() {
        assert!(LEVEL.summary.ends_with(&format!("default {DEFAULT_LEVEL}")), "{}", LEVEL.summary);
    }
}
