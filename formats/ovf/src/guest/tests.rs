use super::*;

fn guest(id: &str, version: &str, architecture: &str) -> Guest {
    let text = str::to_owned;
    Guest::of(&OperatingSystem { id: text(id), version: text(version), architecture: text(architecture) })
        .unwrap()
}

#[test]
fn known_systems_have_the_products_own_names() {
    #[rustfmt::skip]
    let rows = [
        ("debian", "12", "x86_64", 96, "debian12_64Guest", "debian12-64", "Debian_64"),
        ("debian", "11", "i686", 95, "debian11Guest", "debian11", "Debian"),
        ("ubuntu", "22.04", "x86_64", 94, "ubuntu64Guest", "ubuntu-64", "Ubuntu_64"),
        ("ubuntu", "16.04", "i686", 93, "ubuntuGuest", "ubuntu", "Ubuntu"),
        ("rhel", "9.4", "x86_64", 80, "rhel9_64Guest", "rhel9-64", "RedHat_64"),
        ("rhel", "6.10", "i686", 79, "rhel6Guest", "rhel6", "RedHat"),
        ("centos", "7", "x86_64", 107, "centos7_64Guest", "centos7-64", "RedHat_64"),
        ("centos", "9", "x86_64", 107, "centos9_64Guest", "centos9-64", "RedHat_64"),
        ("rocky", "9.3", "x86_64", 101, "rockylinux_64Guest", "rockylinux-64", "RedHat_64"),
        ("almalinux", "8.10", "x86_64", 101, "almalinux_64Guest", "almalinux-64", "RedHat_64"),
        ("ol", "9.4", "x86_64", 109, "oracleLinux9_64Guest", "oraclelinux9-64", "Oracle_64"),
        ("fedora", "41", "x86_64", 101, "fedora64Guest", "fedora-64", "Fedora_64"),
        ("sles", "15.5", "x86_64", 85, "sles15_64Guest", "sles15-64", "OpenSUSE_64"),
        ("opensuse-leap", "15.6", "x86_64", 83, "opensuse64Guest", "opensuse-64", "OpenSUSE_64"),
        ("opensuse-tumbleweed", "20240101", "x86_64", 83, "opensuse64Guest", "opensuse-64", "OpenSUSE_64"),
        ("amzn", "2", "x86_64", 101, "amazonlinux2_64Guest", "amazonlinux2-64", "Linux26_64"),
        ("amzn", "2023", "x86_64", 101, "amazonlinux3_64Guest", "amazonlinux3-64", "Linux26_64"),
        ("arch", "", "x86_64", 101, "other4xLinux64Guest", "other4xlinux-64", "ArchLinux_64"),
    ];
    for (id, version, architecture, cim, api, vmx, virtualbox) in rows {
        let guest = guest(id, version, architecture);
        assert_eq!(
            (guest.cim, guest.vmware.api, guest.vmware.vmx, guest.virtualbox),
            (cim, api, vmx, virtualbox),
            "{id} {version}"
        );
    }
}

#[test]
fn unknown_systems_and_versions_are_a_linux_of_no_name() {
    let plain = guest("void", "", "");
    assert_eq!((plain.cim, plain.vmware.api, plain.virtualbox), (101, "other4xLinux64Guest", "Linux26_64"));
    assert_eq!(plain.description, "Linux (64-bit)");
    let narrow = guest("", "", "i386");
    assert_eq!((narrow.cim, narrow.vmware.vmx, narrow.virtualbox), (36, "other4xlinux", "Linux26"));
    // Newer than the tables, rolling, and 32 bits where VMware has only 64.
    assert_eq!(guest("debian", "42", "x86_64").vmware.api, "other4xLinux64Guest");
    assert_eq!(guest("debian", "", "x86_64").vmware.api, "other4xLinux64Guest");
    assert_eq!(guest("rhel", "8.1", "i686").vmware.api, "other4xLinuxGuest");
    assert_eq!(guest("amzn", "2018.03", "x86_64").vmware.api, "other4xLinux64Guest");
}

#[test]
fn descriptions_hold_versions_only_where_they_are_numbers() {
    assert_eq!(guest("debian", "12", "x86_64").description, "Debian GNU/Linux 12 (64-bit)");
    assert_eq!(guest("debian", "12\"><x", "i686").description, "Debian GNU/Linux (32-bit)");
}

#[test]
fn machines_of_other_architectures_are_refused() {
    let system = OperatingSystem { architecture: "aarch64".to_owned(), ..OperatingSystem::default() };
    let error = Guest::of(&system).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("targetFormat")));
    assert!(error.to_string().contains("aarch64"));
}

#[test]
fn both_spellings_of_vmware_find_a_guest() {
    let debian = VmwareGuest::by_name("debian12_64Guest").unwrap();
    assert_eq!((debian.vmx, VmwareGuest::by_name("debian12-64")), ("debian12-64", Some(debian)));
    assert_eq!(VmwareGuest::by_name("other4xlinux").unwrap().api, "other4xLinuxGuest");
    assert_eq!(VmwareGuest::by_name("windows11-64"), None);
}
