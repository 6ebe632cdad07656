//! VHD images judged by QEMU, and by the rules of Azure.

use std::path::Path;

use diskwright_conformance::corpus::{Disk, noise, text};
use diskwright_core::engine::OutputEntry;
use diskwright_core::format::FormatOptions;
use diskwright_core::{ErrorKind, Timestamp};
use diskwright_format_vhd::{ENTRY, INFO, Subformat, Vhd, VhdOptions};
use diskwright_oracle::{assert_converts_back, machine, path, run, tool, write, write_disks};

const MIB: u64 = 1 << 20;

fn fixed() -> Vhd {
    Vhd::new(VhdOptions::default().with_subformat(Subformat::Fixed))
}

/// Writes `disk` and has QEMU describe it and convert it back.
fn trial(format: &Vhd, disk: &Disk, judge: impl FnOnce(&Path)) -> Option<OutputEntry> {
    let qemu_img = tool("qemu-img")?;
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.vhd");
    let mut entries = write_disks(format, &[disk.layout()], folder.path(), 2).unwrap();
    assert_eq!(entries[0].length, image.metadata().unwrap().len());
    let info = run(&qemu_img, &["info", "-f", "vpc", "--output=json", path(&image)]);
    assert!(info.contains(&format!("\"virtual-size\": {},", disk.size)), "{info}");
    assert_converts_back(&qemu_img, "vpc", &image, disk);
    judge(&image);
    entries.pop()
}

#[test]
fn sizes_at_the_edges_of_blocks_come_back() {
    for size in [MIB, 2 * MIB, 3 * MIB, 33 * MIB] {
        trial(&Vhd::default(), &Disk::mixed(size), |_| {});
    }
}

/// None of these sizes has a geometry that holds all of it.
#[test]
fn the_size_is_exact_where_the_geometry_is_not() {
    for size in [64 * MIB, 1 << 30, 10 << 30, 127 << 30] {
        let disk = Disk { size, parts: vec![(0, text(5000)), (size - 5000, noise(5000, 3))] };
        trial(&Vhd::default(), &disk, |_| {});
        trial(&fixed(), &disk, |_| {});
    }
}

#[test]
fn a_sparse_disk_past_4_gib_stores_the_blocks_with_data() {
    let parts = vec![
        (0, text(100_000)),
        ((4 << 30) - 5000, text(10_000)),
        ((5 << 30) + 512, noise(200_000, 9)),
        // The table has more than one MiB.
        ((1 << 40) - 4096, text(4096)),
    ];
    let disk = Disk { size: 1 << 40, parts };
    let Some(entry) = trial(&Vhd::default(), &disk, |image| {
        let bytes = std::fs::read(image).unwrap();
        assert_eq!(bytes[..512], bytes[bytes.len() - 512..]);
        for entry in bytes[1536..1536 + (4 << 19)].chunks(4).filter(|entry| *entry != [0xFF; 4]) {
            let bitmap = 512 * usize::try_from(u32::from_be_bytes(entry.try_into().unwrap())).unwrap();
            assert_eq!((bitmap + 512) % 4096, 0);
            assert_eq!(bytes[bitmap..bitmap + 512], [0xFF; 512]);
        }
    }) else {
        return;
    };
    // Tables, five blocks with their bitmaps, the first and the others up to pages; the footer.
    assert_eq!(
        entry.length,
        (1536 + (4_u64 << 19) + 512).next_multiple_of(4096) + 5 * (2 << 20) + 4 * 4096 + 512
    );
}

#[test]
fn a_disk_of_zeros_is_tables_and_footer() {
    let disk = Disk { size: 10 * MIB, parts: vec![] };
    let Some(entry) = trial(&Vhd::default(), &disk, |_| {}) else { return };
    // The table has one sector; the footer stands where a first block would begin its page.
    assert_eq!(entry.length, 3584 + 512);
}

/// Azure: a fixed disk of whole MiB, and nothing but the footer behind it.
#[test]
fn a_fixed_image_is_what_azure_asks_for() {
    let disk = Disk::mixed(33 * MIB);
    trial(&fixed(), &disk, |image| {
        let bytes = std::fs::read(image).unwrap();
        assert_eq!(bytes.len() as u64, disk.size + 512);
        assert!(bytes[..33 << 20] == disk.bytes(0, disk.size));
        let footer = &bytes[33 << 20..];
        assert_eq!(footer[..8], *b"conectix");
        assert_eq!(footer[16..24], [0xFF; 8]);
        assert_eq!(footer[48..56], disk.size.to_be_bytes());
        assert_eq!(footer[60..64], [0, 0, 0, 2]);
    });
}

#[test]
fn unpacked_the_compressed_image_is_the_plain_one() {
    let Some(gzip) = tool("gzip") else { return };
    for subformat in [Subformat::Dynamic, Subformat::Fixed] {
        let options = VhdOptions::default().with_subformat(subformat);
        let mut disk = Disk::mixed(9 * MIB);
        disk.size = 35 * MIB;
        let folder = tempfile::tempdir().unwrap();
        for options in [options, options.with_gzip(Some(3))] {
            write_disks(&Vhd::new(options), &[disk.layout()], folder.path(), 2).unwrap();
        }
        let (plain, packed) = (folder.path().join("disk.vhd"), folder.path().join("disk.vhd.gz"));
        let unpacked = std::process::Command::new(&gzip).arg("-dc").arg(&packed).output().unwrap();
        assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
        assert!(unpacked.stdout == std::fs::read(&plain).unwrap(), "{subformat:?}");
    }
}

#[test]
fn qemu_can_write_into_it_afterwards() {
    let (Some(qemu_img), Some(qemu_io)) = (tool("qemu-img"), tool("qemu-io")) else { return };
    for format in [Vhd::default(), fixed()] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk.vhd");
        let mut disk = Disk::mixed(24 * MIB);
        disk.size = 700 * MIB;
        write_disks(&format, &[disk.layout()], folder.path(), 2).unwrap();
        let commands = ["write -P 0x5a 1000k 300k", "write -P 0x5a 600M 2M", "flush"];
        let mut arguments = vec!["-f", "vpc", path(&image)];
        arguments.extend(commands.iter().flat_map(|command| ["-c", command]));
        run(&qemu_io, &arguments);
        disk.parts[0].1[1000 << 10..1300 << 10].fill(0x5a);
        disk.parts.push((600 * MIB, vec![0x5a; 2 << 20]));
        assert_converts_back(&qemu_img, "vpc", &image, &disk);
    }
}

#[test]
fn the_time_is_counted_from_2000() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = machine("disk");
    machine.timestamp = Timestamp::from_seconds(946_684_800 + 0x0102_0304);
    let disk = Disk { size: MIB, parts: vec![] };
    write(&fixed(), &machine, &[disk.layout()], folder.path(), 1).unwrap();
    let bytes = std::fs::read(folder.path().join("disk.vhd")).unwrap();
    assert_eq!(bytes[(1 << 20) + 24..(1 << 20) + 28], [1, 2, 3, 4]);
}

#[test]
fn what_the_format_cannot_hold_is_refused_by_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |format: Vhd, size: u64| {
        let disk = Disk { size, parts: vec![] };
        write_disks(&format, &[disk.layout()], folder.path(), 1).unwrap_err().kind()
    };
    assert_eq!(refusal(Vhd::default(), MIB + 512), ErrorKind::Unsupported);
    assert_eq!(refusal(fixed(), MIB + 512), ErrorKind::Unsupported);
    assert_eq!(refusal(Vhd::default(), (2040 << 30) + MIB), ErrorKind::LimitExceeded);
    assert_eq!(refusal(fixed(), 1 << 54), ErrorKind::LimitExceeded);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_level_without_compress_is_refused() {
    let options = FormatOptions::check(&INFO, false, &[("level".to_owned(), "3".to_owned())]).unwrap();
    let error = (ENTRY.configure)(&options).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidOption, Some("vhd.level")));
}
