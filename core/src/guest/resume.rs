use super::fstab::Device;
use super::volumes::VolumesOfTheDisk;
use super::workspace::GuestWorkspace;
use crate::Result;

/// Where a tree says from which swap area a hibernated machine resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeSetting {
    /// The file that says so, with a leading slash.
    pub path: String,
    /// What it names, without quotes: `UUID=…`, `/dev/sda5`, `none`, `auto`.
    pub value: String,
}

impl ResumeSetting {
    /// What the value names.
    pub fn device(&self) -> Device {
        Device::parse(self.value.as_bytes())
    }
}

/// The settings of initramfs-tools, then those in the kernel parameters of `/etc/default/grub`.
pub(super) fn resume_settings(workspace: &GuestWorkspace<'_>) -> Result<Vec<ResumeSetting>> {
    let mut settings = Vec::new();
    for path in initramfs_files(workspace) {
        let Some(text) = workspace.read(&path)? else { continue };
        let path = String::from_utf8_lossy(&path).into_owned();
        for line in text.split(|byte| *byte == b'\n') {
            if let Some((_, value, _)) = resume_line(line) {
                settings.push(ResumeSetting {
                    path: path.clone(),
                    value: String::from_utf8_lossy(value).into_owned(),
                });
            }
        }
    }
    let text = workspace.read(DEFAULT_GRUB.as_bytes())?.unwrap_or_default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"GRUB_CMDLINE_LINUX")) {
        let words = line.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''));
        for value in words.filter_map(|word| word.strip_prefix(b"resume=")) {
            let value = String::from_utf8_lossy(value).into_owned();
            settings.push(ResumeSetting { path: DEFAULT_GRUB.to_owned(), value });
        }
    }
    Ok(settings)
}

/// What the kernel must be told where the setting of initramfs-tools names a device that is not on the new disk: the initial
/// RAM disk has a copy, and would wait for that device. `None` where it is true or there is none.
pub fn resume_parameter(settings: &[ResumeSetting], disk: &VolumesOfTheDisk) -> Option<String> {
    let of_initramfs = settings.iter().rev().find(|setting| setting.path != DEFAULT_GRUB)?;
    let device = of_initramfs.device();
    if !device.is_block() || disk.has(&device) {
        return None;
    }
    Some(match disk.swaps().next() {
        Some(swap) => format!("resume={}", swap.specification()),
        None => "noresume".to_owned(),
    })
}

/// Makes the settings of initramfs-tools true: a swap area of the new disk, or none.
pub(super) fn amend_resume(workspace: &mut GuestWorkspace<'_>, disk: &VolumesOfTheDisk) -> Result<()> {
    for path in initramfs_files(workspace) {
        let Some(text) = workspace.read(&path)? else { continue };
        if let Some(text) = true_resume(&text, disk) {
            workspace.write(&path, text, "the swap area that it names is not on the new disk")?;
        }
    }
    Ok(())
}

/// A setting of initramfs-tools with a swap area of the new disk, or none, in place of another disk's; `None` when it
/// names none of those.
pub(crate) fn true_resume(text: &[u8], disk: &VolumesOfTheDisk) -> Option<Vec<u8>> {
    let new = match disk.swaps().next() {
        Some(swap) => swap.specification(),
        None => "none".to_owned(),
    };
    let mut changed = false;
    let lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let Some((before, value, after)) = resume_line(line) else { return line.to_vec() };
            let device = Device::parse(value);
            if !device.is_block() || disk.has(&device) {
                return line.to_vec();
            }
            changed = true;
            [before, new.as_bytes(), after].concat()
        })
        .collect();
    changed.then(|| lines.join(&b'\n'))
}

/// A line `RESUME=value` cut into what stands before the value, the value, and what stands after it.
fn resume_line(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let indent = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let assigned = line.get(indent..)?.strip_prefix(b"RESUME=")?;
    let quote = assigned.first().copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let skipped = usize::from(quote.is_some());
    let inside = assigned.get(skipped..)?;
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote,
        None => byte.is_ascii_whitespace() || *byte == b'#',
    };
    let len = inside.iter().position(ends).unwrap_or(inside.len());
    let (value, after) = inside.split_at_checked(len)?;
    let (before, _) = line.split_at_checked(line.len().checked_sub(inside.len())?)?;
    Some((before, value, after))
}

fn initramfs_files(workspace: &GuestWorkspace<'_>) -> Vec<Vec<u8>> {
    let mut paths = vec![b"/etc/initramfs-tools/initramfs.conf".to_vec()];
    let directory = b"/etc/initramfs-tools/conf.d";
    paths.extend(workspace.names(directory).iter().map(|name| [directory, &b"/"[..], name].concat()));
    paths
}

const DEFAULT_GRUB: &str = "/etc/default/grub";
