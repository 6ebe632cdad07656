use super::Initramfs;

/// The program that made an initial RAM disk, told by what it leaves there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flavour {
    /// Debian and Ubuntu: initramfs-tools.
    InitramfsTools,
    /// Fedora, its relatives and SUSE: dracut.
    Dracut,
    /// Arch Linux: mkinitcpio.
    Mkinitcpio,
    /// Booster.
    Booster,
    /// Something else, or nothing that is known.
    Other,
}

impl Flavour {
    /// Tells the program by the names in its product.
    pub fn of(tree: &Initramfs) -> Self {
        let has = |path: &str| tree.has(path.as_bytes());
        if has("etc/booster.init.yaml") {
            Self::Booster
        } else if has("usr/lib/dracut") || has("lib/dracut") {
            Self::Dracut
        } else if has("scripts/functions") && has("conf/initramfs.conf") {
            Self::InitramfsTools
        } else if has("buildconfig") || has("init_functions") {
            Self::Mkinitcpio
        } else {
            Self::Other
        }
    }

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InitramfsTools => "initramfs-tools",
            Self::Dracut => "dracut",
            Self::Mkinitcpio => "mkinitcpio",
            Self::Booster => "booster",
            Self::Other => "an unknown program",
        }
    }

    /// The command that makes the disk anew with drivers for every machine, to be run in the guest.
    pub fn rebuild(self) -> &'static str {
        match self {
            Self::InitramfsTools => {
                "set MODULES=most in /etc/initramfs-tools/initramfs.conf and run update-initramfs -u -k all"
            }
            Self::Dracut => "run dracut --no-hostonly --regenerate-all --force",
            Self::Mkinitcpio => "leave autodetect out of HOOKS in /etc/mkinitcpio.conf and run mkinitcpio -P",
            Self::Booster => "set universal: true in /etc/booster.yaml and build the image again",
            Self::Other => "make the initial RAM disk again with drivers for every machine",
        }
    }
}
