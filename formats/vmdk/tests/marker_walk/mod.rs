//! A reader of stream-optimised files that believes nothing: it walks from marker to marker, as an importer does that
//! sees the file only once, and then compares what it saw with the tables.
#![allow(unreachable_pub, reason = "tests are crates of their own")]

use std::io::Read;

use flate2::read::ZlibDecoder;

/// What a walk found.
pub struct Walk {
    /// Sectors of the disk.
    pub capacity: u64,
    /// The stored grains in the order of the file: their number on the disk, and their bytes.
    pub grains: Vec<(u64, Vec<u8>)>,
    /// How many grain tables the file has.
    pub tables: usize,
}

/// Walks `file` from its header to its last sector; panics at whatever an importer could stumble over.
pub fn walk(file: &[u8]) -> Walk {
    assert_eq!(file.len() % 512, 0, "the file is not whole sectors");
    let header = &file[..512];
    assert_eq!((&header[..4], u32_at(header, 4), u32_at(header, 8)), (&b"KDMV"[..], 3, 0x3_0001));
    let (capacity, overhead) = (u64_at(header, 12), u64_at(header, 64));
    assert_eq!((u64_at(header, 20), u32_at(header, 44)), (128, 512));
    assert_eq!((u64_at(header, 48), u64_at(header, 56)), (0, u64::MAX));
    assert_eq!((&header[73..77], header[77]), (&b"\n \r\n"[..], 1));
    let (descriptor, descriptor_end) = (u64_at(header, 28), u64_at(header, 28) + u64_at(header, 36));
    assert!(sectors(file, descriptor, 20).starts_with(b"# Disk DescriptorFile\n"));
    assert!(sectors(file, descriptor_end, overhead - descriptor_end).iter().all(|byte| *byte == 0));

    let mut walk = Walk { capacity, grains: Vec::new(), tables: 0 };
    // For each grain its number and where its marker is; for each table its sector.
    let (mut places, mut table_sectors) = (Vec::new(), Vec::new());
    let (mut directory_sector, mut footer_sector) = (0, 0);
    let mut sector = overhead;
    loop {
        let marker = sectors(file, sector, 1);
        let (value, size, kind) = (u64_at(marker, 0), u32_at(marker, 8), u32_at(marker, 12));
        if size > 0 {
            assert_eq!((directory_sector, value % 128), (0, 0), "a stray grain in sector {sector}");
            assert!(value < capacity);
            let grain = value / 128;
            assert!(places.last().is_none_or(|(last, _)| *last < grain), "grain {grain} does not ascend");
            let len = (12 + u64::from(size)).div_ceil(512);
            let stored = sectors(file, sector, len);
            let (data, padding) = stored[12..].split_at(size as usize);
            assert!(padding.iter().all(|byte| *byte == 0));
            walk.grains.push((grain, inflate(data)));
            places.push((grain, sector));
            sector += len;
            continue;
        }
        assert!(marker[16..].iter().all(|byte| *byte == 0));
        match kind {
            0 => {
                assert_eq!(value, 0);
                break;
            }
            1 => table_sectors.push(sector + 1),
            2 => directory_sector = sector + 1,
            3 => footer_sector = sector + 1,
            _ => panic!("marker type {kind} in sector {sector}"),
        }
        sector += 1 + value;
    }
    assert_eq!((sector + 1) * 512, file.len() as u64, "the end of the stream is not the file's end");
    assert_eq!(footer_sector, sector - 1, "the footer is not before the end of the stream");

    let footer = sectors(file, footer_sector, 1);
    assert_eq!(u64_at(footer, 56), directory_sector);
    assert_eq!((&footer[..56], &footer[64..]), (&header[..56], &header[64..]));
    let table_count = capacity.div_ceil(128 * 512);
    let directory = sectors(file, directory_sector, (table_count * 4).div_ceil(512));
    let mut found = Vec::new();
    for table in 0..table_count {
        let table_sector = u64::from(u32_at(directory, table as usize * 4));
        if table_sector == 0 {
            continue;
        }
        assert_eq!(table_sectors.get(walk.tables), Some(&table_sector));
        walk.tables += 1;
        let entries = sectors(file, table_sector, 4);
        let entries = (0..512).map(|at| (table * 512 + at, u64::from(u32_at(entries, at as usize * 4))));
        let before = found.len();
        found.extend(entries.filter(|(_, place)| *place != 0));
        assert!(found.len() > before, "a table without grains");
    }
    assert_eq!(walk.tables, table_sectors.len(), "a table that the directory does not name");
    assert_eq!(found, places, "tables and markers disagree");
    walk
}

/// A zlib stream of exactly a grain, with nothing behind it.
fn inflate(data: &[u8]) -> Vec<u8> {
    let mut decoder = ZlibDecoder::new(data);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    assert_eq!((plain.len(), decoder.total_in()), (65_536, data.len() as u64));
    plain
}

fn sectors(file: &[u8], first: u64, count: u64) -> &[u8] {
    &file[first as usize * 512..(first + count) as usize * 512]
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
