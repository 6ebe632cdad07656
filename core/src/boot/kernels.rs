//! The Linux kernels of a tree, with their initial RAM disks.

use super::version;
use crate::Result;
use crate::tree::{FileTree, Findings, NodeId, Object, Severity};

/// A kernel that the tree can boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// What stands behind the image's name: `6.1.0-13-amd64`, `lts`, `linux`; empty for a bare `vmlinuz`.
    pub version: String,
    /// Path of the image in the tree, without a leading slash.
    pub image: String,
    /// Paths of the initial RAM disks in the order in which they are loaded: early microcode first.
    pub initrds: Vec<String>,
}

/// All kernels in `/boot`, or where there are none those in `/usr/lib/modules/*/vmlinuz`; newest first, kernels
/// without an initial RAM disk after all others. Rescue and crash kernels do not count.
///
/// # Errors
/// In strict mode `ErrorKind::Source` for a kernel with a name that no boot menu can hold, or without a RAM disk.
pub fn find(tree: &FileTree, findings: &mut Findings) -> Result<Vec<Kernel>> {
    let mut kernels = Vec::new();
    if let Some(boot) = tree.resolve(b"boot") {
        let names = file_names(tree, boot);
        for name in &names {
            let Some(version) = kernel_version(name) else { continue };
            if !is_menu_safe(name) {
                let text = "a kernel with such characters in its name stands in no boot menu";
                let path = [b"boot/".as_slice(), name].concat();
                findings.record(Severity::Warning, "kernel-name", &path, text)?;
                continue;
            }
            let initrds =
                microcode(&names).chain(initrd(&names, version)).map(|name| in_boot(name)).collect();
            kernels.push(Kernel { version: text(version), image: in_boot(name), initrds });
        }
    }
    if kernels.is_empty() {
        kernels = beside_modules(tree);
    }
    kernels.sort_by(|a, b| {
        let bare = |kernel: &Kernel| !kernel.initrds.iter().any(|path| !is_microcode(path.as_bytes()));
        let newest_first = version::compare(b.version.as_bytes(), a.version.as_bytes());
        bare(a).cmp(&bare(b)).then(newest_first).then_with(|| a.image.cmp(&b.image))
    });
    if let Some(first) = kernels.first()
        && !first.initrds.iter().any(|path| !is_microcode(path.as_bytes()))
    {
        let text = "this kernel has no initial RAM disk: it boots only if it holds all its drivers itself";
        findings.record(Severity::Warning, "no-initrd", first.image.as_bytes(), text)?;
    }
    Ok(kernels)
}

/// Kernels as `kernel-install` finds them, when nothing copied them to `/boot`.
fn beside_modules(tree: &FileTree) -> Vec<Kernel> {
    let mut kernels = Vec::new();
    let Some(modules) = tree.resolve(b"usr/lib/modules").or_else(|| tree.resolve(b"lib/modules")) else {
        return kernels;
    };
    let base = text(&tree.path(modules));
    for directory in tree.children(modules) {
        let version = tree.name(directory);
        let names = file_names(tree, directory);
        if !is_menu_safe(version) || !names.iter().any(|name| name == b"vmlinuz") {
            continue;
        }
        let version = text(version);
        let boot = tree.resolve(b"boot").map(|boot| file_names(tree, boot)).unwrap_or_default();
        let mut initrds: Vec<String> =
            microcode(&boot).chain(initrd(&boot, version.as_bytes())).map(|name| in_boot(name)).collect();
        for name in ["initrd", "initramfs.img"] {
            if initrds.is_empty() && names.iter().any(|known| known == name.as_bytes()) {
                initrds.push(format!("{base}/{version}/{name}"));
            }
        }
        kernels.push(Kernel { image: format!("{base}/{version}/vmlinuz"), version, initrds });
    }
    kernels
}

/// Names of the regular files in a directory.
fn file_names(tree: &FileTree, directory: NodeId) -> Vec<Vec<u8>> {
    let is_file = |node: &NodeId| matches!(tree.inode(tree.inode_of(*node)).object, Object::File { .. });
    tree.children(directory).filter(is_file).map(|node| tree.name(node).to_vec()).collect()
}

/// The version in the name of a kernel image.
fn kernel_version(name: &[u8]) -> Option<&[u8]> {
    let skipped: [&[u8]; 5] = [b"rescue", b"kdump", b".hmac", b".old", b".sig"];
    if skipped.iter().any(|part| name.windows(part.len()).any(|window| window == *part)) {
        return None;
    }
    let image = [&b"vmlinuz"[..], b"vmlinux", b"Image", b"bzImage", b"kernel"];
    let version = image.iter().find_map(|image| name.strip_prefix(*image))?;
    match version.strip_prefix(b"-") {
        Some(b"") => None,
        Some(version) if !version.ends_with(b".gz") || name.starts_with(b"vmlinu") => Some(version),
        Some(_) => None,
        None => (name == b"vmlinuz").then_some(version),
    }
}

/// Whether a file of `/boot` of that name may be the initial RAM disk of some kernel.
pub(crate) fn may_be_initrd(name: &[u8]) -> bool {
    name.starts_with(b"initrd") || name.starts_with(b"initramfs")
}

/// The initial RAM disk for a kernel of that version, by a name that [`may_be_initrd`].
fn initrd<'a>(names: &'a [Vec<u8>], version: &[u8]) -> Option<&'a Vec<u8>> {
    let candidates: &[(&[u8], &[u8])] = match version {
        b"" => &[(b"initrd.img", b""), (b"initramfs.img", b""), (b"initrd", b"")],
        _ => &[
            (b"initrd.img-", b""),
            (b"initramfs-", b".img"),
            (b"initrd-", b""),
            (b"initrd-", b".img"),
            (b"initramfs-", b""),
        ],
    };
    candidates.iter().find_map(|(before, after)| {
        let wanted = [*before, version, *after].concat();
        names.iter().find(|name| **name == wanted)
    })
}

fn microcode(names: &[Vec<u8>]) -> impl Iterator<Item = &Vec<u8>> {
    names.iter().filter(|name| is_microcode(name))
}

fn is_microcode(path: &[u8]) -> bool {
    path.ends_with(b"-ucode.img")
}

fn in_boot(name: &[u8]) -> String {
    format!("boot/{}", text(name))
}

/// Whether a name can stand in a menu without quotes.
fn is_menu_safe(name: &[u8]) -> bool {
    let plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'~' | b'-' | b':');
    name.iter().all(plain)
}

/// Names that are used passed [`is_menu_safe`], so nothing is lost.
fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::test_tree::tree;
    use super::*;

    fn found(files: &[&str]) -> Vec<(String, Vec<String>)> {
        let files: Vec<(&str, &[u8])> = files.iter().map(|path| (*path, &b"x"[..])).collect();
        let kernels = find(&tree(&files), &mut Findings::default()).unwrap();
        kernels.into_iter().map(|kernel| (kernel.image, kernel.initrds)).collect()
    }

    fn pair(image: &str, initrds: &[&str]) -> (String, Vec<String>) {
        (image.to_owned(), initrds.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn debian_kernels_are_sorted_newest_first() {
        let files = [
            "boot/vmlinuz-6.1.0-9-amd64",
            "boot/initrd.img-6.1.0-9-amd64",
            "boot/vmlinuz-6.1.0-13-amd64",
            "boot/initrd.img-6.1.0-13-amd64",
            "boot/vmlinuz-7.0.0-1-amd64",
            "boot/vmlinuz-6.1.0-13-amd64.old",
            "boot/config-6.1.0-13-amd64",
        ];
        let expected = [
            pair("boot/vmlinuz-6.1.0-13-amd64", &["boot/initrd.img-6.1.0-13-amd64"]),
            pair("boot/vmlinuz-6.1.0-9-amd64", &["boot/initrd.img-6.1.0-9-amd64"]),
            pair("boot/vmlinuz-7.0.0-1-amd64", &[]),
        ];
        assert_eq!(found(&files), expected);
    }

    #[test]
    fn every_distribution_pairs_its_own_way() {
        let fedora = [
            "boot/vmlinuz-5.14.0-362.el9.x86_64",
            "boot/initramfs-5.14.0-362.el9.x86_64.img",
            "boot/initramfs-5.14.0-362.el9.x86_64kdump.img",
            "boot/vmlinuz-0-rescue-0123456789abcdef",
            "boot/.vmlinuz-5.14.0-362.el9.x86_64.hmac",
        ];
        let image = "boot/vmlinuz-5.14.0-362.el9.x86_64";
        assert_eq!(found(&fedora), [pair(image, &["boot/initramfs-5.14.0-362.el9.x86_64.img"])]);
        let arch = ["boot/vmlinuz-linux", "boot/initramfs-linux.img", "boot/intel-ucode.img"];
        let initrds = ["boot/intel-ucode.img", "boot/initramfs-linux.img"];
        assert_eq!(found(&arch), [pair("boot/vmlinuz-linux", &initrds)]);
        let alpine = ["boot/vmlinuz-lts", "boot/initramfs-lts"];
        assert_eq!(found(&alpine), [pair("boot/vmlinuz-lts", &["boot/initramfs-lts"])]);
        let suse = ["boot/vmlinux-6.4.0-default.gz", "boot/Image-6.4.0-default", "boot/initrd-6.4.0-default"];
        assert_eq!(found(&suse)[0], pair("boot/Image-6.4.0-default", &["boot/initrd-6.4.0-default"]));
        let modules = ["usr/lib/modules/6.9.1/vmlinuz", "usr/lib/modules/6.9.1/initramfs.img"];
        let initrds = ["usr/lib/modules/6.9.1/initramfs.img"];
        assert_eq!(found(&modules), [pair("usr/lib/modules/6.9.1/vmlinuz", &initrds)]);
    }

    #[test]
    fn names_that_could_break_out_of_a_menu_are_left_out() {
        let mut findings = Findings::default();
        let tree = tree(&[("boot/vmlinuz-1 }\nhalt", b"x"), ("boot/vmlinuz-$x", b"x")]);
        assert_eq!(find(&tree, &mut findings).unwrap(), []);
        assert_eq!(findings.into_vec().iter().filter(|finding| finding.code == "kernel-name").count(), 2);
    }
}
