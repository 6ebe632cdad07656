//! Values of which the schema has a list, and what of ours they are.
//!
//! A value outside of its list breaks clients that check it, so that it cannot be made: a field without a fitting value
//! stays absent.

use diskwright_core::profile::FileSystemKind;

use crate::render::{Described, ShapeKind, Shapes, ToValue, Value};

/// Declares a type whose values are those of a list in the schema.
macro_rules! names {
    ($($(#[$about:meta])* $name:ident { $($text:literal)+ })+) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(&'static str);

            impl $name {
                /// Every value.
                pub const ALL: &'static [Self] = &[$(Self($text),)+];

                /// The value that is written so, in either case; `None` if there is none.
                pub fn named(text: &str) -> Option<Self> {
                    Self::ALL.iter().find(|value| value.0.eq_ignore_ascii_case(text)).copied()
                }

                /// How it is written.
                pub const fn name(self) -> &'static str {
                    self.0
                }
            }

            impl Described for $name {
                fn kind(_: &mut Shapes) -> ShapeKind {
                    ShapeKind::Name(Self::ALL.iter().map(|value| value.name()).collect())
                }
            }

            #[cfg(test)]
            impl crate::samples::Sample for $name {
                fn sample(_: usize) -> Option<Self> {
                    Self::ALL.last().copied()
                }
            }

            impl ToValue for $name {
                fn to_value(&self) -> Option<Value> {
                    Some(Value::Text(self.0.to_owned()))
                }
            }
        )+
    };
}

names! {
    /// Name of a distribution. [`DistributionName::of_os`] finds it.
    DistributionName {
        "CentOS" "Debian" "Fedora Core" "OpenSUSE" "Oracle Linux" "RedHat Enterprise Linux" "Scientific Linux"
        "SUSE Linux Enterprise Server" "Ubuntu" "Windows"
    }
    /// Family of operating systems.
    FamilyName { "linux" "unix" "windows" }
    /// An architecture. [`Architecture::of_machine`] finds it.
    Architecture { "i386" "i586" "i686" "noarch" "x86_64" }
    /// Kind of target format.
    TargetFormatKind { "cloud" "virtual" "container" "physical" }
    /// Name of a primitive format.
    ImageFormatName {
        "aws" "azure" "cloudburstvmware" "cloudstackova" "cloudstackqcow2" "cloudstackvhd" "cloudsigmaraw" "cloudwatt"
        "docker" "esx" "google" "hyper-v" "hyperv2012" "ISO" "PXE" "kvm" "k5vmdk" "lxc" "openshift" "openstackqcow2"
        "openstackvdi" "openstackvhd" "openstackvmdk" "outscale" "oracleraw" "ovf" "ovf09" "qcow2" "raw" "susecloud"
        "targz" "vagrant" "vbox" "vcenter" "vcloud" "vhd" "vmware" "xen" "xenserver"
    }
    /// Name of a disk. [`DiskName::nth`] counts them.
    DiskName { "sda" "sdb" "sdc" "sdd" "sde" "sdf" }
    /// How a disk is divided. A GPT has no name.
    PartitionKind { "MSDOS" "LVM" }
    /// What stands in a partition. [`FileSystemName::of_type`] finds it.
    FileSystemName {
        "btrfs" "ext2" "ext3" "ext4" "Extended" "fat16" "fat32" "jfs" "linux-swap" "lvm2" "ntfs" "unformatted" "xfs"
        "reserved"
    }
    /// Kind of network interface.
    NicKind { "ETHERNET" }
    /// Where an IPv4 address comes from.
    Ipv4Method { "AUTOMATIC" "MANUAL" "DISABLED" }
    /// Where an IPv6 address comes from.
    Ipv6Method { "AUTOMATIC" "MANUAL" "IGNORE" }
    /// Mode of SELinux.
    SelinuxMode { "disabled" "permissive" "enforcing" }
    /// What became of a file.
    ChangeType { "added" "deleted" "modified" }
    /// Layout of a keyboard. [`Keyboard::of_layout`] finds it.
    Keyboard {
        "ar-azerty" "ar-azerty-digits" "ar-digits" "ar-qwerty" "ar-qwerty-digits" "be-latin1" "ben" "ben-probhat"
        "bg-bds-utf8" "bg-pho-utf8" "br-abnt2" "cf" "croat" "cz-lat2" "cz-us-qwertz" "de" "de-latin1"
        "de-latin1-nodeadkeys" "dev" "dk" "dk-latin1" "dvorak" "es" "et" "fi" "fi-latin1" "fr" "fr-ch" "fr-ch-latin1"
        "fr-latin1" "fr-latin9" "fr-pc" "gr" "guj" "gur" "hu" "hu101" "ie" "is-latin1" "it" "it-ibm" "it2" "jp106" "ko"
        "la-latin1" "mk-utf" "nl" "no" "pl2" "pt-latin1" "ro" "ro-cedilla" "ro-std" "ro-std-cedilla" "ru" "sg"
        "sg-latin1" "sk-qwerty" "sloven" "sr-cy" "sr-latin1" "sv-latin1" "tj" "tml-inscript" "tml-uni" "trq" "ua-utf"
        "uk" "us" "us-acentos"
    }
}

impl DistributionName {
    /// The distribution that `os-release` calls `id`, or that is already named as here.
    pub fn of_os(id: &str) -> Option<Self> {
        Self::named(synonym(OS_IDS, id))
    }
}

impl Architecture {
    /// The architecture that the kernel or a package system calls `machine`.
    pub fn of_machine(machine: &str) -> Option<Self> {
        Self::named(synonym(MACHINES, machine))
    }
}

impl DiskName {
    /// The name of a machine's disk, counted from 0; there are six.
    pub fn nth(at: usize) -> Option<Self> {
        Self::ALL.get(at).copied()
    }
}

impl FileSystemName {
    /// What `blkid` or `fstab` calls `kind`.
    pub fn of_type(kind: &str) -> Option<Self> {
        Self::named(synonym(FILE_SYSTEMS, kind))
    }
}

impl From<FileSystemKind> for FileSystemName {
    fn from(kind: FileSystemKind) -> Self {
        Self(match kind {
            FileSystemKind::Ext4 => "ext4",
            FileSystemKind::Ext3 => "ext3",
            FileSystemKind::Ext2 => "ext2",
            FileSystemKind::Fat32 => "fat32",
            FileSystemKind::Swap => "linux-swap",
        })
    }
}

impl Keyboard {
    /// The layout that a console (`KEYMAP=`) or X (`XKBLAYOUT=`) calls `layout`.
    pub fn of_layout(layout: &str) -> Option<Self> {
        Self::named(synonym(LAYOUTS, layout))
    }
}

/// The schema's name for one of ours, else the name itself.
fn synonym<'a>(synonyms: &[(&str, &'static str)], name: &'a str) -> &'a str {
    let found = synonyms.iter().find(|(ours, _)| ours.eq_ignore_ascii_case(name));
    found.map_or(name, |(_, theirs)| theirs)
}

/// `ID=` of os-release.
const OS_IDS: &[(&str, &str)] = &[
    ("fedora", "Fedora Core"),
    ("opensuse", "OpenSUSE"),
    ("opensuse-leap", "OpenSUSE"),
    ("opensuse-tumbleweed", "OpenSUSE"),
    ("ol", "Oracle Linux"),
    ("rhel", "RedHat Enterprise Linux"),
    ("scientific", "Scientific Linux"),
    ("sles", "SUSE Linux Enterprise Server"),
    ("sled", "SUSE Linux Enterprise Server"),
];

const MACHINES: &[(&str, &str)] =
    &[("amd64", "x86_64"), ("x86-64", "x86_64"), ("x64", "x86_64"), ("all", "noarch")];

const FILE_SYSTEMS: &[(&str, &str)] = &[
    ("swap", "linux-swap"),
    ("vfat", "fat32"),
    ("msdos", "fat16"),
    ("lvm2_member", "lvm2"),
    ("ntfs3", "ntfs"),
    ("ntfs-3g", "ntfs"),
    // So spelt in clients' files.
    ("unformated", "unformatted"),
];

const LAYOUTS: &[(&str, &str)] = &[
    ("gb", "uk"),
    ("be", "be-latin1"),
    ("br", "br-abnt2"),
    ("ca", "cf"),
    ("ch", "sg"),
    ("cz", "cz-lat2"),
    ("ee", "et"),
    ("hr", "croat"),
    ("is", "is-latin1"),
    ("jp", "jp106"),
    ("kr", "ko"),
    ("latam", "la-latin1"),
    ("mk", "mk-utf"),
    ("pl", "pl2"),
    ("pt", "pt-latin1"),
    ("rs", "sr-cy"),
    ("se", "sv-latin1"),
    ("si", "sloven"),
    ("sk", "sk-qwerty"),
    ("tr", "trq"),
    ("ua", "ua-utf"),
];

#[cfg(test)]
type Search = fn(&str) -> Option<&'static str>;

/// Every table of synonyms, with the search that uses it.
#[cfg(test)]
pub(super) const SYNONYMS: &[(Search, &[(&str, &str)])] = &[
    (|name| DistributionName::of_os(name).map(DistributionName::name), OS_IDS),
    (|name| Architecture::of_machine(name).map(Architecture::name), MACHINES),
    (|name| FileSystemName::of_type(name).map(FileSystemName::name), FILE_SYSTEMS),
    (|name| Keyboard::of_layout(name).map(Keyboard::name), LAYOUTS),
];
