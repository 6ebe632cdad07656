use std::fmt;

/// The names of a logical volume and its group, as device paths have them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalVolumeName {
    /// Name of the group.
    pub group: String,
    /// Name of the volume.
    pub volume: String,
}

impl LogicalVolumeName {
    /// A volume of a group; the names are not checked.
    pub fn new(group: impl Into<String>, volume: impl Into<String>) -> Self {
        Self { group: group.into(), volume: volume.into() }
    }

    /// The volume that a device path names: `/dev/GROUP/VOLUME`, or `/dev/mapper/GROUP-VOLUME` with hyphens in names
    /// doubled. `None` for paths of other devices, and of names that LVM does not allow.
    ///
    /// A name of the device mapper with one single hyphen may be that of something else: of a partition (`mpatha-part1`,
    /// `3600…-part2`), which is told apart, or of an encrypted or other device, which only the tree's files tell.
    pub fn of_device(path: &str) -> Option<Self> {
        let below = path.strip_prefix("/dev/")?;
        let name = match below.split_once('/')? {
            ("mapper", mapped) => Self::of_mapped(mapped)?,
            (directory, _) if DIRECTORIES.contains(&directory) => return None,
            (group, volume) => Self::new(group, volume),
        };
        let is_valid =
            check_volume_name(&name.group).is_ok() && check_logical_volume_name(&name.volume).is_ok();
        is_valid.then_some(name)
    }

    /// `/dev/mapper/GROUP-VOLUME`, which every system has from its first moments on.
    pub fn mapper_path(&self) -> String {
        format!("/dev/mapper/{}", self.mapped())
    }

    /// The name that the device mapper knows it by.
    pub fn mapped(&self) -> String {
        format!("{}-{}", self.group.replace('-', "--"), self.volume.replace('-', "--"))
    }

    /// Whether the device mapper takes the name: at most 127 bytes.
    ///
    /// # Reference
    /// Linux, `include/uapi/linux/dm-ioctl.h`: `DM_NAME_LEN`, with the byte that ends it.
    pub fn fits_device_mapper(&self) -> bool {
        self.mapped().len() <= 127
    }

    fn of_mapped(mapped: &str) -> Option<Self> {
        let bytes = mapped.as_bytes();
        let mut single = None;
        let mut at = 0_usize;
        while let Some(byte) = bytes.get(at) {
            let next = at.saturating_add(1);
            match (byte, bytes.get(next)) {
                (b'-', Some(b'-')) => at = next,
                (b'-', _) if single.is_some() => return None,
                (b'-', _) => single = Some(at),
                _ => {}
            }
            at = at.saturating_add(1);
        }
        let (group, volume) = mapped.split_at_checked(single?)?;
        let volume = volume.strip_prefix('-')?;
        let number = volume.strip_prefix("part").unwrap_or_default();
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self::new(group.replace("--", "-"), volume.replace("--", "-")))
    }
}

impl fmt::Display for LogicalVolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.volume)
    }
}

/// Whether a volume group can have the name; the error says why not.
///
/// # Errors
/// A sentence without the name.
///
/// # Reference
/// lvm(8), "VALID NAMES".
pub fn check_volume_name(name: &str) -> Result<(), &'static str> {
    check_name(name)?;
    if DIRECTORIES.contains(&name) {
        return Err("/dev has a directory of that name");
    }
    Ok(())
}

/// Whether a logical volume can have the name; the error says why not.
///
/// # Errors
/// A sentence without the name.
///
/// # Reference
/// lvm(8), "VALID NAMES".
pub fn check_logical_volume_name(name: &str) -> Result<(), &'static str> {
    check_name(name)?;
    let is_reserved = ["snapshot", "pvmove"].iter().any(|start| name.starts_with(start))
        || RESERVED.iter().any(|part| name.contains(part));
    if is_reserved {
        return Err("LVM keeps names of that form for itself");
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_' | b'.' | b'-');
    if !(1..=127).contains(&name.len()) || !name.bytes().all(plain) {
        return Err("a name has 1 to 127 letters, digits and + _ . -");
    }
    if name.starts_with('-') || matches!(name, "." | "..") {
        return Err("a name does not begin with a hyphen and is neither . nor ..");
    }
    Ok(())
}

/// Directories of /dev that are no volume group's.
const DIRECTORIES: [&str; 35] = [
    "ataraid",
    "block",
    "bsg",
    "bus",
    "cciss",
    "char",
    "cpu",
    "disk",
    "dma_heap",
    "drbd",
    "dri",
    "etherd",
    "fd",
    "hugepages",
    "i2o",
    "ida",
    "input",
    "iseries",
    "loop",
    "mapper",
    "md",
    "mqueue",
    "net",
    "pts",
    "raw",
    "rbd",
    "rd",
    "shm",
    "snd",
    "usb",
    "vfio",
    "vx",
    "vhost",
    "xen",
    "zvol",
];

const RESERVED: [&str; 15] = [
    "_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_iorig", "_mimage", "_mlog", "_pmspare", "_rimage",
    "_rmeta", "_tdata", "_tmeta", "_vdata", "_wcorig",
];
