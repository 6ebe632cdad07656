use super::index::{IndexEntry, IndexTree};
use super::*;

fn modules() -> KernelModules {
    KernelModules::of(&Tables {
        dependencies: Some(
            "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko\n\
             kernel/fs/jbd2/jbd2.ko:\nkernel/fs/mbcache.ko:\nkernel/lib/crc16.ko:\n\
             kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz kernel/drivers/ata/libata.ko.xz\n\
             kernel/crypto/crc32c-generic.ko:\nno module: here\n"
                .to_owned(),
        ),
        aliases: Some(
            "# Aliases\nalias pci:v*d*sv*sd*bc01sc06i01* ahci\nalias fs-ext4 ext4\nalias crypto-crc32c crc32c_generic\n\
             alias short\n"
                .to_owned(),
        ),
        soft_dependencies: Some("softdep ext4 pre: crypto-crc32c post: late\nsoftdep\n".to_owned()),
        built_in: Some("kernel/drivers/scsi/sd_mod.ko\n".to_owned()),
        built_in_information: Some("sd_mod.alias=scsi:t-0x00*\0sd_mod.license=GPL\0".to_owned()),
    })
}

#[test]
fn devices_and_names_find_their_drivers() {
    let modules = modules();
    let ahci = [Driver::Module("ahci".to_owned())];
    assert_eq!(modules.drivers_of("pci:v00008086d00002922sv1sd2bc01sc06i01"), ahci);
    assert_eq!(modules.drivers_of("scsi:t-0x00"), [Driver::BuiltIn("sd_mod".to_owned())]);
    assert_eq!(modules.drivers_of("pci:v1"), []);
    assert_eq!(modules.named("crypto-crc32c"), [Driver::Module("crc32c_generic".to_owned())]);
    assert_eq!(modules.named("crc32c-generic"), [Driver::Module("crc32c_generic".to_owned())]);
    assert_eq!(modules.named("sd-mod"), [Driver::BuiltIn("sd_mod".to_owned())]);
    assert!(modules.is_built_in("sd_mod") && modules.has_built_in_list());
}

#[test]
fn closures_load_what_is_needed_first() {
    let files = modules().closure("ahci").unwrap();
    let expected = [
        "kernel/drivers/ata/libata.ko.xz",
        "kernel/drivers/ata/libahci.ko.xz",
        "kernel/drivers/ata/ahci.ko.xz",
    ];
    assert_eq!(files, expected);
    assert_eq!(modules().closure("nothing"), None);
    assert_eq!(modules().soft_dependencies("ext4").unwrap().before, ["crypto-crc32c"]);
}

#[test]
fn tables_are_cut_joined_and_written_again() {
    let cut = modules().only(&|name| matches!(name, "ahci" | "crc32c_generic"));
    let files: BTreeMap<&str, Vec<u8>> = cut.to_files().into_iter().collect();
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    assert_eq!(
        text("modules.alias"),
        "alias pci:v*d*sv*sd*bc01sc06i01* ahci\nalias crypto-crc32c crc32c_generic\n"
    );
    assert_eq!(text("modules.softdep"), "");
    assert_eq!(text("modules.dep").lines().count(), 2);
    let joined = cut.joined(&modules());
    assert_eq!(joined.names().collect::<BTreeSet<_>>(), modules().names().collect::<BTreeSet<_>>());
    assert_eq!(joined.aliases.len(), modules().aliases.len());
    assert_eq!(joined.soft, modules().soft);
    let renamed = joined.with_paths(&|path| path.trim_end_matches(".xz").to_owned());
    assert_eq!(renamed.module("ahci").unwrap().needs[1], "kernel/drivers/ata/libata.ko");
}

/// Three values of one key, one of them twice, and a longer key: the bytes as the head of the index describes them.
#[test]
fn an_index_is_written_from_its_leaves_to_its_root() {
    let entry = |key: &str, value: &str, priority| IndexEntry {
        key: key.as_bytes().to_vec(),
        value: value.as_bytes().to_vec(),
        priority,
    };
    let entries = [entry("ab", "x", 1), entry("abd", "y", 0), entry("ab", "z", 0), entry("ab", "x", 1)];
    let bytes = IndexTree::of(entries).to_bytes();
    let expected: [&[u8]; 6] = [
        b"\xb0\x07\xf4\x57\x00\x02\x00\x01\x20\x00\x00\x31",
        // d: one value
        b"\x00\x00\x00\x01\x00\x00\x00\x00y\0",
        // b behind a: prefix, child d, three values: what is given twice stands there twice
        b"b\0dd\x40\x00\x00\x0c",
        b"\x00\x00\x00\x03\x00\x00\x00\x00z\0\x00\x00\x00\x01x\0\x00\x00\x00\x01x\0",
        // root: child a
        b"aa",
        b"\xe0\x00\x00\x16",
    ];
    let mut whole = expected.concat();
    let root = (whole.len() - 6) as u32 | 0x2000_0000;
    whole[8..12].copy_from_slice(&root.to_be_bytes());
    assert_eq!(bytes, whole);
}

#[test]
fn tables_of_any_bytes_are_read() {
    let odd = "a: b\nalias a[b c\nsoftdep x pre: post:\n:::\nkernel/.ko: x\nx.ko\u{fffd}:";
    let all = Some(odd.to_owned());
    let modules = KernelModules::of(&Tables {
        dependencies: all.clone(),
        aliases: all.clone(),
        soft_dependencies: all.clone(),
        built_in: all.clone(),
        built_in_information: all,
    });
    assert_eq!(modules.names().count(), 0);
    assert_eq!(modules.drivers_of("a[b"), []);
    assert_eq!(modules.to_files().len(), 5);
}

#[test]
fn a_device_with_many_aliases_has_each_driver_once() {
    let aliases: String = (0..40_000).map(|at| format!("alias x:* m{}\n", at % 20_000)).collect();
    let modules = KernelModules::of(&Tables { aliases: Some(aliases), ..Tables::default() });
    let drivers = modules.drivers_of("x:1");
    assert_eq!(drivers.len(), 20_000);
    assert_eq!(drivers[1], Driver::Module("m1".to_owned()));
    assert!(modules.is_driver_of("m19999", "x:1") && !modules.is_driver_of("m19999", "y:1"));
    assert!(!modules.is_driver_of("m20000", "x:1"));
}

#[test]
fn paths_lead_nowhere_but_below_the_directory_of_the_tables() {
    let dependencies = "/lib/modules/5.1/kernel/a.ko: /usr/lib/modules/5.1/kernel/b.ko ./kernel//c.ko\n\
                        ../../etc/d.ko:\nkernel/e.ko: kernel/../../f.ko\n/updates/g.ko:\n";
    let dependencies = Some(dependencies.to_owned());
    let modules = KernelModules::of(&Tables { dependencies, ..Tables::default() });
    assert_eq!(modules.names().collect::<Vec<_>>(), ["a", "g"]);
    assert_eq!(modules.closure("a").unwrap(), ["kernel/c.ko", "kernel/b.ko", "kernel/a.ko"]);
    assert_eq!(modules.module("g").unwrap().path, "updates/g.ko");
}

#[test]
fn names_that_no_file_can_have_are_dropped() {
    let long = "n".repeat(300);
    let modules = KernelModules::of(&Tables {
        dependencies: Some(format!("kernel/{long}.ko:\nkernel/a.ko:\n")),
        aliases: Some(format!("alias x:* {long}\n")),
        soft_dependencies: Some(format!("softdep {long} pre: a\n")),
        built_in_information: Some(format!("{long}.alias=x:*\0")),
        ..Tables::default()
    });
    assert_eq!(modules.names().collect::<Vec<_>>(), ["a"]);
    assert_eq!(modules.drivers_of("x:1"), []);
    assert!(modules.soft_dependencies(&long).is_none());
}
