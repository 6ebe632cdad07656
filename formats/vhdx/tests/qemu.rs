//! VHDX images judged by QEMU and 7-Zip.

use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::ErrorKind;
use diskwright_core::engine::OutputEntry;
use diskwright_core::format::FormatOptions;
use diskwright_format_vhdx::{ENTRY, INFO, Subformat, Vhdx, VhdxOptions};
use diskwright_oracle::{assert_converts_back, check, info, path, run, tool, write_disks};

const MIB: u64 = 1 << 20;

fn vhdx(options: VhdxOptions) -> Vhdx {
    Vhdx::new(options).unwrap()
}

fn fixed() -> VhdxOptions {
    VhdxOptions::default().with_subformat(Subformat::Fixed)
}

/// Writes `disk` and has QEMU check it, describe it and convert it back, and 7-Zip test it.
fn trial(options: VhdxOptions, disk: &Disk) -> Option<OutputEntry> {
    let qemu_img = tool("qemu-img")?;
    let seven_zip = tool("7zz")?;
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.vhdx");
    let mut entries = write_disks(&vhdx(options), &[disk.layout()], folder.path(), 2).unwrap();
    assert_eq!(entries[0].length, image.metadata().unwrap().len());
    check(&qemu_img, "vhdx", path(&image));
    let info = info(&qemu_img, path(&image));
    assert_eq!(info["format"], "vhdx");
    assert_eq!(info["virtual-size"], disk.size);
    assert_eq!(info["cluster-size"], options.block_size);
    assert_converts_back(&qemu_img, "vhdx", &image, disk);
    if disk.size < 1 << 30 {
        run(&seven_zip, &["t", "-tvhdx", path(&image)]);
    }
    entries.pop()
}

#[test]
fn sizes_at_the_edges_of_blocks_come_back() {
    for size in [3 * MIB, 3 * MIB + 4096, 4 * MIB - 4096, 4 * MIB, 33 * MIB + 4096] {
        trial(VhdxOptions::default(), &Disk::mixed(size));
        trial(VhdxOptions::default().with_block_size(2 << 20), &Disk::mixed(size));
        trial(fixed(), &Disk::mixed(size));
    }
}

/// After 4096 blocks of 1 MiB, and after 128 of 32 MiB, the table has an entry for a bitmap.
#[test]
fn a_sparse_disk_past_4_gib_stores_the_blocks_with_data() {
    let parts = vec![
        (0, text(100_000)),
        ((4 << 30) - 5000, text(10_000)),
        ((5 << 30) + 512, noise(200_000, 9)),
        // The table has more than one MiB.
        ((200 << 30) - 4096, text(4096)),
    ];
    let disk = Disk { size: 200 << 30, parts };
    let Some(entry) = trial(VhdxOptions::default(), &disk) else { return };
    // Before the table, a table of 1.6 MiB, five blocks.
    assert_eq!(entry.length, (3 + 2 + 5) << 20);
    let Some(entry) = trial(VhdxOptions::default().with_block_size(32 << 20), &disk) else { return };
    assert_eq!(entry.length, (3 + 1 + 5 * 32) << 20);
}

#[test]
fn a_disk_of_zeros_is_headers_and_tables() {
    let Some(entry) = trial(VhdxOptions::default(), &Disk { size: 10 << 20, parts: vec![] }) else { return };
    assert_eq!(entry.length, 4 << 20);
    let Some(entry) = trial(fixed(), &Disk { size: 10 << 20, parts: vec![] }) else { return };
    assert_eq!(entry.length, 14 << 20);
}

#[test]
fn every_disk_has_identifiers_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let disks = [Disk::mixed(3 << 20), Disk { size: 4 << 20, parts: vec![] }];
    write_disks(&vhdx(fixed()), &disks.each_ref().map(Disk::layout), folder.path(), 2).unwrap();
    let mut ids = Vec::new();
    for name in ["disk.vhdx", "disk-disk2.vhdx"] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        let (first, second) = (64 << 10, 128 << 10);
        // The second header counts, and differs by its number and checksum alone.
        assert_eq!((bytes[first + 8], bytes[second + 8]), (1, 2));
        assert_eq!(bytes[first + 16..first + 4096], bytes[second + 16..second + 4096]);
        ids.push(bytes[second + 16..second + 32].to_vec());
        ids.push(bytes[second + 32..second + 48].to_vec());
        ids.push(bytes[(2 << 20) + 65_552..(2 << 20) + 65_568].to_vec());
    }
    // Version 5 stands in the high half of byte 7 where the first three groups are little-endian.
    assert!(ids.iter().all(|id| id[7] >> 4 == 5 && id[8] >> 6 == 2));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[test]
fn qemu_can_write_into_it_afterwards() {
    let (Some(qemu_img), Some(qemu_io)) = (tool("qemu-img"), tool("qemu-io")) else { return };
    let large = VhdxOptions::default().with_block_size(32 << 20);
    for options in [VhdxOptions::default(), large, fixed()] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk.vhdx");
        let mut disk = Disk::mixed(24 << 20);
        disk.size = 700 << 20;
        write_disks(&vhdx(options), &[disk.layout()], folder.path(), 2).unwrap();
        // A second time, for the log of the first must have been left clean.
        for command in ["write -P 0x5a 1000k 300k", "write -P 0x5a 600M 2M"] {
            run(&qemu_io, &["-f", "vhdx", path(&image), "-c", command, "-c", "flush"]);
            check(&qemu_img, "vhdx", path(&image));
        }
        disk.parts[0].1[1000 << 10..1300 << 10].fill(0x5a);
        disk.parts.push((600 << 20, vec![0x5a; 2 << 20]));
        assert_converts_back(&qemu_img, "vhdx", &image, &disk);
    }
}

#[test]
fn unpacked_the_compressed_image_is_the_plain_one() {
    let Some(gzip) = tool("gzip") else { return };
    for options in [VhdxOptions::default(), fixed()] {
        let mut disk = Disk::mixed(9 << 20);
        disk.size = 35 << 20;
        let folder = tempfile::tempdir().unwrap();
        for options in [options, options.with_gzip(Some(3))] {
            write_disks(&vhdx(options), &[disk.layout()], folder.path(), 2).unwrap();
        }
        let packed = folder.path().join("disk.vhdx.gz");
        let unpacked = std::process::Command::new(&gzip).arg("-dc").arg(&packed).output().unwrap();
        assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
        assert!(unpacked.stdout == std::fs::read(folder.path().join("disk.vhdx")).unwrap(), "{options:?}");
    }
}

#[test]
fn what_the_format_cannot_hold_is_refused_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |size: u64| {
        let disk = Disk { size, parts: vec![] };
        let format = vhdx(VhdxOptions::default());
        write_disks(&format, &[disk.layout()], folder.path(), 1).unwrap_err().kind()
    };
    assert_eq!(refusal((3 << 20) + 512), ErrorKind::Unsupported);
    assert_eq!(refusal((3 << 20) - 4096), ErrorKind::Unsupported);
    assert_eq!(refusal((64 << 40) + 4096), ErrorKind::LimitExceeded);
    assert_eq!(refusal(1 << 54), ErrorKind::LimitExceeded);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn options_are_checked_by_name() {
    let given = |compress: bool, key: &str, value: &str| {
        let options = FormatOptions::check(&INFO, compress, &[(key.to_owned(), value.to_owned())])?;
        (ENTRY.configure)(&options).map(drop)
    };
    given(true, "level", "12").unwrap();
    given(false, "block-size", "256M").unwrap();
    for (compress, key, value) in [
        (false, "level", "3"),
        (true, "level", "13"),
        (false, "block-size", "512K"),
        (false, "block-size", "3M"),
    ] {
        let error = given(compress, key, value).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some(&*format!("vhdx.{key}"))));
    }
    let options = VhdxOptions::default().with_block_size(3 << 20);
    assert_eq!(Vhdx::new(options).unwrap_err().field(), Some("vhdx.block-size"));
}
