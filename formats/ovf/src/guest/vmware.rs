use super::{Version, Width};

/// VMware's two names of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmwareGuest {
    /// The vSphere API's, for `vmw:osType`: `debian12_64Guest`.
    pub api: &'static str,
    /// That of `.vmx` files, for `guestOS`: `debian12-64`.
    pub vmx: &'static str,
}

impl VmwareGuest {
    /// The guest of this name, in either spelling, if the table has it.
    pub fn by_name(name: &str) -> Option<Self> {
        let generic = [GENERIC.narrow, Some(GENERIC.wide)].into_iter().flatten();
        let all = ROWS.iter().flat_map(|row| [row.narrow, Some(row.wide)]).flatten().chain(generic);
        all.map(|(api, vmx)| Self { api, vmx }).find(|guest| guest.api == name || guest.vmx == name)
    }
}

/// `id` is os-release's. A name says which devices and defaults VMware offers; hosts older than a name take the guest for
/// "Other" with a warning.
///
/// # Reference
/// vSphere Web Services API, `VirtualMachineGuestOsIdentifier`.
pub(super) fn lookup(id: &str, version: Version, width: Width) -> VmwareGuest {
    let fits = |row: &&Row| {
        row.ids.contains(&id)
            && match version {
                Version::Major(major) => (row.first..=row.last).contains(&major),
                Version::Unknown => row.first == 0 && row.last == u32::MAX,
            }
    };
    let row = ROWS.iter().find(fits).unwrap_or(&GENERIC);
    let (api, vmx) = match width {
        Width::Bits64 => row.wide,
        Width::Bits32 => row.narrow.or(GENERIC.narrow).unwrap_or(row.wide),
    };
    VmwareGuest { api, vmx }
}

struct Row {
    ids: &'static [&'static str],
    /// First and last major version.
    first: u32,
    last: u32,
    /// Names of the 32-bit guest, where there is one: vSphere API, `.vmx`.
    narrow: Option<(&'static str, &'static str)>,
    /// As `narrow`, 64 bits.
    wide: (&'static str, &'static str),
}

type Names = (&'static str, &'static str);

const fn of(ids: &'static [&'static str], versions: (u32, u32), narrow: Option<Names>, wide: Names) -> Row {
    Row { ids, first: versions.0, last: versions.1, narrow, wide }
}

const ALL: (u32, u32) = (0, u32::MAX);
const SUSE: &[&str] = &["opensuse", "opensuse-leap", "opensuse-tumbleweed"];
const SLES: &[&str] = &["sles", "sles_sap"];

/// Known since vSphere 6.7; older hosts say "Other".
const GENERIC: Row =
    of(&[], ALL, Some(("other4xLinuxGuest", "other4xlinux")), ("other4xLinux64Guest", "other4xlinux-64"));

const ROWS: &[Row] = &[
    of(&["debian"], (4, 4), Some(("debian4Guest", "debian4")), ("debian4_64Guest", "debian4-64")),
    of(&["debian"], (5, 5), Some(("debian5Guest", "debian5")), ("debian5_64Guest", "debian5-64")),
    of(&["debian"], (6, 6), Some(("debian6Guest", "debian6")), ("debian6_64Guest", "debian6-64")),
    of(&["debian"], (7, 7), Some(("debian7Guest", "debian7")), ("debian7_64Guest", "debian7-64")),
    of(&["debian"], (8, 8), Some(("debian8Guest", "debian8")), ("debian8_64Guest", "debian8-64")),
    of(&["debian"], (9, 9), Some(("debian9Guest", "debian9")), ("debian9_64Guest", "debian9-64")),
    of(&["debian"], (10, 10), Some(("debian10Guest", "debian10")), ("debian10_64Guest", "debian10-64")),
    of(&["debian"], (11, 11), Some(("debian11Guest", "debian11")), ("debian11_64Guest", "debian11-64")),
    of(&["debian"], (12, 12), Some(("debian12Guest", "debian12")), ("debian12_64Guest", "debian12-64")),
    of(&["ubuntu"], ALL, Some(("ubuntuGuest", "ubuntu")), ("ubuntu64Guest", "ubuntu-64")),
    of(&["rhel"], (4, 4), Some(("rhel4Guest", "rhel4")), ("rhel4_64Guest", "rhel4-64")),
    of(&["rhel"], (5, 5), Some(("rhel5Guest", "rhel5")), ("rhel5_64Guest", "rhel5-64")),
    of(&["rhel"], (6, 6), Some(("rhel6Guest", "rhel6")), ("rhel6_64Guest", "rhel6-64")),
    of(&["rhel"], (7, 7), Some(("rhel7Guest", "rhel7")), ("rhel7_64Guest", "rhel7-64")),
    of(&["rhel"], (8, 8), None, ("rhel8_64Guest", "rhel8-64")),
    of(&["rhel"], (9, 9), None, ("rhel9_64Guest", "rhel9-64")),
    of(&["centos"], (4, 5), Some(("centosGuest", "centos")), ("centos64Guest", "centos-64")),
    of(&["centos"], (6, 6), Some(("centos6Guest", "centos6")), ("centos6_64Guest", "centos6-64")),
    of(&["centos"], (7, 7), Some(("centos7Guest", "centos7")), ("centos7_64Guest", "centos7-64")),
    of(&["centos"], (8, 8), None, ("centos8_64Guest", "centos8-64")),
    of(&["centos"], (9, 9), None, ("centos9_64Guest", "centos9-64")),
    of(&["ol"], (4, 5), Some(("oracleLinuxGuest", "oraclelinux")), ("oracleLinux64Guest", "oraclelinux-64")),
    of(
        &["ol"],
        (6, 6),
        Some(("oracleLinux6Guest", "oraclelinux6")),
        ("oracleLinux6_64Guest", "oraclelinux6-64"),
    ),
    of(
        &["ol"],
        (7, 7),
        Some(("oracleLinux7Guest", "oraclelinux7")),
        ("oracleLinux7_64Guest", "oraclelinux7-64"),
    ),
    of(&["ol"], (8, 8), None, ("oracleLinux8_64Guest", "oraclelinux8-64")),
    of(&["ol"], (9, 9), None, ("oracleLinux9_64Guest", "oraclelinux9-64")),
    of(&["rocky"], ALL, None, ("rockylinux_64Guest", "rockylinux-64")),
    of(&["almalinux"], ALL, None, ("almalinux_64Guest", "almalinux-64")),
    of(&["fedora"], ALL, Some(("fedoraGuest", "fedora")), ("fedora64Guest", "fedora-64")),
    of(SLES, (10, 10), Some(("sles10Guest", "sles10")), ("sles10_64Guest", "sles10-64")),
    of(SLES, (11, 11), Some(("sles11Guest", "sles11")), ("sles11_64Guest", "sles11-64")),
    of(SLES, (12, 12), Some(("sles12Guest", "sles12")), ("sles12_64Guest", "sles12-64")),
    of(SLES, (15, 15), None, ("sles15_64Guest", "sles15-64")),
    of(SUSE, ALL, Some(("opensuseGuest", "opensuse")), ("opensuse64Guest", "opensuse-64")),
    of(&["amzn"], (2, 2), None, ("amazonlinux2_64Guest", "amazonlinux2-64")),
    of(&["amzn"], (2022, 2023), None, ("amazonlinux3_64Guest", "amazonlinux3-64")),
    of(&["photon"], ALL, None, ("vmwarePhoton64Guest", "vmware-photon-64")),
];
