//! What is compared with what, and what of it decides.
//!
//! Scripts are run by `sh -euc` in an empty directory. They find in their environment what [`super::bench`] puts there:
//! `TREE`, `TAR`, `DISK` (the disk's size), `DISKWRIGHT`, `ORDER` (what all orders to it have in common), `BOOT` and
//! `THREADS`, and for the tools what [`super::tools`] does.

use super::tools::Tool;

/// One generation of ours, beside what others do.
pub(super) struct Job {
    /// What `--only` names it.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    /// The variable that holds what is scanned.
    pub(super) scan: &'static str,
    /// Id of our format.
    pub(super) format: &'static str,
    /// Whether it is asked to compress, and its other options, as `-O` takes them.
    pub(super) compress: bool,
    pub(super) options: &'static [&'static str],
    /// Our output, below `o`.
    pub(super) output: &'static str,
    pub(super) peers: &'static [Peer],
    /// The most that ours may take of the limit; none where a device decides and no codec.
    pub(super) limit: Option<f64>,
    /// Whether one thread is compared with two.
    pub(super) scales: bool,
}

/// Who does the same, and how.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// The programs without which it cannot be run.
    pub(super) tools: &'static [Tool],
    pub(super) script: &'static str,
    /// What it leaves; the rest is temporary.
    pub(super) output: &'static str,
    /// What ours must reach; the others are shown only.
    pub(super) wanted: Option<Wanted>,
}

/// What ours must reach against a peer.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// The most of the peer's time that ours may take.
    pub(super) ratio: f64,
    /// Whether ours must not be larger than the peer's output, of the same content: without what boots, which the peer's
    /// disk does not have.
    pub(super) no_larger: bool,
}

impl Job {
    /// Our command.
    pub(super) fn script(&self) -> String {
        let compress = if self.compress { " --compress" } else { "" };
        let options: String = self.options.iter().map(|option| format!(" -O {option}")).collect();
        let (scan, format) = (self.scan, self.format);
        format!(
            "\"$DISKWRIGHT\" $ORDER $BOOT --scan \"${scan}\" --threads \"$THREADS\" --format {format}{compress}{options}"
        )
    }
}

/// What follows when there is a file system in `disk.raw`.
macro_rules! on_raw {
    ($($then:literal)*) => {
        concat!("truncate -s \"$DISK\" disk.raw; mke2fs -q -t ext4 -d \"$TREE\" disk.raw; ", $($then),*)
    };
}

/// `VBoxManage` as it runs in a tree of its own; it sees the directory as `/mnt`.
macro_rules! virtualbox {
    ($arguments:literal) => {
        on_raw!(
            "HOME=/mnt unshare --mount --pid --fork --kill-child sh -c \"$ENTER\" sh \"$VIRTUALBOX\" . \
             /usr/lib/virtualbox/VBoxManage convertfromraw /mnt/disk.raw /mnt/out " $arguments "; sync out"
        )
    };
}

pub(super) const JOBS: &[Job] = &[
    Job {
        peers: &[
            Peer {
                name: "mke2fs",
                tools: &[Tool::Mke2fs],
                script: on_raw!("sync disk.raw"),
                output: "disk.raw",
                wanted: Some(Wanted { ratio: 0.60, no_larger: false }),
            },
            fstool(
                "\"$FSTOOL\" create -t ext4 \"$TREE\" -o out.raw --size \"${DISK}iB\"; sync out.raw",
                "out.raw",
            ),
            Peer {
                name: "systemd-repart",
                tools: &[Tool::SystemdRepart],
                script: "mkdir d; printf '[Partition]\\nType=linux-generic\\nFormat=ext4\\nCopyFiles=%s:/\\n' \"$TREE\" >d/a.conf; \
                         systemd-repart --empty=create --size=\"$DISK\" --definitions=d --dry-run=no out; sync out",
                output: "out",
                wanted: None,
            },
            Peer {
                name: "mkosi",
                tools: &[Tool::Mkosi],
                script: "mkosi --force --distribution=custom --format=disk --base-tree=\"$TREE\" --bootable=no --output=out \
                         --output-dir=\"$PWD\" build; sync out.raw",
                output: "out.raw",
                wanted: None,
            },
        ],
        ..job("raw", "directory → raw", "raw", "m.raw")
    },
    Job {
        scan: "TAR",
        peers: &[Peer {
            name: "cp of the tar",
            tools: &[],
            script: "cp \"$TAR\" out; sync out",
            output: "out",
            wanted: Some(Wanted { ratio: 1.5, no_larger: false }),
        }],
        ..job("tar", "tar → raw", "raw", "m.raw")
    },
    Job {
        peers: &[
            qemu(on_raw!("qemu-img convert -f raw -O vdi disk.raw out; sync out"), 0.35, false),
            vboxmanage(virtualbox!("--format VDI")),
        ],
        ..job("vdi", "VDI", "vdi", "m.vdi")
    },
    Job {
        peers: &[
            qemu(on_raw!("qemu-img convert -f raw -O qcow2 -c -m 8 -W disk.raw out; sync out"), 0.25, true),
            fstool(
                "\"$FSTOOL\" create -t ext4 \"$TREE\" -o out.qcow2 --size \"${DISK}iB\" --compress; sync out.qcow2",
                "out.qcow2",
            ),
        ],
        ..compressed("qcow2-deflate", "QCOW2 deflate", "qcow2", "m.qcow2")
    },
    Job {
        options: &["compression=zstd"],
        peers: &[
            qemu(
                on_raw!(
                    "qemu-img convert -f raw -O qcow2 -c -m 8 -W -o compression_type=zstd disk.raw out; sync out"
                ),
                0.33,
                true,
            ),
            fstool(
                "\"$FSTOOL\" create -t ext4 \"$TREE\" -o out.qcow2 --size \"${DISK}iB\" --compress=zstd; sync out.qcow2",
                "out.qcow2",
            ),
        ],
        ..compressed("qcow2-zstd", "QCOW2 zstd", "qcow2", "m.qcow2")
    },
    Job {
        peers: &[
            qemu(
                on_raw!(
                    "qemu-img convert -f raw -O vmdk -m 8 -W -o subformat=streamOptimized disk.raw out; sync out"
                ),
                0.115,
                true,
            ),
            vboxmanage(virtualbox!("--format VMDK --variant Stream")),
        ],
        ..compressed("vmdk", "VMDK stream-optimised", "vmdk", "m.vmdk")
    },
    Job {
        peers: &[VMDK_ALONE],
        scales: false,
        ..compressed("ova-vmware", "OVA for VMware", "vmware", "m.ova")
    },
    Job {
        peers: &[VMDK_ALONE],
        scales: false,
        ..compressed("ova-virtualbox", "OVA for VirtualBox", "virtualbox", "m.ova")
    },
    Job {
        options: &["compression=gzip"],
        peers: &[shown(
            "mke2fs + gzip",
            &[Tool::Mke2fs, Tool::Gzip],
            on_raw!("gzip -1 <disk.raw >out; sync out"),
        )],
        ..compressed("raw-gzip", "raw.gz", "raw", "m.raw.gz")
    },
    Job {
        options: &["compression=zstd"],
        peers: &[shown(
            "mke2fs + zstd",
            &[Tool::Mke2fs, Tool::Zstd],
            on_raw!("zstd -q -3 -T0 disk.raw -o out; sync out"),
        )],
        ..compressed("raw-zstd", "raw.zst", "raw", "m.raw.zst")
    },
];

/// A job that stores what it reads.
const fn job(key: &'static str, name: &'static str, format: &'static str, output: &'static str) -> Job {
    Job {
        key,
        name,
        scan: "TREE",
        format,
        compress: false,
        options: &[],
        output,
        peers: &[],
        limit: None,
        scales: false,
    }
}

/// A job whose codec takes most of the time.
const fn compressed(
    key: &'static str,
    name: &'static str,
    format: &'static str,
    output: &'static str,
) -> Job {
    Job { compress: true, limit: Some(1.15), scales: true, ..job(key, name, format, output) }
}

const fn qemu(script: &'static str, ratio: f64, no_larger: bool) -> Peer {
    Peer {
        name: "mke2fs + qemu-img",
        tools: &[Tool::Mke2fs, Tool::QemuImg],
        script,
        output: "out",
        wanted: Some(Wanted { ratio, no_larger }),
    }
}

const fn fstool(script: &'static str, output: &'static str) -> Peer {
    Peer { name: "fstool", tools: &[Tool::Fstool], script, output, wanted: None }
}

const fn vboxmanage(script: &'static str) -> Peer {
    Peer {
        name: "mke2fs + VBoxManage",
        tools: &[Tool::Mke2fs, Tool::VBoxManage],
        script,
        output: "out",
        wanted: None,
    }
}

const fn shown(name: &'static str, tools: &'static [Tool], script: &'static str) -> Peer {
    Peer { name, tools, script, output: "out", wanted: None }
}

/// What is in an OVA beside its descriptor and its manifest.
const VMDK_ALONE: Peer = Peer {
    name: "our VMDK alone",
    tools: &[],
    script: "\"$DISKWRIGHT\" $ORDER $BOOT --scan \"$TREE\" --threads \"$THREADS\" --format vmdk --compress",
    output: "o/m.vmdk",
    wanted: Some(Wanted { ratio: 1.10, no_larger: false }),
};

/// Of this, the limit is a pass that reads.
pub(super) const READING: Job = job("reading", "reading", "raw", "m.raw");

/// Two formats from one order against each alone.
pub(super) struct Pair {
    /// What `--only` names it.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) formats: [&'static str; 2],
    pub(super) compress: bool,
    /// Files of each alone, below `o`.
    pub(super) outputs: [&'static str; 2],
    /// Files of both together, below `o`.
    pub(super) together: [&'static str; 2],
    pub(super) bound: Bound,
}

/// The most that both together may take.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// The sum of both alone, less this part of one pass that reads.
    LessReading(f64),
    /// This part of the sum of both alone.
    Part(f64),
}

pub(super) const PAIRS: &[Pair] = &[
    Pair {
        key: "pair-compressed",
        name: "QCOW2 deflate + VMDK stream-optimised",
        formats: ["qcow2", "vmdk"],
        compress: true,
        outputs: ["m.qcow2", "m.vmdk"],
        together: ["m.qcow2", "m.vmdk"],
        bound: Bound::LessReading(0.8),
    },
    Pair {
        key: "pair-stored",
        name: "raw + VDI",
        formats: ["raw", "vdi"],
        compress: false,
        outputs: ["m.raw", "m.vdi"],
        together: ["m.raw", "m.vdi"],
        bound: Bound::LessReading(0.8),
    },
    Pair {
        key: "pair-ova",
        name: "VirtualBox OVA + VMware OVA",
        formats: ["virtualbox", "vmware"],
        compress: true,
        outputs: ["m.ova", "m.ova"],
        together: ["m-virtualbox.ova", "m-vmware.ova"],
        bound: Bound::Part(0.62),
    },
];
