//! What is compared with what.

/// One format, ours against a peer's.
pub(super) struct Job {
    pub(super) name: &'static str,
    /// Our options after `generate`.
    pub(super) ours: &'static str,
    /// Our output.
    pub(super) output: &'static str,
    /// What the peer does with the raw disk `disk.raw` to get `out`; nothing when the raw disk is the result.
    pub(super) convert: &'static str,
    /// Codec and level of the limit.
    pub(super) limit: (&'static str, u8),
    /// The most of the peer's time that ours may take.
    pub(super) target: f64,
}

pub(super) const JOBS: &[Job] = &[
    Job {
        name: "raw",
        ours: "--format raw",
        output: "m.raw",
        convert: "",
        limit: ("stored", 1),
        target: 0.60,
    },
    Job {
        name: "VDI",
        ours: "--format vdi",
        output: "m.vdi",
        convert: "qemu-img convert -f raw -O vdi disk.raw out",
        limit: ("stored", 1),
        target: 0.40,
    },
    Job {
        name: "QCOW2 deflate",
        ours: "--format qcow2 --compress",
        output: "m.qcow2",
        convert: "qemu-img convert -f raw -O qcow2 -c -m 8 -W disk.raw out",
        limit: ("deflate", 5),
        target: 0.25,
    },
    Job {
        name: "QCOW2 zstd",
        ours: "--format qcow2 --compress -O compression=zstd",
        output: "m.qcow2",
        convert: "qemu-img convert -f raw -O qcow2 -c -m 8 -W -o compression_type=zstd disk.raw out",
        limit: ("zstd", 3),
        target: 0.35,
    },
    Job {
        name: "VMDK stream-optimised",
        ours: "--format vmdk --compress",
        output: "m.vmdk",
        convert: "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw out",
        limit: ("zlib", 3),
        target: 0.13,
    },
];

/// Two formats from one order against each alone.
pub(super) struct Pair {
    pub(super) name: &'static str,
    pub(super) formats: [&'static str; 2],
    pub(super) flags: &'static str,
    /// Files of each alone.
    pub(super) outputs: [&'static str; 2],
    /// Files of both together.
    pub(super) together: [&'static str; 2],
    pub(super) bound: Bound,
}

/// The most that both together may take.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// The sum of both alone, less this part of one pass that reads and tests for zero.
    LessReading(f64),
    /// This part of the sum of both alone.
    Part(f64),
}

pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "QCOW2 deflate + VMDK stream-optimised",
        formats: ["qcow2", "vmdk"],
        flags: "--compress",
        outputs: ["m.qcow2", "m.vmdk"],
        together: ["m.qcow2", "m.vmdk"],
        bound: Bound::LessReading(0.8),
    },
    Pair {
        name: "raw + VDI",
        formats: ["raw", "vdi"],
        flags: "",
        outputs: ["m.raw", "m.vdi"],
        together: ["m.raw", "m.vdi"],
        bound: Bound::LessReading(0.8),
    },
    Pair {
        name: "VirtualBox OVA + VMware OVA",
        formats: ["virtualbox", "vmware"],
        flags: "--compress",
        outputs: ["m.ova", "m.ova"],
        together: ["m-virtualbox.ova", "m-vmware.ova"],
        bound: Bound::Part(0.62),
    },
];
