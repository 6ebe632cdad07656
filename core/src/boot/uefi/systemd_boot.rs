use super::{EspContent, EspFile, text_file};
use crate::boot::kernels::Kernel;
use crate::boot::menu::MenuRequest;
use crate::guest::GuestWorkspace;
use crate::tree::Object;
use crate::{Error, ErrorKind, Result};

/// Configuration, entries, kernels and RAM disks: systemd-boot reads nothing but FAT.
///
/// # Reference
/// UAPI Group, "Boot Loader Specification", type #1.
pub(super) fn files(
    workspace: &GuestWorkspace<'_>,
    request: &MenuRequest<'_>,
    kernels: &[Kernel],
    title: &str,
) -> Result<Vec<EspFile>> {
    let token = entry_token(workspace)?;
    let options = super::super::menu::kernel_options(workspace, request)?;
    let mut files =
        vec![text_file("loader/loader.conf", format!("timeout 3\ndefault {token}-*\nconsole-mode keep\n"))];
    for kernel in kernels {
        let version = if kernel.version.is_empty() { "linux" } else { &kernel.version };
        let folder = format!("{token}/{version}");
        let linux = tree_file(workspace, format!("{folder}/linux"), &kernel.image)?;
        let mut entry = format!("title {title}\nversion {version}\n");
        if token.len() == 32 {
            entry.push_str(&format!("machine-id {token}\n"));
        }
        entry.push_str(&format!("linux /{folder}/linux\n"));
        files.push(linux);
        for (at, initrd) in kernel.initrds.iter().enumerate() {
            let name =
                if at + 1 == kernel.initrds.len() { "initrd".to_owned() } else { format!("initrd{at}") };
            entry.push_str(&format!("initrd /{folder}/{name}\n"));
            files.push(tree_file(workspace, format!("{folder}/{name}"), initrd)?);
        }
        entry.push_str(&format!("options {} {options}\n", request.root_option()));
        files.push(text_file(&format!("loader/entries/{token}-{version}.conf"), entry));
    }
    Ok(files)
}

/// What the names of entries start with: the machine id, or where the machine has none yet a word.
fn entry_token(workspace: &GuestWorkspace<'_>) -> Result<String> {
    for path in [&b"etc/kernel/entry-token"[..], b"etc/machine-id"] {
        let Some(bytes) = workspace.read(path)? else { continue };
        let token = String::from_utf8_lossy(&bytes).trim().to_owned();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=64).contains(&token.len()) && token.bytes().all(plain) && token != "uninitialized" {
            return Ok(token);
        }
    }
    Ok("linux".to_owned())
}

fn tree_file(workspace: &GuestWorkspace<'_>, path: String, from: &str) -> Result<EspFile> {
    let tree = workspace.tree();
    let node = tree.resolve(from.as_bytes());
    match node.map(|node| (tree.path(node), tree.inode(tree.inode_of(node)).object)) {
        Some((from, Object::File { size, .. })) => {
            Ok(EspFile { path, content: EspContent::Tree { path: from, size } })
        }
        _ => Err(Error::new(ErrorKind::Internal, "a kernel's file went away").with_path(from)),
    }
}
