use crate::random::Random;
use crate::targets;

/// How far an input came. A target of which no input comes far proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It was refused, as it may be.
    Refused,
    /// What was made or read of it was looked at as a whole.
    Whole,
}

impl Reach {
    /// Whole, if something was accepted.
    pub(crate) fn of(is_accepted: bool) -> Self {
        if is_accepted { Self::Whole } else { Self::Refused }
    }
}

/// A function that must hold for any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also of its corpus.
    pub name: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]) -> Reach,
    /// Inputs to begin with, made by the code that writes such files.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longer inputs show nothing more.
    pub max_len: usize,
}

impl Target {
    /// The target of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}

/// Every target.
pub static TARGETS: &[Target] = &[
    Target {
        name: "tar",
        about: "archives as bytes, with checksums made true",
        run: targets::tar::plain,
        seeds: targets::tar::seeds,
        max_len: 16 << 10,
    },
    Target {
        name: "tar-packed",
        about: "archives packed with gzip, zstd, xz and bzip2",
        run: targets::tar::packed,
        seeds: targets::tar::packed_seeds,
        max_len: 4 << 10,
    },
    Target {
        name: "tar-pax",
        about: "members and extended headers that contradict each other",
        run: targets::pax::run,
        seeds: Random::inputs,
        max_len: 4 << 10,
    },
    Target {
        name: "tar-sparse",
        about: "sparse members in four forms, against their maps",
        run: targets::sparse::run,
        seeds: Random::inputs,
        max_len: 512,
    },
    Target {
        name: "request",
        about: "the API's documents; written and read again",
        run: targets::request::run,
        seeds: targets::request::seeds,
        max_len: 8 << 10,
    },
    Target {
        name: "profile",
        about: "profiles and machine reports; written, read again and resolved",
        run: targets::profile::run,
        seeds: targets::profile::seeds,
        max_len: 8 << 10,
    },
    Target {
        name: "guest",
        about: "the guest's own files with anything in them, read and edited",
        run: targets::guest::run,
        seeds: Random::inputs,
        max_len: 8 << 10,
    },
    Target {
        name: "ext",
        about: "ext2, ext3 and ext4 of any entries, verified",
        run: targets::ext::run,
        seeds: Random::inputs,
        max_len: 4 << 10,
    },
    Target {
        name: "fat",
        about: "names on FAT32, verified",
        run: targets::fat::run,
        seeds: Random::inputs,
        max_len: 4 << 10,
    },
    Target {
        name: "partition",
        about: "lists of partitions on disks of any size, verified",
        run: targets::partition::run,
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "raw",
        about: "the writer of raw, against a model of the disk",
        run: |bytes| targets::container::run("raw", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "qcow2",
        about: "the writer of qcow2, against a model of the disk",
        run: |bytes| targets::container::run("qcow2", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "vdi",
        about: "the writer of vdi, against a model of the disk",
        run: |bytes| targets::container::run("vdi", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "vmdk",
        about: "the writer of vmdk, against a model of the disk",
        run: |bytes| targets::container::run("vmdk", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "vhd",
        about: "the writer of vhd, against a model of the disk",
        run: |bytes| targets::container::run("vhd", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "vhdx",
        about: "the writer of vhdx, against a model of the disk",
        run: |bytes| targets::container::run("vhdx", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "gce",
        about: "the writer of gce, against a model of the disk",
        run: |bytes| targets::container::run("gce", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "virtualbox",
        about: "the writer of virtualbox, against a model of the disk",
        run: |bytes| targets::container::run("virtualbox", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "vmware",
        about: "the writer of vmware, against a model of the disk",
        run: |bytes| targets::container::run("vmware", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "vagrant",
        about: "the writer of vagrant, against a model of the disk",
        run: |bytes| targets::container::run("vagrant", bytes),
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "lint",
        about: "the linter's readers",
        run: targets::lint::run,
        seeds: Random::inputs,
        max_len: 4 << 10,
    },
    Target {
        name: "verify-container",
        about: "the verifier's readers of containers",
        run: targets::readers::container,
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "verify-disk",
        about: "the verifier's readers of partition tables and file systems",
        run: targets::readers::disk,
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
    Target {
        name: "verify-report",
        about: "the verifier's readers of reports and lists of digests",
        run: targets::readers::report,
        seeds: Random::inputs,
        max_len: 2 << 10,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_target_of_its_writer() {
        for entry in diskwright::builtin_registry().unwrap().entries() {
            assert!(Target::named(entry.info.id).is_some(), "{}", entry.info.id);
        }
    }
}
