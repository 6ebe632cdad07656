use crate::guest::Architecture;

/// The names that firmware, shim and distributions use on one architecture.
///
/// # Reference
/// UEFI Specification 2.10, 3.5.1.1 "Removable Media Boot Behavior".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// Below `\EFI\BOOT`.
    pub(super) removable: &'static str,
    /// Between a name and `.efi`: `x64`.
    pub(super) suffix: &'static str,
    /// GRUB's name for the platform.
    pub(super) grub_platform: &'static str,
    /// SUSE's name for the machine.
    pub(super) machine: &'static str,
}

impl Names {
    /// `None` for architectures on which no firmware looks for a removable path.
    pub(super) fn of(architecture: Architecture) -> Option<Self> {
        let names = |removable, suffix, grub_platform, machine| {
            Some(Self { removable, suffix, grub_platform, machine })
        };
        match architecture {
            Architecture::X86_64 => names("BOOTX64.EFI", "x64", "x86_64-efi", "x86_64"),
            Architecture::X86 => names("BOOTIA32.EFI", "ia32", "i386-efi", "i386"),
            Architecture::Aarch64 => names("BOOTAA64.EFI", "aa64", "arm64-efi", "aarch64"),
            Architecture::RiscV64 => names("BOOTRISCV64.EFI", "riscv64", "riscv64-efi", "riscv64"),
            _ => None,
        }
    }

    pub(super) fn file(&self, name: &str) -> String {
        format!("{name}{}.efi", self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_architecture_with_removable_media_has_its_names() {
        let removable = |architecture| Names::of(architecture).map(|names| names.removable);
        assert_eq!(removable(Architecture::X86_64), Some("BOOTX64.EFI"));
        assert_eq!(removable(Architecture::X86), Some("BOOTIA32.EFI"));
        assert_eq!(removable(Architecture::Aarch64), Some("BOOTAA64.EFI"));
        assert_eq!(removable(Architecture::RiscV64), Some("BOOTRISCV64.EFI"));
        assert_eq!(Names::of(Architecture::Aarch64).unwrap().file("grub"), "grubaa64.efi");
    }
}
