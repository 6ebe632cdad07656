use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::{Package, data};

pub(crate) const GRAIN: usize = 65_536;
/// Sectors of the disk: eight grains.
pub(crate) const CAPACITY: u64 = 1024;

/// What a stream-optimised file is made of.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) header: Vec<u8>,
    pub(crate) descriptor: String,
    /// Address and stored bytes.
    pub(crate) grains: Vec<(u64, Vec<u8>)>,
    /// A marker before the tables, as some exports have.
    pub(crate) marker: Option<u32>,
    pub(crate) after: Vec<u8>,
    pub(crate) has_end: bool,
}

pub(crate) fn header(version: u32, flags: u32, directory: u64, redundant: u64, overhead: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(b"KDMV");
    bytes.extend(version.to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    for field in [CAPACITY, 128, 1, 20] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(512_u32.to_le_bytes());
    for field in [redundant, directory, overhead] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.push(0);
    bytes.extend(b"\n \r\n");
    bytes.extend(u16::from(flags & 0x10000 != 0).to_le_bytes());
    bytes.resize(512, 0);
    bytes
}

pub(crate) fn descriptor(kind: &str, extent: &str) -> String {
    format!(
        "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=1a2b3c4d\nparentCID=ffffffff\ncreateType=\"{kind}\"\n\n\
         # Extent description\nRW {CAPACITY} {extent}\n\n# The Disk Data Base\n#DDB\n\n\
         ddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"1\"\nddb.geometry.heads = \"16\"\n\
         ddb.geometry.sectors = \"63\"\nddb.virtualHWVersion = \"4\"\n"
    )
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As [`zlib`], without a try.
fn zlib_stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn stream() -> Stream {
    Stream {
        header: header(3, 0x30001, u64::MAX, 0, 21),
        descriptor: descriptor("streamOptimized", "SPARSE \"disk.vmdk\""),
        grains: vec![(0, zlib(&data(GRAIN, 1))), (256, zlib(&data(GRAIN, 2)))],
        marker: None,
        after: Vec::new(),
        has_end: true,
    }
}

fn sector(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
}

fn marker(bytes: &mut Vec<u8>, sectors: u64, kind: u32) {
    bytes.extend(sectors.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    sector(bytes);
}

fn grain(bytes: &mut Vec<u8>, address: u64, stored: &[u8]) -> u32 {
    let place = (bytes.len() / 512) as u32;
    bytes.extend(address.to_le_bytes());
    bytes.extend((stored.len() as u32).to_le_bytes());
    bytes.extend(stored);
    sector(bytes);
    place
}

/// A file and the places in it.
pub(crate) struct Built {
    pub(crate) bytes: Vec<u8>,
    pub(crate) table: usize,
    pub(crate) directory: usize,
    pub(crate) footer: usize,
}

impl Stream {
    pub(crate) fn build(&self) -> Built {
        let mut bytes = self.header.clone();
        bytes.extend(self.descriptor.as_bytes());
        bytes.resize(21 * 512, 0);
        let mut entries = vec![0_u32; 512];
        for (address, stored) in &self.grains {
            let place = grain(&mut bytes, *address, stored);
            if let Some(entry) = entries.get_mut((*address / 128) as usize) {
                *entry = place;
            }
        }
        if let Some(kind) = self.marker {
            marker(&mut bytes, 0, kind);
        }
        marker(&mut bytes, 4, 1);
        let table = bytes.len();
        bytes.extend(entries.iter().flat_map(|entry| entry.to_le_bytes()));
        marker(&mut bytes, 1, 2);
        let directory = bytes.len();
        bytes.extend(((table / 512) as u32).to_le_bytes());
        sector(&mut bytes);
        marker(&mut bytes, 1, 3);
        let footer = bytes.len();
        let mut header = self.header.clone();
        header[56..64].copy_from_slice(&((directory / 512) as u64).to_le_bytes());
        bytes.extend(header);
        if self.has_end {
            marker(&mut bytes, 0, 0);
        }
        bytes.extend(&self.after);
        Built { bytes, table, directory, footer }
    }

    pub(crate) fn package(&self) -> Package {
        Package::new("disk.vmdk", self.build().bytes)
    }
}

/// Sectors that a grain table is for.
pub(crate) const TABLE_SECTORS: u64 = 512 * 128;

/// A stream of so many tables, each behind its grains; the last one has `last` grains of 64 KiB in the file, the others
/// have a small one. Behind the file come the place of its directory and the bytes of the disk.
pub(crate) fn long_stream(tables: u64, last: u64) -> (Vec<u8>, usize, u64) {
    let capacity = tables * TABLE_SECTORS;
    let mut head = header(3, 0x30001, u64::MAX, 0, 21);
    head[12..20].copy_from_slice(&capacity.to_le_bytes());
    let (small, large) = (zlib(&[0; GRAIN]), zlib_stored(&data(GRAIN, 4)));
    let mut bytes = head.clone();
    let text = descriptor("streamOptimized", "SPARSE \"disk.vmdk\"");
    bytes.extend(text.replace(&format!("RW {CAPACITY}"), &format!("RW {capacity}")).as_bytes());
    bytes.resize(21 * 512, 0);
    let mut directory = Vec::new();
    for table in 0..tables {
        let (count, stored) = if table + 1 == tables { (last, &large) } else { (1, &small) };
        let mut entries: Vec<u32> =
            (0..count).map(|entry| grain(&mut bytes, table * TABLE_SECTORS + entry * 128, stored)).collect();
        entries.resize(512, 0);
        marker(&mut bytes, 4, 1);
        directory.extend(((bytes.len() / 512) as u32).to_le_bytes());
        bytes.extend(entries.iter().flat_map(|entry| entry.to_le_bytes()));
    }
    marker(&mut bytes, (directory.len() as u64).div_ceil(512), 2);
    let place = bytes.len();
    head[56..64].copy_from_slice(&((place / 512) as u64).to_le_bytes());
    bytes.extend(directory);
    sector(&mut bytes);
    marker(&mut bytes, 1, 3);
    bytes.extend(head);
    marker(&mut bytes, 0, 0);
    (bytes, place, capacity * 512)
}

/// Directory and table in front, as open-vmdk writes them.
pub(crate) fn stream_tables_first() -> Package {
    let mut bytes = header(3, 0x30001, 21, 0, 26);
    bytes.extend(descriptor("streamOptimized", "SPARSE \"disk.vmdk\"").as_bytes());
    bytes.resize(21 * 512, 0);
    bytes.extend(22_u32.to_le_bytes());
    bytes.resize(26 * 512, 0);
    for (address, seed) in [(0_u64, 1), (896, 2)] {
        let place = grain(&mut bytes, address, &zlib(&data(GRAIN, seed)));
        let entry = 22 * 512 + address as usize / 128 * 4;
        bytes[entry..entry + 4].copy_from_slice(&place.to_le_bytes());
    }
    marker(&mut bytes, 0, 0);
    Package::new("disk.vmdk", bytes)
}

pub(crate) const SPARSE_TABLE: usize = 27 * 512;
pub(crate) const SPARSE_REDUNDANT: usize = 22 * 512;

/// Directories at sectors 21 and 26, grains at 128 and 256.
pub(crate) fn sparse() -> Package {
    sparse_of(CAPACITY, &[22], &[27])
}

/// The same for a disk of so many sectors, with the tables that both directories name: those at sectors 22 and 27 have two
/// grains, others none.
pub(crate) fn sparse_of(capacity: u64, redundant: &[u32], tables: &[u32]) -> Package {
    let mut bytes = header(1, 3, 26, 21, 128);
    bytes[12..20].copy_from_slice(&capacity.to_le_bytes());
    let text = descriptor("monolithicSparse", "SPARSE \"disk.vmdk\"");
    bytes.extend(text.replace(&format!("RW {CAPACITY}"), &format!("RW {capacity}")).as_bytes());
    bytes.resize(128 * 512, 0);
    for (at, sectors) in [(21 * 512, redundant), (26 * 512, tables)] {
        let entries: Vec<u8> = sectors.iter().flat_map(|sector| sector.to_le_bytes()).collect();
        bytes[at..at + entries.len()].copy_from_slice(&entries);
    }
    for table in [SPARSE_REDUNDANT, SPARSE_TABLE] {
        bytes[table..table + 4].copy_from_slice(&128_u32.to_le_bytes());
        bytes[table + 12..table + 16].copy_from_slice(&256_u32.to_le_bytes());
    }
    bytes.extend(data(2 * GRAIN, 3));
    Package::new("disk.vmdk", bytes)
}

pub(crate) fn flat() -> Package {
    let text = descriptor("monolithicFlat", "FLAT \"disk-flat.vmdk\" 0");
    Package::new("disk.vmdk", text).with("disk-flat.vmdk", vec![0; CAPACITY as usize * 512])
}
