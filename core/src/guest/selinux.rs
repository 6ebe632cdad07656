use super::GuestWorkspace;

/// The extended attribute that labels something new near `path` with the type `kind`; none where the tree has no labels.
///
/// User, role and level are those of the nearest labelled directory.
///
/// # Reference
/// SELinux Notebook, "Security Context": `user:role:type[:level]`.
pub(super) fn label(workspace: &GuestWorkspace<'_>, path: &[u8], kind: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (name, context) = nearest(workspace, path)?;
    let ending = if context.ends_with(b"\0") { &b"\0"[..] } else { b"" };
    let context = context.strip_suffix(b"\0").unwrap_or(&context);
    let mut parts: Vec<&[u8]> = context.splitn(4, |byte| *byte == b':').collect();
    *parts.get_mut(2)? = kind.as_bytes();
    Some((name, [&parts.join(&b':'), ending].concat()))
}

/// Whether `path`, or a directory above it, has a label.
pub(super) fn is_labelled(workspace: &GuestWorkspace<'_>, path: &[u8]) -> bool {
    nearest(workspace, path).is_some()
}

/// The label of `path`, or else of the nearest directory above it.
fn nearest(workspace: &GuestWorkspace<'_>, path: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut above = path;
    loop {
        let attributes = workspace.attributes(above);
        let found = attributes.into_iter().flat_map(|attributes| attributes.xattrs);
        if let Some(label) = found.into_iter().find(|(name, _)| name == b"security.selinux") {
            return Some(label);
        }
        let end = above.iter().rposition(|byte| *byte == b'/')?;
        above = above.get(..end)?;
    }
}
