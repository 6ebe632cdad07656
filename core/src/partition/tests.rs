use super::*;
use crate::ErrorKind;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const DISK: Uuid = uuid::uuid!("00112233-4455-6677-8899-aabbccddeeff");
const BYTES_512: SectorSize = SectorSize::Bytes512;

fn entry(number: u32, start: u64, size: u64) -> PartitionEntry {
    PartitionEntry::new(number, start, size, PartitionKind::LinuxFilesystem)
}

fn gpt_entry(number: u32, start: u64, size: u64) -> PartitionEntry {
    PartitionEntry { guid: Some(Uuid::from_u128(u128::from(number))), ..entry(number, start, size) }
}

fn gpt(entries: &[PartitionEntry]) -> Result<PartitionTable> {
    PartitionTable::gpt(GIB, BYTES_512, DISK, &[], entries)
}

fn mbr(entries: &[PartitionEntry]) -> Result<PartitionTable> {
    PartitionTable::mbr(GIB, BYTES_512, 1, &[], entries)
}

#[test]
fn a_gpt_stands_where_the_specification_has_it() {
    for (sector_size, array) in [(BYTES_512, 32), (SectorSize::Bytes4096, 4)] {
        let sector = sector_size.bytes();
        let table = PartitionTable::gpt(GIB, sector_size, DISK, &[], &[gpt_entry(2, MIB, MIB)]).unwrap();
        let [head, tail] = table.regions() else { panic!("a head and a tail") };
        assert_eq!((head.offset, head.bytes.len() as u64), (0, (2 + array) * sector));
        assert_eq!(
            (tail.offset, tail.bytes.len() as u64),
            (GIB - (1 + array) * sector, (1 + array) * sector)
        );
        // Record 1 of the protective MBR covers the disk.
        assert_eq!(head.bytes[446..458], [0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
        assert_eq!(head.bytes[458..462], ((GIB / sector) as u32 - 1).to_le_bytes());
        assert_eq!(head.bytes[510..512], [0x55, 0xaa]);

        let header = &head.bytes[sector as usize..];
        assert_eq!(&header[..16], b"EFI PART\0\0\x01\0\x5c\0\0\0");
        let last = GIB / sector - 1;
        for (at, value) in [(24, 1), (32, last), (40, 2 + array), (48, last - 1 - array), (72, 2)] {
            assert_eq!(header[at..at + 8], u64::to_le_bytes(value), "byte {at}");
        }
        let mixed =
            [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        assert_eq!(header[56..72], mixed);
        let backup = &tail.bytes[(array * sector) as usize..];
        for (at, value) in [(24, last), (32, 1), (72, last - array)] {
            assert_eq!(backup[at..at + 8], u64::to_le_bytes(value), "byte {at} of the backup");
        }
        // Entry 2 is the second of the array, in both copies; its last sector is inclusive.
        let entry = &head.bytes[2 * sector as usize + 128..][..128];
        assert_eq!(entry, &tail.bytes[128..256]);
        assert_eq!(entry[32..40], (MIB / sector).to_le_bytes());
        assert_eq!(entry[40..48], (2 * MIB / sector - 1).to_le_bytes());
        assert!(head.bytes[2 * sector as usize..][..128].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_logical_partition_is_described_by_a_record_before_it() {
    let entries = [
        PartitionEntry::new(1, MIB, 9 * MIB, PartitionKind::Extended),
        entry(5, 2 * MIB, 3 * MIB),
        entry(6, 6 * MIB, 4 * MIB),
    ];
    let table = mbr(&entries).unwrap();
    let offsets: Vec<u64> = table.regions().iter().map(|region| region.offset).collect();
    assert_eq!(offsets, [0, MIB, 5 * MIB]);
    let record = |region: usize, at: usize| {
        let bytes = &table.regions()[region].bytes[446 + at * 16..][..16];
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        (bytes[4], number(8), number(12))
    };
    assert_eq!(record(0, 0), (0x05, 2048, 9 * 2048));
    assert_eq!(record(1, 0), (0x83, 2048, 3 * 2048));
    // The next record, counted from the extended partition, up to the end of its partition.
    assert_eq!(record(1, 1), (0x05, 4 * 2048, 5 * 2048));
    assert_eq!(record(2, 0), (0x83, 2048, 4 * 2048));
    assert_eq!(record(2, 1), (0, 0, 0));
}

#[test]
fn an_extended_partition_with_nothing_in_it_has_an_empty_record() {
    let table = mbr(&[PartitionEntry::new(2, MIB, 9 * MIB, PartitionKind::Extended)]).unwrap();
    let [_, record] = table.regions() else { panic!("a table and a record") };
    assert_eq!((record.offset, &record.bytes[510..]), (MIB, &[0x55, 0xaa][..]));
    assert!(record.bytes[..510].iter().all(|byte| *byte == 0));
}

fn assert_refused(result: Result<PartitionTable>, kind: ErrorKind, text: &str) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains(text), "{error} does not say {text:?}");
    assert_eq!(error.kind(), kind, "{error}");
}

#[test]
fn both_tables_refuse_partitions_that_cannot_be() {
    use ErrorKind::{DoesNotFit, InvalidProfile};
    type Places<'a> = &'a [(u32, u64, u64)];
    let cases: [(Places<'_>, ErrorKind, &str); 8] = [
        (&[(1, MIB, 2 * MIB), (2, 2 * MIB, MIB)], InvalidProfile, "partition 2: overlaps partition 1"),
        (&[(1, MIB, MIB), (1, 2 * MIB, MIB)], InvalidProfile, "partition 1: the number is given twice"),
        (&[(1, MIB + 1, MIB)], InvalidProfile, "not whole sectors"),
        (&[(1, MIB, MIB + 100)], InvalidProfile, "not whole sectors"),
        (&[(1, MIB, 0)], InvalidProfile, "not whole sectors"),
        (&[(1, 0, MIB)], DoesNotFit, "usable bytes"),
        (&[(1, MIB, GIB)], DoesNotFit, "usable bytes"),
        (&[(1, 1 << 63, 1 << 63)], DoesNotFit, "usable bytes"),
    ];
    for (entries, kind, text) in cases {
        let list = |make: fn(u32, u64, u64) -> PartitionEntry| -> Vec<PartitionEntry> {
            entries.iter().map(|(number, start, size)| make(*number, *start, *size)).collect()
        };
        assert_refused(mbr(&list(entry)), kind, text);
        let mut entries = list(gpt_entry);
        for (entry, guid) in entries.iter_mut().zip(1..) {
            entry.guid = Some(Uuid::from_u128(guid));
        }
        assert_refused(gpt(&entries), kind, text);
    }
}

#[test]
fn a_gpt_refuses_what_it_cannot_say() {
    use ErrorKind::{DoesNotFit, Internal, InvalidProfile, Unsupported};
    let good = gpt_entry(1, MIB, MIB);
    let with = |change: fn(&mut PartitionEntry)| {
        let mut entry = good.clone();
        change(&mut entry);
        gpt(&[entry])
    };
    assert_refused(with(|entry| entry.number = 0), InvalidProfile, "from 1 to 128");
    assert_refused(with(|entry| entry.number = 129), InvalidProfile, "from 1 to 128");
    assert_refused(with(|entry| entry.guid = None), InvalidProfile, "needs a GUID");
    assert_refused(with(|entry| entry.guid = Some(Uuid::nil())), InvalidProfile, "needs a GUID");
    assert_refused(with(|entry| entry.guid = Some(DISK)), InvalidProfile, "that of the disk");
    assert_refused(with(|entry| entry.active = true), InvalidProfile, "active");
    assert_refused(with(|entry| entry.attributes = 8), InvalidProfile, "reserved bits");
    assert_refused(with(|entry| entry.name = "é".repeat(37)), InvalidProfile, "36 UTF-16 units");
    assert_refused(with(|entry| entry.kind = PartitionKind::Extended), InvalidProfile, "no partition type");
    assert_refused(
        with(|entry| entry.kind = PartitionKind::MbrType(0x83)),
        InvalidProfile,
        "no partition type",
    );
    // The last usable byte belongs to the sector before the backup.
    assert!(gpt(&[gpt_entry(1, MIB, GIB - MIB - 33 * 512)]).is_ok());
    assert_refused(gpt(&[gpt_entry(1, MIB, GIB - MIB - 32 * 512)]), DoesNotFit, "usable bytes");
    assert!(gpt(&[gpt_entry(1, 34 * 512, 512)]).is_ok());
    assert_refused(gpt(&[gpt_entry(1, 33 * 512, 512)]), DoesNotFit, "usable bytes");
    assert_refused(
        PartitionTable::gpt(GIB, BYTES_512, Uuid::nil(), &[], &[]),
        InvalidProfile,
        "needs a GUID",
    );
    assert_refused(PartitionTable::gpt(66 * 512, BYTES_512, DISK, &[], &[]), DoesNotFit, "no room");
    assert!(PartitionTable::gpt(68 * 512, BYTES_512, DISK, &[], &[]).is_ok());
    assert_refused(PartitionTable::gpt(GIB + 1, BYTES_512, DISK, &[], &[]), InvalidProfile, "whole number");
    assert_refused(PartitionTable::gpt(GIB, BYTES_512, DISK, &[0; 441], &[]), Internal, "room for 440");
    let large = PartitionTable::gpt(GIB, SectorSize::Bytes4096, DISK, &[1], &[]);
    assert_refused(large, Unsupported, "512-byte sectors only");
}

#[test]
fn an_mbr_refuses_what_it_cannot_say() {
    use ErrorKind::{DoesNotFit, InvalidProfile};
    let extended = |number, start, size| PartitionEntry::new(number, start, size, PartitionKind::Extended);
    let active = |entry: PartitionEntry| PartitionEntry { active: true, ..entry };
    let refused = |entries: &[PartitionEntry], text| assert_refused(mbr(entries), InvalidProfile, text);
    refused(&[entry(5, MIB, MIB)], "needs an extended one");
    refused(&[entry(61, MIB, MIB)], "from 1 to 60");
    refused(&[gpt_entry(1, MIB, MIB)], "no GUIDs");
    refused(&[PartitionEntry { name: "x".into(), ..entry(1, MIB, MIB) }], "no GUIDs");
    refused(&[PartitionEntry { attributes: 4, ..entry(1, MIB, MIB) }], "no GUIDs");
    refused(&[PartitionEntry::new(1, MIB, MIB, PartitionKind::BiosBoot)], "no partition type");
    refused(&[PartitionEntry::new(1, MIB, MIB, PartitionKind::MbrType(0xee))], "no partition type");
    refused(&[active(entry(1, MIB, MIB)), active(entry(2, 2 * MIB, MIB))], "partition 1 is active already");
    refused(&[active(extended(1, MIB, MIB))], "only a primary partition");
    refused(&[extended(1, MIB, MIB), extended(2, 2 * MIB, MIB)], "at most one extended");
    refused(&[extended(5, MIB, MIB)], "a number from 1 to 4");
    refused(&[extended(1, MIB, 4 * MIB), entry(6, 2 * MIB, MIB)], "has number 5");
    // No room for the record in front, outside the container, no room between two.
    refused(&[extended(1, MIB, 4 * MIB), entry(5, MIB, MIB)], "do not fit");
    refused(&[extended(1, MIB, 4 * MIB), entry(5, 2 * MIB, 4 * MIB)], "do not fit");
    refused(&[extended(1, MIB, 9 * MIB), entry(5, 2 * MIB, MIB), entry(6, 3 * MIB, MIB)], "do not fit");
    assert_refused(PartitionTable::mbr(GIB, BYTES_512, 0, &[], &[]), InvalidProfile, "not zero");
    assert_refused(PartitionTable::mbr((2 << 40) + MIB, BYTES_512, 1, &[], &[]), DoesNotFit, "2199023255552");
    assert!(PartitionTable::mbr(2 << 40, BYTES_512, 1, &[], &[entry(1, MIB, (2 << 40) - MIB)]).is_ok());
    assert!(PartitionTable::mbr(16 << 40, SectorSize::Bytes4096, 1, &[], &[]).is_ok());
}

#[test]
fn all_problems_of_a_table_are_told_at_once() {
    let error = mbr(&[entry(1, 100, MIB), entry(5, 2 * MIB, MIB), gpt_entry(2, 4 * MIB, MIB)]).unwrap_err();
    assert_eq!(error.also().len(), 3, "{error}");
}

fn request(number: Option<u32>, mib: u64, growth: Growth) -> SizeRequest {
    SizeRequest { number, size: mib * MIB, growth }
}

/// Number, start and size in MiB of all partitions, the extended one last.
fn arranged(table: TableKind, disk_mib: u64, requests: &[SizeRequest]) -> Vec<(u32, u64, u64)> {
    let arrangement = arrange(table, BYTES_512, disk_mib * MIB, requests).unwrap();
    let all = arrangement.partitions.iter().chain(&arrangement.extended);
    all.map(|at| (at.number, at.start / MIB, at.size / MIB)).collect()
}

#[test]
fn partitions_stand_one_after_the_other_and_the_growing_share_what_is_left() {
    use Growth::{Fixed, Grow};
    let requests = [
        request(None, 1, Fixed),
        request(None, 512, Grow),
        request(None, 100, Fixed),
        request(None, 0, Grow),
    ];
    // 1 for the head, 613 asked for, 1 for the tail: 409 are left.
    assert_eq!(
        arranged(TableKind::Gpt, 1024, &requests),
        [(1, 1, 1), (2, 2, 717), (3, 719, 100), (4, 819, 204)]
    );
    // An MBR has nothing at the end of the disk.
    assert_eq!(arranged(TableKind::Mbr, 1024, &requests)[3], (4, 819, 205));
}

#[test]
fn sizes_are_exact_and_starts_are_aligned() {
    let requests = [
        SizeRequest { number: None, size: MIB + 512, growth: Growth::Fixed },
        request(None, 1, Growth::Fixed),
    ];
    let arrangement = arrange(TableKind::Gpt, BYTES_512, 8 * MIB, &requests).unwrap();
    assert_eq!(arrangement.partitions[0].size, MIB + 512);
    assert_eq!(arrangement.partitions[1].start, 3 * MIB);
    assert_eq!(minimum_disk_size(TableKind::Gpt, BYTES_512, &requests).unwrap(), 5 * MIB);
    let odd = arrange(TableKind::Gpt, SectorSize::Bytes4096, 8 * MIB, &requests).unwrap_err();
    assert_eq!((odd.kind(), odd.field()), (ErrorKind::InvalidProfile, Some("partition 1")));
}

#[test]
fn more_than_four_mbr_partitions_get_an_extended_one() {
    let requests = [request(None, 10, Growth::Fixed); 6];
    assert_eq!(
        arranged(TableKind::Mbr, 100, &requests),
        [(1, 1, 10), (2, 11, 10), (3, 21, 10), (5, 32, 10), (6, 43, 10), (7, 54, 10), (4, 31, 33),]
    );
    assert_eq!(minimum_disk_size(TableKind::Mbr, BYTES_512, &requests).unwrap(), 64 * MIB);
    assert_eq!(arranged(TableKind::Mbr, 64, &requests).len(), 7);
}

#[test]
fn numbers_that_are_asked_for_are_kept() {
    use Growth::{Fixed, Grow};
    // As the Debian installer numbers: root, then swap in an extended partition.
    let debian = [request(Some(1), 10, Grow), request(Some(5), 10, Fixed)];
    assert_eq!(arranged(TableKind::Mbr, 100, &debian), [(1, 1, 88), (5, 90, 10), (2, 89, 11)]);
    let between = [
        request(Some(1), 1, Fixed),
        request(Some(5), 1, Grow),
        request(None, 1, Fixed),
        request(Some(4), 1, Fixed),
    ];
    assert_eq!(
        arranged(TableKind::Mbr, 7, &between),
        [(1, 1, 1), (5, 3, 1), (6, 5, 1), (4, 6, 1), (2, 2, 4)]
    );
    let cloud = [
        request(Some(14), 3, Fixed),
        request(Some(15), 124, Fixed),
        request(Some(1), 1, Grow),
        request(None, 1, Fixed),
    ];
    let numbers: Vec<u32> = arranged(TableKind::Gpt, 1024, &cloud).iter().map(|at| at.0).collect();
    assert_eq!(numbers, [14, 15, 1, 2]);
}

#[test]
fn arrangements_that_cannot_be_are_refused_with_numbers() {
    use Growth::{Fixed, Grow};
    let refused = |table, requests: &[SizeRequest], kind, text: &str| {
        let error = arrange(table, BYTES_512, 100 * MIB, requests).unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains(text)), (kind, true), "{error}");
    };
    let invalid = ErrorKind::InvalidProfile;
    let need = "need a disk of 105906176 bytes, this one has 104857600";
    refused(TableKind::Gpt, &[request(None, 99, Grow)], ErrorKind::DoesNotFit, need);
    refused(
        TableKind::Gpt,
        &[request(None, 98, Fixed), request(None, 0, Grow)],
        ErrorKind::DoesNotFit,
        "partition 2: no space",
    );
    refused(
        TableKind::Gpt,
        &[SizeRequest { size: 1 << 63, ..request(None, 0, Fixed) }; 2],
        ErrorKind::DoesNotFit,
        "2^64",
    );
    refused(
        TableKind::Gpt,
        &[request(Some(3), 1, Fixed); 2],
        invalid,
        "partition 3: the number is given twice",
    );
    refused(TableKind::Gpt, &[request(Some(129), 1, Fixed)], invalid, "from 1 to 128");
    refused(TableKind::Gpt, &[request(Some(0), 1, Fixed)], invalid, "from 1 to 128");
    refused(
        TableKind::Gpt,
        &[SizeRequest { size: 1 << 40 | 1, ..request(Some(7), 1, Fixed) }],
        invalid,
        "partition 7: ",
    );
    refused(TableKind::Mbr, &[request(Some(6), 1, Fixed)], invalid, "has number 5");
    refused(
        TableKind::Mbr,
        &[request(Some(5), 1, Fixed), request(Some(1), 1, Fixed), request(Some(6), 1, Fixed)],
        invalid,
        "between logical",
    );
    refused(
        TableKind::Mbr,
        &[request(Some(5), 1, Fixed), request(Some(4), 1, Fixed), request(Some(6), 1, Fixed)],
        invalid,
        "between logical",
    );
    let crowded: Vec<SizeRequest> = (1..=5).map(|number| request(Some(number), 1, Fixed)).collect();
    refused(TableKind::Mbr, &crowded, invalid, "no partition number is left");
    refused(TableKind::Mbr, &[request(None, 1, Fixed); 60], invalid, "from 1 to 60");
    let odd = arrange(TableKind::Gpt, BYTES_512, 100 * MIB + 512, &[]).unwrap_err();
    assert_eq!(odd.kind(), invalid);
    let large = arrange(TableKind::Mbr, BYTES_512, 3 << 40, &[]).unwrap_err();
    assert_eq!(large.kind(), ErrorKind::DoesNotFit);
}

#[test]
fn only_an_mbr_has_a_largest_disk() {
    let request = [request(None, 3 << 20, Growth::Fixed)];
    let least = |table| minimum_disk_size(table, BYTES_512, &request);
    assert_eq!(least(TableKind::Gpt).unwrap(), (3 << 40) + 2 * MIB);
    assert_eq!(least(TableKind::Mbr).unwrap_err().kind(), ErrorKind::DoesNotFit);
}

#[test]
fn types_are_known_both_ways() {
    for code in 1..=u8::MAX {
        let kind = PartitionKind::from_mbr_type(code);
        if kind != PartitionKind::Extended && code != 0xee {
            assert_eq!(kind.mbr_type(), Some(code));
        }
    }
    let root = uuid::uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
    assert_eq!(PartitionKind::from_gpt_type(root), PartitionKind::LinuxRoot(RootArchitecture::X86_64));
    assert_eq!(PartitionKind::from_gpt_type(root).gpt_type(), Some(root));
    assert_eq!(PartitionKind::from_gpt_type(DISK).gpt_type(), Some(DISK));
    assert_eq!(PartitionKind::GptType(Uuid::nil()).gpt_type(), None);
    assert!(SectorSize::from_bytes(4096).is_ok() && SectorSize::from_bytes(1024).is_err());
}
