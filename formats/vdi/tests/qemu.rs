//! VDI images judged by QEMU.

use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::ErrorKind;
use diskwright_core::engine::OutputEntry;
use diskwright_core::format::FormatOptions;
use diskwright_format_vdi::{ENTRY, INFO, Vdi};
use diskwright_oracle::{assert_converts_back, check, info, path, run, tool, write_disks};

/// Writes `disk` and has QEMU check it, describe it and convert it back.
fn trial(disk: &Disk) -> Option<OutputEntry> {
    let qemu_img = tool("qemu-img")?;
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.vdi");
    let mut entries = write_disks(&Vdi::default(), &[disk.layout()], folder.path(), 2).unwrap();
    assert_eq!(entries[0].length, image.metadata().unwrap().len());
    check(&qemu_img, "vdi", path(&image));
    let info = info(&qemu_img, path(&image));
    assert_eq!(info["format"], "vdi");
    assert_eq!(info["virtual-size"], disk.size);
    assert_eq!(info["cluster-size"], 1 << 20);
    assert_converts_back(&qemu_img, "vdi", &image, disk);
    entries.pop()
}

#[test]
fn sizes_at_the_edges_of_blocks_come_back() {
    const MIB: u64 = 1 << 20;
    for size in [MIB, MIB + 512, 2 * MIB - 512, 2 * MIB, 33 * MIB + 4096] {
        trial(&Disk::mixed(size));
    }
}

#[test]
fn a_sparse_disk_past_4_gib_stores_the_blocks_with_data() {
    let parts = vec![
        (0, text(100_000)),
        ((4 << 30) - 5000, text(10_000)),
        ((5 << 30) + 512, noise(200_000, 9)),
        // The map has more than one MiB.
        ((1 << 40) - 4096, text(4096)),
    ];
    let Some(entry) = trial(&Disk { size: 1 << 40, parts }) else { return };
    // Header, map of 4 MiB, five blocks.
    assert_eq!(entry.length, (1 + 4 + 5) << 20);
}

#[test]
fn a_disk_of_zeros_is_header_and_map() {
    let Some(entry) = trial(&Disk { size: 10 << 20, parts: vec![] }) else { return };
    assert_eq!(entry.length, 2 << 20);
    // Zeros that only reading shows are holes of the file.
    let Some(entry) = trial(&Disk { size: 10 << 20, parts: vec![(0, vec![0; 10 << 20])] }) else { return };
    assert_eq!(entry.length, 12 << 20);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let disk = Disk::mixed(30 << 20).layout();
    let images = [1, 2, 8].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        write_disks(&Vdi::default(), std::slice::from_ref(&disk), folder.path(), threads).unwrap();
        std::fs::read(folder.path().join("disk.vdi")).unwrap()
    });
    assert!(images[0] == images[1] && images[0] == images[2]);
}

#[test]
fn every_disk_has_an_image_and_uuids_of_its_own() {
    let Some(qemu_img) = tool("qemu-img") else { return };
    let folder = tempfile::tempdir().unwrap();
    let disks = [Disk::mixed(3 << 20), Disk { size: 2 << 20, parts: vec![] }, Disk::mixed(5 << 20)];
    write_disks(&Vdi::default(), &disks.each_ref().map(Disk::layout), folder.path(), 2).unwrap();
    let mut uuids = Vec::new();
    for (disk, name) in disks.iter().zip(["disk.vdi", "disk-disk2.vdi", "disk-disk3.vdi"]) {
        let image = folder.path().join(name);
        check(&qemu_img, "vdi", path(&image));
        assert_converts_back(&qemu_img, "vdi", &image, disk);
        let header = std::fs::read(&image).unwrap();
        uuids.push(header[0x188..0x198].to_vec());
        uuids.push(header[0x198..0x1A8].to_vec());
    }
    // Version 5 stands in the high half of byte 7 where the first three groups are little-endian.
    assert!(uuids.iter().all(|uuid| uuid[7] >> 4 == 5 && uuid[8] >> 6 == 2));
    uuids.sort();
    uuids.dedup();
    assert_eq!(uuids.len(), 6);
}

#[test]
fn qemu_can_write_into_it_afterwards() {
    let (Some(qemu_img), Some(qemu_io)) = (tool("qemu-img"), tool("qemu-io")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.vdi");
    let mut disk = Disk::mixed(24 << 20);
    disk.size = 700 << 20;
    write_disks(&Vdi::default(), &[disk.layout()], folder.path(), 2).unwrap();
    let commands = ["write -P 0x5a 1000k 300k", "write -P 0x5a 600M 2M", "flush"];
    let mut arguments = vec!["-f", "vdi", path(&image)];
    arguments.extend(commands.iter().flat_map(|command| ["-c", command]));
    run(&qemu_io, &arguments);
    check(&qemu_img, "vdi", path(&image));
    disk.parts[0].1[1000 << 10..1300 << 10].fill(0x5a);
    disk.parts.push((600 << 20, vec![0x5a; 2 << 20]));
    assert_converts_back(&qemu_img, "vdi", &image, &disk);
}

#[test]
fn what_the_format_cannot_hold_is_refused_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |size: u64| {
        let disk = Disk { size, parts: vec![] };
        write_disks(&Vdi::default(), &[disk.layout()], folder.path(), 1).unwrap_err().kind()
    };
    assert_eq!(refusal((1 << 20) + 100), ErrorKind::Unsupported);
    assert_eq!(refusal((1 << 20) - 512), ErrorKind::Unsupported);
    assert_eq!(refusal(1 << 50), ErrorKind::LimitExceeded);
    assert_eq!(refusal(1 << 54), ErrorKind::LimitExceeded);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn compress_is_refused() {
    let options = FormatOptions::check(&INFO, true, &[]).unwrap();
    let error = (ENTRY.configure)(&options).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("compress")));
}
