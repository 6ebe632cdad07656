use super::physical::{crc, header};
use super::*;
use crate::Seed;

fn group() -> VolumeGroup {
    let seed = Seed::from_text("lvm");
    let id = |label: &str| LvmId::of(&seed, label);
    let segments = allocate(&[10, 20], &[4, 18, 7]).unwrap();
    let logical = segments
        .into_iter()
        .zip(["root", "home", "log"])
        .map(|(segments, name)| LogicalVolume { name: name.into(), id: id(name), segments })
        .collect();
    VolumeGroup {
        name: "vg-0".into(),
        id: id("group"),
        extent_size: DEFAULT_EXTENT,
        created: 1_700_000_000,
        // A MiB of metadata, 10 and 20 extents of 4 MiB, and a sector that is in none.
        physical: [(41 << 20) | 512, (81 << 20) | 512]
            .map(|size| PhysicalVolume { id: id("pv"), size })
            .to_vec(),
        logical,
    }
}

#[test]
fn the_checksum_is_that_of_lvm() {
    // Of nothing it is where it starts; a byte is a step of CRC-32 without inversions.
    assert_eq!(crc(b""), 0xf597_a6cf);
    let step = |crc: u32| (0..8).fold(crc, |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)));
    assert_eq!(crc(b"a"), step(0xf597_a6cf ^ u32::from(b'a')));
}

#[test]
fn identifiers_are_of_letters_and_digits_in_seven_groups() {
    let id = LvmId::of(&Seed::from_text("a"), "x").to_string();
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [6, 4, 4, 4, 4, 4, 6]);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    assert_ne!(LvmId::of(&Seed::from_text("a"), "y").to_string(), id);
    assert_ne!(LvmId::of(&Seed::from_text("b"), "x").to_string(), id);
}

#[test]
fn volumes_stand_whole_where_there_is_room_and_in_pieces_elsewhere() {
    let segment = |physical, first, extents| Segment { physical, first, extents };
    assert_eq!(
        allocate(&[10, 20], &[4, 18, 7]).unwrap(),
        [vec![segment(0, 0, 4)], vec![segment(1, 0, 18)], vec![segment(0, 4, 6), segment(1, 18, 1)]]
    );
    assert_eq!(allocate(&[10], &[11]).unwrap_err().kind(), ErrorKind::DoesNotFit);
    assert_eq!(allocate(&[10], &[0]).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn the_header_has_label_area_and_text_at_their_places() {
    let group = group();
    let bytes = group.header_of(0).unwrap();
    assert_eq!(bytes.len() % 512, 0);
    assert_eq!(&bytes[512..520], b"LABELONE");
    assert_eq!(&bytes[536..544], b"LVM2 001");
    assert_eq!(&bytes[544..576], group.physical[0].id.bytes());
    assert_eq!(bytes[528..532], crc(&bytes[532..1024]).to_le_bytes());
    assert_eq!(&bytes[4100..4116], b" LVM2 x[5A%r0N*>");
    assert_eq!(bytes[4096..4100], crc(&bytes[4100..4608]).to_le_bytes());
    let len = usize::try_from(u64::from_le_bytes(bytes[4144..4152].try_into().unwrap())).unwrap();
    assert_eq!(bytes[4152..4156], crc(&bytes[4608..4608 + len]).to_le_bytes());
    let text = std::str::from_utf8(&bytes[4608..4608 + len - 1]).unwrap();
    assert!(text.starts_with("vg-0 {\n\tid = \""), "{text}");
    for part in ["pe_count = 10\n", "pe_count = 20\n", "\"pv1\", 18\n", "segment_count = 2\n"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // Sectors: an extent of 4 MiB, 41 MiB and one sector, a MiB before the first extent.
    for part in ["extent_size = 8192\n", "dev_size = 83969\n", "pe_start = 2048\n"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(bytes[4608 + len - 1], 0);
    assert_eq!(group.header_of(2).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn metadata_that_leaves_no_room_for_the_next_is_refused() {
    let mut group = group();
    let volume = group.logical[0].clone();
    group.logical = vec![volume; 2000];
    assert_eq!(group.header_of(0).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn device_paths_of_logical_volumes_are_told_from_others() {
    let name = |path: &str| LogicalVolumeName::of_device(path).map(|name| name.to_string());
    assert_eq!(name("/dev/mapper/rhel-root").as_deref(), Some("rhel/root"));
    assert_eq!(name("/dev/mapper/ubuntu--vg-ubuntu--lv").as_deref(), Some("ubuntu-vg/ubuntu-lv"));
    assert_eq!(name("/dev/debian-vg/swap_1").as_deref(), Some("debian-vg/swap_1"));
    for other in [
        "/dev/sda1",
        "/dev/mapper/cryptroot",
        "/dev/mapper/luks-1-2",
        "/dev/mapper/mpatha-part1",
        "/dev/mapper/3600508b400105e210000900000490000-part2",
        "/dev/etherd/e1.1",
        "/dev/mapper/-a",
        "/dev/mapper/a-",
        "/dev/disk/by-uuid/x",
        "/dev/md/0",
        "/dev/vg/a/b",
        "/dev/vg/é",
        "/dev/vg/snapshot1",
        "UUID=x",
    ] {
        assert_eq!(name(other), None, "{other}");
    }
    let odd = LogicalVolumeName::new("a-b", "c--d");
    assert_eq!(odd.mapper_path(), "/dev/mapper/a--b-c----d");
    assert_eq!(LogicalVolumeName::of_device(&odd.mapper_path()), Some(odd));
}

#[test]
fn names_that_lvm_refuses_are_refused() {
    for name in ["", "-a", ".", "..", "a/b", "a b", "mapper", "disk"] {
        assert!(check_volume_name(name).is_err(), "{name}");
    }
    for name in ["snapshot", "pvmove0", "a_tmeta", "x_mlog"] {
        assert!(check_logical_volume_name(name).is_err(), "{name}");
        assert!(check_volume_name(name).is_ok(), "{name}");
    }
    assert!(check_volume_name(&"a".repeat(127)).is_ok());
    assert!(check_volume_name(&"a".repeat(128)).is_err());
}

#[test]
fn metadata_may_fill_half_of_their_room_and_no_more() {
    let physical = group().physical[0];
    // From byte 4096 to the data, less a sector for the area's header.
    let half = usize::try_from((DATA_START - 4096 - 512) / 2).unwrap();
    assert!(header(&physical, &vec![b'm'; half]).is_ok());
    assert_eq!(header(&physical, &vec![b'm'; half + 1]).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn mapped_names_have_one_single_hyphen() {
    let name = |path: &str| LogicalVolumeName::of_device(path).map(|name| name.to_string());
    for (mapped, expected) in [
        ("vg-part", Some("vg/part")),
        ("vg-part1a", Some("vg/part1a")),
        ("vg-part1", None),
        ("a---b", Some("a-/b")),
        ("a--b", None),
        ("a-b-c", None),
        ("a-b--", Some("a/b-")),
        ("disk-a", None),
        ("vg-pvmove0", None),
    ] {
        assert_eq!(name(&format!("/dev/mapper/{mapped}")).as_deref(), expected, "{mapped}");
    }
}

#[test]
fn the_device_mapper_takes_127_bytes_with_hyphens_doubled() {
    let fits =
        |group: &str, volume: usize| LogicalVolumeName::new(group, "v".repeat(volume)).fits_device_mapper();
    assert!(fits("g", 125) && !fits("g", 126));
    assert!(fits("a-b", 122) && !fits("a-b", 123));
}
