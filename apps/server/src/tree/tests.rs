use std::io::Write;

use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar");

fn read(path: &Path, change: impl FnOnce(&mut TreeOrder), reading: &Reading) -> Result<ReadScan> {
    let room = tempfile::tempdir().unwrap();
    let mut order = TreeOrder {
        path: path.to_owned(),
        spool: room.path().to_owned(),
        machine: None,
        limits: Limits::default(),
        boot: BootPolicy::Required,
    };
    change(&mut order);
    read_tree(&Engine::new(), &diskwright::builtin_registry().unwrap(), &order, reading)
}

fn fixture(change: impl FnOnce(&mut TreeOrder)) -> Result<ReadScan> {
    read(Path::new(FIXTURE), change, &Reading::default())
}

/// gzip of `bytes`, in stored blocks.
fn packed(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(&mut file, flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
    file
}

#[test]
fn a_tree_tells_its_system_and_the_disk_that_would_be_made() {
    let reading = Reading::default();
    let read = read(Path::new(FIXTURE), |_| {}, &reading).unwrap();
    // It has neither loader nor kernel.
    assert!(read.message.starts_with("Complete; the disk boots under no firmware: "), "{}", read.message);
    let facts: Facts = serde_json::from_str(&read.facts).unwrap();
    assert_eq!(facts.obstacles.len(), 2, "{:?}", facts.obstacles);
    assert!(read.entries > 10 && read.content_bytes > 0, "{read:?}");
    assert!(!read.distribution[0].is_empty(), "{:?}", read.distribution);
    let profile = diskwright::profile::Profile::from_json(read.profile.as_bytes()).unwrap();
    let partitions = profile.partitions.unwrap();
    assert!(partitions.iter().any(|partition| partition.mount_point.as_deref() == Some("/")));
    assert!(profile.disk_size.unwrap().bytes() > read.content_bytes);
    assert!(reading.percentage() > 90, "{}", reading.percentage());
}

#[test]
fn a_given_machine_report_fills_the_profile() {
    let json =
        br#"{"memory_bytes": 3221225472, "nics": [{"name": "eth0"}], "cmdline": "ro root=/dev/sda1 quiet"}"#;
    let read = fixture(|order| order.machine = Some(MachineReport::from_json(json).unwrap())).unwrap();
    let facts: Facts = serde_json::from_str(&read.facts).unwrap();
    let profile = diskwright::profile::Profile::from_json(read.profile.as_bytes()).unwrap();
    let document = facts.document(&profile);
    assert_eq!(document.memory_size, Some(3072));
    assert_eq!(document.kernel_parameters.as_deref(), Some("quiet"));
    assert_eq!(document.nics.unwrap().len(), 1);
    assert!(document.disk_size.is_some() && document.swap_size.is_some());
}

#[test]
fn a_machine_report_that_cannot_be_followed_is_left_out_and_told() {
    let json = br#"{"disks": [{"name": "sda", "size": 1048576}]}"#;
    let read = fixture(|order| order.machine = Some(MachineReport::from_json(json).unwrap())).unwrap();
    assert!(read.message.starts_with("Complete, without the machine report: "), "{}", read.message);
}

#[test]
fn more_entries_or_bytes_than_allowed_are_refused() {
    for change in
        [(|limits: &mut Limits| limits.entries = 3) as fn(&mut Limits), |limits| limits.unpacked = 4096]
    {
        let error = fixture(|order| change(&mut order.limits)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    }
}

#[test]
fn a_bomb_is_refused_by_what_its_header_says() {
    // One member of 2 GiB of zeros, of which not one is there.
    let mut header = tar::Header::new_ustar();
    header.set_path("zeros").unwrap();
    header.set_size(2 << 30);
    header.set_cksum();
    let file = packed(header.as_bytes());
    let error = read(file.path(), |_| {}, &Reading::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    assert!(error.to_string().contains("unpacks to more than 1073741824 bytes"), "{error}");
}

#[test]
fn a_cancelled_reading_says_so_whatever_it_stumbled_over() {
    let reading = Reading::default();
    reading.cancel();
    let error = read(Path::new(FIXTURE), |_| {}, &reading).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_packed_archive_is_read_and_a_cut_one_refused() {
    let bytes = std::fs::read(FIXTURE).unwrap();
    let whole = packed(&bytes);
    let plain = fixture(|_| {}).unwrap();
    let read_packed = read(whole.path(), |_| {}, &Reading::default()).unwrap();
    assert_eq!((read_packed.entries, read_packed.content_bytes), (plain.entries, plain.content_bytes));
    let cut = packed(&bytes[..bytes.len() / 2]);
    let error = read(cut.path(), |_| {}, &Reading::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
}
