use super::Width;

/// VirtualBox's name of a guest; `id` is os-release's. Only names without a version: every VirtualBox since 4 knows them.
///
/// # Reference
/// `VBoxManage list ostypes`.
pub(super) fn lookup(id: &str, width: Width) -> &'static str {
    let row = ROWS.iter().find(|row| row.0.contains(&id));
    let &(_, narrow, wide) = row.unwrap_or(&GENERIC);
    match width {
        Width::Bits32 => narrow,
        Width::Bits64 => wide,
    }
}

/// Ids, 32 bits, 64 bits.
type Row = (&'static [&'static str], &'static str, &'static str);

/// "Linux 2.6 / 3.x / 4.x / 5.x".
const GENERIC: Row = (&[], "Linux26", "Linux26_64");

const ROWS: &[Row] = &[
    (&["arch"], "ArchLinux", "ArchLinux_64"),
    (&["debian"], "Debian", "Debian_64"),
    (&["fedora"], "Fedora", "Fedora_64"),
    (&["gentoo"], "Gentoo", "Gentoo_64"),
    (&["ol"], "Oracle", "Oracle_64"),
    (&["opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles", "sles_sap"], "OpenSUSE", "OpenSUSE_64"),
    (&["rhel", "centos", "rocky", "almalinux"], "RedHat", "RedHat_64"),
    (&["ubuntu"], "Ubuntu", "Ubuntu_64"),
];
