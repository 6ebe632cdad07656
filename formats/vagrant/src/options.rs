use diskwright_core::format::FormatOptions;
use diskwright_core::{Error, ErrorKind, Result};
use diskwright_ovf::DEFAULT_LEVEL;

/// How a box is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VagrantOptions {
    /// What runs the machine; default VirtualBox.
    pub provider: Provider,
    /// How hard to compress: 1..=12 for VirtualBox, default 4; 1..=9 for libvirt, default 5.
    pub level: Option<u8>,
}

/// What runs the machine of a box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// VirtualBox: an envelope and stream-optimised VMDKs.
    #[default]
    VirtualBox,
    /// libvirt, by the plugin vagrant-libvirt: a QCOW2 with compressed clusters.
    Libvirt,
}

impl VagrantOptions {
    /// Sets what runs the machine.
    pub fn with_provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// Sets how hard to compress.
    pub fn with_level(mut self, level: Option<u8>) -> Self {
        self.level = level;
        self
    }

    /// The level in effect.
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption` for one that the provider's codec does not have.
    pub(crate) fn checked_level(self) -> Result<u8> {
        let (codec, default, max) = match self.provider {
            Provider::VirtualBox => ("zlib", DEFAULT_LEVEL, 12),
            Provider::Libvirt => ("deflate", 5, 9),
        };
        let level = self.level.unwrap_or(default);
        if (1..=max).contains(&level) {
            return Ok(level);
        }
        let text = format!("the levels of {codec} are 1 to {max}");
        Err(Error::new(ErrorKind::InvalidOption, text).with_field("vagrant.level"))
    }

    pub(crate) fn from_options(options: &FormatOptions) -> Result<Self> {
        let provider = match options.text("provider") {
            "libvirt" => Provider::Libvirt,
            _ => Provider::VirtualBox,
        };
        // OK to fall back: the table was checked, and 0 is no level.
        let level = options.number_if_given("level")?.map(|level| u8::try_from(level).unwrap_or(0));
        Ok(Self { provider, level })
    }
}
