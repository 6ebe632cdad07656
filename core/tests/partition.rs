//! Partition tables, judged by sgdisk, sfdisk, fdisk, parted, blkid and the `gpt` crate.

mod disk;

use std::path::Path;

use disk::{Image, empty_tree, run};
use diskwright_core::partition::{
    Growth, PartitionEntry, PartitionKind, PartitionTable, RootArchitecture, SectorSize, SizeRequest,
    TableKind, arrange,
};
use diskwright_oracle::tool;
use proptest::prelude::*;
use uuid::Uuid;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const DISK: Uuid = uuid::uuid!("d15c0000-1111-4222-8333-444455556666");

fn guid(number: u32) -> Uuid {
    Uuid::from_u128(0xa000_0000_1111_4222_8333_0000_0000_0000 + u128::from(number))
}

fn gpt_entry(number: u32, start: u64, size: u64, kind: PartitionKind) -> PartitionEntry {
    PartitionEntry { guid: Some(guid(number)), ..PartitionEntry::new(number, start, size, kind) }
}

fn image(table: &PartitionTable, size: u64) -> Image {
    Image::of(empty_tree(), size, |builder| {
        for region in table.regions() {
            builder.zeros_to(region.offset, "partition")?;
            builder.bytes(region.bytes.clone(), region.label)?;
        }
        builder.zeros_to(size, "unused")
    })
}

/// A disk for both firmwares as it is made by default.
fn usual_gpt(size: u64) -> Vec<PartitionEntry> {
    let name = |name: &str, entry: PartitionEntry| PartitionEntry { name: name.into(), ..entry };
    vec![
        name("BIOS", gpt_entry(1, MIB, MIB, PartitionKind::BiosBoot)),
        name("EFI system", gpt_entry(2, 2 * MIB, 512 * MIB, PartitionKind::EfiSystem)),
        gpt_entry(3, 514 * MIB, 64 * MIB, PartitionKind::LinuxSwap),
        name(
            "root &c",
            PartitionEntry {
                attributes: 1 << 59 | 1 << 2,
                ..gpt_entry(
                    4,
                    578 * MIB,
                    size - 579 * MIB,
                    PartitionKind::LinuxRoot(RootArchitecture::X86_64),
                )
            },
        ),
    ]
}

/// sgdisk finds no problem; a remark on partitions that end inside a MiB is none.
fn assert_sgdisk_is_content(path: &Path) {
    let Some(sgdisk) = tool("sgdisk") else { return };
    let shown = run(&sgdisk, &["-v", path.to_str().unwrap()]);
    assert!(is_content(&shown), "{shown}");
}

/// A header that it takes from the other copy makes the GPT "corrupt", and is no problem to it.
fn is_content(shown: &str) -> bool {
    let lower = shown.to_lowercase();
    lower.contains("no problems found.")
        && !["warning", "invalid", "corrupt"].iter().any(|bad| lower.contains(bad))
}

#[test]
fn sgdisk_finds_damage() {
    let Some(sgdisk) = tool("sgdisk") else { return };
    // Type, header, entries, backup header.
    for offset in [450, 512 + 40, 1024 + 32, GIB - 512 + 24] {
        let entries = [gpt_entry(1, MIB, MIB, PartitionKind::EfiSystem)];
        let image = image(&PartitionTable::gpt(GIB, SectorSize::Bytes512, DISK, &[], &entries).unwrap(), GIB);
        assert_sgdisk_is_content(&image.path);
        image.damage(offset);
        let output = disk::run_unchecked(&sgdisk, &["-v", image.path.to_str().unwrap()]);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(!is_content(&shown), "byte {offset:#x}: {shown}");
    }
}

fn assert_sfdisk_is_content(path: &Path) {
    let Some(sfdisk) = tool("sfdisk") else { return };
    let shown = run(&sfdisk, &["--verify", path.to_str().unwrap()]);
    assert!(shown.contains("No errors detected."), "{shown}");
}

/// The lines of `sfdisk -d` that describe partitions, without the image's name.
fn dumped(path: &Path) -> Option<Vec<String>> {
    let path = path.to_str().unwrap();
    let shown = run(&tool("sfdisk")?, &["-d", path]);
    Some(shown.lines().filter_map(|line| line.strip_prefix(path)).map(str::to_owned).collect())
}

#[test]
fn a_gpt_disk_is_what_the_tools_expect() {
    let size = 2 * GIB;
    let table = PartitionTable::gpt(size, SectorSize::Bytes512, DISK, &[], &usual_gpt(size)).unwrap();
    let image = image(&table, size);
    assert_sgdisk_is_content(&image.path);
    assert_sfdisk_is_content(&image.path);
    if let Some(lines) = dumped(&image.path) {
        assert_eq!(
            lines,
            [
                "1 : start=        2048, size=        2048, type=21686148-6449-6E6F-744E-656564454649, \
             uuid=A0000000-1111-4222-8333-000000000001, name=\"BIOS\"",
                "2 : start=        4096, size=     1048576, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, \
             uuid=A0000000-1111-4222-8333-000000000002, name=\"EFI system\"",
                "3 : start=     1052672, size=      131072, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, \
             uuid=A0000000-1111-4222-8333-000000000003",
                "4 : start=     1183744, size=     3008512, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, \
             uuid=A0000000-1111-4222-8333-000000000004, name=\"root &c\", \
             attrs=\"LegacyBIOSBootable GUID:59\"",
            ]
        );
    }
    let path = image.path.to_str().unwrap();
    if let Some(fdisk) = tool("fdisk") {
        let shown = run(&fdisk, &["-l", path]);
        assert!(shown.contains("Disk identifier: D15C0000-1111-4222-8333-444455556666"), "{shown}");
        assert!(shown.contains("Linux root (x86-64)") && shown.contains("BIOS boot"), "{shown}");
    }
    if let Some(parted) = tool("parted") {
        let shown = run(&parted, &["-ms", path, "unit", "B", "print"]);
        assert!(shown.contains(":gpt:"), "{shown}");
        assert!(shown.contains("\n2:2097152B:538968063B:536870912B::EFI system:boot, esp;\n"), "{shown}");
    }
    if let Some(blkid) = tool("blkid") {
        let shown = run(&blkid, &["-p", "-o", "export", path]);
        assert!(shown.contains("PTTYPE=gpt\n"), "{shown}");
        assert!(shown.contains("PTUUID=d15c0000-1111-4222-8333-444455556666\n"), "{shown}");
    }
}

#[test]
fn a_gpt_disk_of_4096_byte_sectors_is_what_the_tools_expect() {
    let size = 2 * GIB;
    let table = PartitionTable::gpt(size, SectorSize::Bytes4096, DISK, &[], &usual_gpt(size)).unwrap();
    let image = image(&table, size);
    let path = image.path.to_str().unwrap();
    if let Some(fdisk) = tool("fdisk") {
        let shown = run(&fdisk, &["-b", "4096", "-l", path]);
        assert!(shown.contains("Disklabel type: gpt"), "{shown}");
        let fields: Vec<&str> =
            shown.lines().find(|line| line.contains("EFI System")).unwrap().split_whitespace().collect();
        assert_eq!(fields[1..4], ["512", "131583", "131072"]);
    }
    let parted = tool("parted");
    if let Some(parted) = parted {
        let mut command = std::process::Command::new(parted);
        let command = command.env("PARTED_SECTOR_SIZE", "4096").env("LC_ALL", "C.UTF-8");
        let output = command.args(["-ms", path, "unit", "s", "print"]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains(":524288s:file:4096:4096:gpt:"), "{shown}");
        assert!(shown.contains("\n2:512s:131583s:131072s::EFI system:boot, esp;\n"), "{shown}");
    }
    read_by_the_gpt_crate(&image, gpt::disk::LogicalBlockSize::Lb4096, &usual_gpt(size), 4096);
}

/// Both copies are valid for the `gpt` crate, and it reads what was written.
fn read_by_the_gpt_crate(
    image: &Image,
    block_size: gpt::disk::LogicalBlockSize,
    entries: &[PartitionEntry],
    sector: u64,
) {
    let config = gpt::GptConfig::new().logical_block_size(block_size).only_valid_headers(true);
    let disk = config.open(&image.path).unwrap();
    assert_eq!(*disk.guid(), DISK);
    let found: Vec<PartitionEntry> = disk
        .partitions()
        .iter()
        .map(|(number, found)| PartitionEntry {
            number: *number,
            start: found.first_lba * sector,
            size: (found.last_lba + 1 - found.first_lba) * sector,
            kind: PartitionKind::from_gpt_type(found.part_type_guid.guid),
            guid: Some(found.part_guid),
            name: found.name.clone(),
            attributes: found.flags,
            active: false,
        })
        .collect();
    assert_eq!(found, entries);
}

#[test]
fn partition_numbers_with_gaps_are_kept() {
    // As on a cloud image: root first by number, last on the disk.
    let size = GIB;
    let entries = vec![
        gpt_entry(1, 128 * MIB, size - 129 * MIB, PartitionKind::LinuxFilesystem),
        gpt_entry(14, MIB, 3 * MIB, PartitionKind::BiosBoot),
        gpt_entry(15, 4 * MIB, 124 * MIB, PartitionKind::EfiSystem),
        PartitionEntry {
            name: "thirty-six UTF-16 units ünïcode 💾💾".into(),
            ..gpt_entry(128, 34 * 512, 512, PartitionKind::LinuxFilesystem)
        },
    ];
    let table = PartitionTable::gpt(size, SectorSize::Bytes512, DISK, &[], &entries).unwrap();
    let image = image(&table, size);
    read_by_the_gpt_crate(&image, gpt::disk::LogicalBlockSize::Lb512, &entries, 512);
    if let Some(lines) = dumped(&image.path) {
        let numbers: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(numbers, ["1", "14", "15", "128"]);
    }
}

#[test]
fn boot_code_stands_in_the_protective_mbr() {
    let code = [0xeb; 440];
    let table = PartitionTable::gpt(GIB, SectorSize::Bytes512, DISK, &code, &[]).unwrap();
    let head = &table.regions()[0];
    assert_eq!(head.bytes[..440], code);
    assert_eq!(head.bytes[440..446], [0; 6]);
    assert_sgdisk_is_content(&image(&table, GIB).path);
}

fn with_logical() -> Vec<PartitionEntry> {
    let entry = PartitionEntry::new;
    vec![
        PartitionEntry { active: true, ..entry(1, MIB, 100 * MIB, PartitionKind::LinuxFilesystem) },
        entry(2, 101 * MIB, 699 * MIB, PartitionKind::Extended),
        entry(5, 102 * MIB, 98 * MIB, PartitionKind::LinuxSwap),
        entry(6, 201 * MIB, 99 * MIB, PartitionKind::LinuxLvm),
        entry(7, 301 * MIB, 499 * MIB, PartitionKind::LinuxFilesystem),
        entry(3, 800 * MIB, 224 * MIB, PartitionKind::EfiSystem),
    ]
}

#[test]
fn an_mbr_disk_with_logical_partitions_is_what_the_tools_expect() {
    let code = [0x90; 440];
    let table = PartitionTable::mbr(GIB, SectorSize::Bytes512, 0xfeed_0001, &code, &with_logical()).unwrap();
    assert_eq!(table.regions()[0].bytes[..440], code);
    let image = image(&table, GIB);
    assert_sfdisk_is_content(&image.path);
    if let Some(lines) = dumped(&image.path) {
        assert_eq!(
            lines,
            [
                "1 : start=        2048, size=      204800, type=83, bootable",
                "2 : start=      206848, size=     1431552, type=5",
                "3 : start=     1638400, size=      458752, type=ef",
                "5 : start=      208896, size=      200704, type=82",
                "6 : start=      411648, size=      202752, type=8e",
                "7 : start=      616448, size=     1021952, type=83",
            ]
        );
    }
    let path = image.path.to_str().unwrap();
    if let Some(fdisk) = tool("fdisk") {
        let shown = run(&fdisk, &["-l", path]);
        assert!(shown.contains("Disk identifier: 0xfeed0001"), "{shown}");
    }
    if let Some(parted) = tool("parted") {
        let shown = run(&parted, &["-ms", path, "unit", "MiB", "print"]);
        assert!(shown.contains("\n1:1.00MiB:101MiB:100MiB:::boot;\n"), "{shown}");
        assert!(shown.contains("\n7:301MiB:800MiB:499MiB:::;\n"), "{shown}");
    }
    if let Some(blkid) = tool("blkid") {
        let shown = run(&blkid, &["-p", "-o", "export", path]);
        assert!(shown.contains("PTTYPE=dos\n") && shown.contains("PTUUID=feed0001\n"), "{shown}");
    }
}

#[test]
fn an_mbr_disk_of_4096_byte_sectors_is_what_fdisk_expects() {
    let table = PartitionTable::mbr(GIB, SectorSize::Bytes4096, 0xfeed_0001, &[], &with_logical()).unwrap();
    let image = image(&table, GIB);
    let Some(fdisk) = tool("fdisk") else { return };
    let shown = run(&fdisk, &["-b", "4096", "-l", image.path.to_str().unwrap()]);
    let starts: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("/"))
        .map(|line| line.trim_start_matches(|c| c != ' ').trim_start_matches([' ', '*']))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(starts, ["256", "25856", "204800", "26112", "51456", "77056"], "{shown}");
}

#[test]
fn an_extended_partition_past_cylinder_1023_is_one_with_lba() {
    let entries = vec![
        PartitionEntry::new(1, 10 * GIB, 5 * GIB, PartitionKind::Extended),
        PartitionEntry::new(5, 10 * GIB + MIB, 5 * GIB - MIB, PartitionKind::LinuxFilesystem),
    ];
    let table = PartitionTable::mbr(16 * GIB, SectorSize::Bytes512, 1, &[], &entries).unwrap();
    let image = image(&table, 16 * GIB);
    assert_sfdisk_is_content(&image.path);
    let Some(lines) = dumped(&image.path) else { return };
    assert!(lines[0].ends_with("type=f"), "{lines:?}");
}

/// Requests for partitions of up to 100 MiB with growth.
fn any_requests(max: usize) -> impl Strategy<Value = Vec<SizeRequest>> {
    let request = (1..200_000_u64, prop::bool::weighted(0.2)).prop_map(|(sectors, grows)| {
        let growth = if grows { Growth::Grow } else { Growth::Fixed };
        SizeRequest { number: None, size: sectors * 512, growth }
    });
    prop::collection::vec(request, 0..max)
}

fn entries_of(kind: TableKind, size: u64, requests: &[SizeRequest]) -> Vec<PartitionEntry> {
    let arranged = arrange(kind, SectorSize::Bytes512, size, requests).unwrap();
    let plain = arranged.partitions.iter().map(|at| (at, PartitionKind::LinuxFilesystem));
    let extended = arranged.extended.iter().map(|at| (at, PartitionKind::Extended));
    plain.chain(extended).map(|(at, kind)| PartitionEntry::new(at.number, at.start, at.size, kind)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arranged_gpt_disks_are_sound(requests in any_requests(20)) {
        let size = 3 * GIB;
        let mut entries = entries_of(TableKind::Gpt, size, &requests);
        for entry in &mut entries {
            entry.guid = Some(guid(entry.number));
        }
        let table = PartitionTable::gpt(size, SectorSize::Bytes512, DISK, &[], &entries).unwrap();
        let image = image(&table, size);
        assert_sgdisk_is_content(&image.path);
        assert_sfdisk_is_content(&image.path);
    }

    #[test]
    fn arranged_mbr_disks_are_sound(requests in any_requests(20)) {
        let size = 3 * GIB;
        let entries = entries_of(TableKind::Mbr, size, &requests);
        let table = PartitionTable::mbr(size, SectorSize::Bytes512, 0x1234_5678, &[], &entries).unwrap();
        let image = image(&table, size);
        assert_sfdisk_is_content(&image.path);
        if let Some(lines) = dumped(&image.path) {
            prop_assert_eq!(lines.len(), entries.len());
        }
    }
}
