use super::Width;

/// `CIM_OperatingSystem.OSType` and a name for people; `id` is os-release's.
///
/// # Reference
/// DMTF CIM schema 2.22 and later, `CIM_OperatingSystem.OSType`.
pub(super) fn lookup(id: &str, width: Width) -> (u16, &'static str) {
    let row = ROWS.iter().find(|row| row.0.contains(&id));
    let &(_, name, narrow, wide) = row.unwrap_or(&GENERIC);
    match width {
        Width::Bits32 => (narrow, name),
        Width::Bits64 => (wide, name),
    }
}

/// Ids, name, 32 bits, 64 bits.
type Row = (&'static [&'static str], &'static str, u16, u16);

const GENERIC: Row = (&[], "Linux", 36, 101);

const ROWS: &[Row] = &[
    (&["almalinux"], "AlmaLinux", 36, 101),
    (&["alpine"], "Alpine Linux", 36, 101),
    (&["amzn"], "Amazon Linux", 36, 101),
    (&["arch"], "Arch Linux", 36, 101),
    (&["centos"], "CentOS", 106, 107),
    (&["debian"], "Debian GNU/Linux", 95, 96),
    (&["fedora"], "Fedora Linux", 36, 101),
    (&["gentoo"], "Gentoo Linux", 36, 101),
    (&["ol"], "Oracle Linux", 108, 109),
    (&["opensuse", "opensuse-leap", "opensuse-tumbleweed"], "openSUSE", 82, 83),
    (&["photon"], "VMware Photon OS", 36, 101),
    (&["rhel"], "Red Hat Enterprise Linux", 79, 80),
    (&["rocky"], "Rocky Linux", 36, 101),
    (&["sles", "sles_sap"], "SUSE Linux Enterprise Server", 84, 85),
    (&["ubuntu"], "Ubuntu Linux", 93, 94),
];
