use diskwright_core::profile::{MachineReport, Settings, TreeFacts};

use crate::{Distribution, Document, InstallProfile, OsGroup, OsUser, Syntax};

const MACHINE: &str = r#"{"format": "diskwright-machine/1", "memory_bytes": 1073741825,
    "cmdline": "BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet console=ttyS0,115200",
    "os": {"id": "debian", "version": "12", "arch": "amd64"}, "nics": [{"name": "eth0", "mac": "52:54:00:00:00:01"}],
    "disks": [{"name": "sda", "size": 10737418240, "sector_size": 512, "table": "dos", "partitions": [
        {"number": 1, "size": 268435456, "type": "83", "fs": {"type": "ext2", "label": "boot"}, "mount": "/boot"},
        {"number": 2, "size": 1024, "type": "0x0f"},
        {"number": 5, "size": 536870912, "type": "82", "fs": {"type": "swap"}},
        {"number": 6, "size": 9000000000, "type": "83", "fs": {"type": "zfs"}, "mount": "/"}]},
      {"name": "nvme0n1", "size": 1048577, "table": "gpt", "partitions": []}]}"#;

#[test]
fn a_machine_report_becomes_a_profile() {
    let machine = MachineReport::from_json(MACHINE.as_bytes()).unwrap();
    let json = InstallProfile::of_machine(&machine).render(Syntax::Json);
    let expected = concat!(
        r#"{"installProfile":{"diskSize":10240,"kernelParameters":"quiet console=ttyS0,115200","memorySize":1025,"#,
        r#""nics":{"nic":[{"name":"eth0","type":"ETHERNET","order":1}]},"partitionTable":{"disks":{"disk":["#,
        r#"{"blockSize":512,"name":"sda","partitions":{"partition":["#,
        r#"{"fstype":"ext2","label":"boot","mpoint":"/boot","name":"1","size":256},"#,
        r#"{"fstype":"Extended","logicalPartitions":{"logicalPartition":["#,
        r#"{"fstype":"linux-swap","name":"5","size":512},{"mpoint":"/","name":"6","size":8584}]},"name":"2","size":1}"#,
        r#"]},"partitionType":"MSDOS","size":10240},{"partitions":{"partition":[]},"size":2}]}},"swapSize":512}}"#,
        "\n",
    );
    assert_eq!(json, expected);
}

#[test]
fn a_system_is_described_as_far_as_the_schema_can() {
    let machine = MachineReport::from_json(MACHINE.as_bytes()).unwrap();
    let debian = Distribution::of_machine(&machine.os.unwrap());
    assert_eq!(debian.name.map(|name| name.name()), Some("Debian"));
    assert_eq!(debian.arch.map(|arch| arch.name()), Some("x86_64"));
    assert_eq!((debian.version.as_deref(), debian.package_kind.as_deref()), (Some("12"), Some("DEB")));
    let unknown = Distribution::of_os("arch", "", "riscv64");
    assert_eq!((unknown.name, unknown.arch, unknown.version, unknown.package_kind), (None, None, None, None));
    assert_eq!(unknown.family.map(|family| family.name()), Some("linux"));
    assert_eq!(Distribution::of_os("rhel", "9", "x86_64").package_kind.as_deref(), Some("RPM"));
}

#[test]
fn the_settings_of_an_order_become_a_profile() {
    let settings = Settings::resolve(&[], None, &TreeFacts::default()).unwrap();
    let json = InstallProfile::of_settings(&settings).render(Syntax::Json);
    let expected = concat!(
        r#"{"installProfile":{"memorySize":1024,"partitionTable":{"disks":{"disk":[{"blockSize":512,"name":"sda"}]}},"#,
        r#""swapSize":0}}"#,
        "\n",
    );
    assert_eq!(json, expected);
}

#[test]
fn accounts_are_read_without_their_secrets() {
    let passwd = "root:x:0:0:root:/root:/bin/bash\nwho:$6$secret:1000:1000:Who,,,:/home/who:/bin/sh\n\
        +::::::\nbroken\nnobody:*:65534:65534::/:\nx:x:-1:0::/:/bin/sh\n";
    let group = "root:x:0:\nwho:x:1000:\nsudo:x:27:who,other\nadm:x:4:who\nbad:x:y:who\n";
    let users = OsUser::of_files(passwd, group);
    let names: Vec<&str> = users.iter().filter_map(|user| user.name.as_deref()).collect();
    assert_eq!(names, ["root", "who", "nobody"]);
    let who = &users[1];
    assert_eq!(who.full_name.as_deref(), Some("Who"));
    assert_eq!(who.primary_group.as_deref(), Some("who"));
    assert_eq!(who.secondary_groups.as_deref(), Some("sudo,adm"));
    assert_eq!((who.user_id.as_deref(), who.system_user), (Some("1000"), Some(false)));
    assert_eq!((users[0].system_user, users[2].system_user), (Some(true), Some(true)));
    assert!(!who.render(Syntax::Xml).contains("secret"));
    let groups = OsGroup::of_file(group);
    let ids: Vec<&str> = groups.iter().filter_map(|group| group.group_id.as_deref()).collect();
    assert_eq!(ids, ["0", "1000", "27", "4"]);
}
