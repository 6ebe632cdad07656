#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// The file type identifier: signature and creator.
///
/// # Reference
/// MS-VHDX 2.2.1, "File Type Identifier".
pub(crate) fn identifier() -> Vec<u8> {
    let mut out = b"vhdxfile".to_vec(); // Signature
    out.extend("Diskwright".encode_utf16().flat_map(u16::to_le_bytes)); // Creator
    out
}

/// A header: one of two, of which the valid one with the higher number counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) sequence_number: u64,
    /// In the byte order of a GUID, as all of them here.
    pub(crate) file_write: [u8; 16],
    pub(crate) data_write: [u8; 16],
}

impl Header {
    /// The 4096 bytes.
    ///
    /// # Reference
    /// MS-VHDX 2.2.2, "Headers".
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = b"head".to_vec(); // Signature
        put32(&mut out, 0); // Checksum, below
        put64(&mut out, self.sequence_number); // SequenceNumber
        out.extend(self.file_write); // FileWriteGuid
        out.extend(self.data_write); // DataWriteGuid
        out.extend([0; 16]); // LogGuid: the log is empty
        out.extend(0_u16.to_le_bytes()); // LogVersion
        out.extend(1_u16.to_le_bytes()); // Version
        put32(&mut out, LOG_LEN); // LogLength
        put64(&mut out, LOG_OFFSET); // LogOffset
        out.resize(4096, 0);
        put_checksum(&mut out);
        out
    }
}

/// The region table, 64 KiB; `table_len` is that of the block allocation table's region.
///
/// # Reference
/// MS-VHDX 2.2.3, "Region Table".
pub(crate) fn region_table(table_len: u32) -> Vec<u8> {
    let mut out = b"regi".to_vec(); // Signature
    put32(&mut out, 0); // Checksum, below
    put32(&mut out, 2); // EntryCount
    put32(&mut out, 0); // Reserved
    let regions = [(BAT, TABLE_OFFSET, table_len), (METADATA, METADATA_OFFSET, METADATA_LEN)];
    for (guid, offset, len) in regions {
        out.extend(guid); // Guid
        put64(&mut out, offset); // FileOffset
        put32(&mut out, len); // Length
        put32(&mut out, 1); // Required
    }
    out.resize(65_536, 0);
    put_checksum(&mut out);
    out
}

/// What the metadata say of the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metadata {
    pub(crate) block_size: u32,
    pub(crate) is_fixed: bool,
    pub(crate) size: u64,
    /// What the SCSI page 0x83 says.
    pub(crate) page_83: [u8; 16],
    /// Bytes of a logical sector.
    pub(crate) sector_size: u32,
}

impl Metadata {
    /// The metadata table, 64 KiB, and the items behind it.
    ///
    /// # Reference
    /// MS-VHDX 2.6, "Metadata Region".
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut parameters = self.block_size.to_le_bytes().to_vec(); // BlockSize
        put32(&mut parameters, u32::from(self.is_fixed)); // LeaveBlockAllocated, HasParent
        let items = [
            (FILE_PARAMETERS, 4, parameters),
            (VIRTUAL_DISK_SIZE, 6, self.size.to_le_bytes().to_vec()),
            (PAGE_83_DATA, 6, self.page_83.to_vec()),
            (LOGICAL_SECTOR_SIZE, 6, self.sector_size.to_le_bytes().to_vec()),
            (PHYSICAL_SECTOR_SIZE, 6, 4096_u32.to_le_bytes().to_vec()),
        ];
        let mut table = b"metadata".to_vec(); // Signature
        table.extend(0_u16.to_le_bytes()); // Reserved
        table.extend(5_u16.to_le_bytes()); // EntryCount
        table.extend([0; 20]); // Reserved2
        let mut values = Vec::new();
        let mut offset: u32 = 65_536;
        for (guid, flags, value) in items {
            let len = u32::try_from(value.len()).unwrap_or(0);
            table.extend(guid); // ItemId
            put32(&mut table, offset); // Offset
            put32(&mut table, len); // Length
            put32(&mut table, flags); // IsUser, IsVirtualDisk, IsRequired
            put32(&mut table, 0); // Reserved2
            offset = offset.saturating_add(len);
            values.extend(value);
        }
        table.resize(65_536, 0);
        table.extend(values);
        table
    }
}

/// The entry of a block whose data are at `offset` of the file, a multiple of 1 MiB.
///
/// # Reference
/// MS-VHDX 2.5.1.1, "Payload BAT Entry States": `PAYLOAD_BLOCK_FULLY_PRESENT`.
pub(crate) fn present(offset: u64) -> u64 {
    offset | 6
}

/// CRC-32C over all of it, the checksum's own bytes, 4 to 7, being zero.
fn put_checksum(structure: &mut [u8]) {
    let checksum = crc32c::crc32c(structure).to_le_bytes();
    for (to, from) in structure.iter_mut().skip(4).zip(checksum) {
        *to = from;
    }
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes());
}

/// A GUID as text has it, in the file's byte order: the first three groups little-endian.
const fn guid(value: u128) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = value.to_be_bytes();
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

/// Where the two headers stand.
pub(crate) const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
/// Where the two region tables stand.
pub(crate) const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
const LOG_OFFSET: u64 = 1 << 20;
const LOG_LEN: u32 = 1 << 20;
/// Where the metadata region stands.
pub(crate) const METADATA_OFFSET: u64 = 2 << 20;
const METADATA_LEN: u32 = 1 << 20;
/// Where the block allocation table stands.
pub(crate) const TABLE_OFFSET: u64 = 3 << 20;

const BAT: [u8; 16] = guid(0x2DC2_7766_F623_4200_9D64_115E_9BFD_4A08);
const METADATA: [u8; 16] = guid(0x8B7C_A206_4790_4B9A_B8FE_575F_050F_886E);
const FILE_PARAMETERS: [u8; 16] = guid(0xCAA1_6737_FA36_4D43_B3B6_33F0_AA44_E76B);
const VIRTUAL_DISK_SIZE: [u8; 16] = guid(0x2FA5_4224_CD1B_4876_B211_5DBE_D83B_F4B8);
const PAGE_83_DATA: [u8; 16] = guid(0xBECA_12AB_B2E6_4523_93EF_C309_E000_C746);
const LOGICAL_SECTOR_SIZE: [u8; 16] = guid(0x8141_BF1D_A96F_4709_BA47_F233_A8FA_AB5F);
const PHYSICAL_SECTOR_SIZE: [u8; 16] = guid(0xCDA3_48C7_445D_4471_9CC9_E988_5251_C556);

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32C bit by bit: the reflected polynomial 0x82F63B78.
    fn slow_crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(
                crc ^ u32::from(*byte),
                |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 },
            )
        })
    }

    fn assert_checksum(structure: &[u8]) {
        let mut blank = structure.to_vec();
        blank[4..8].fill(0);
        assert_eq!(structure[4..8], slow_crc(&blank).to_le_bytes());
    }

    #[test]
    fn the_identifier_is_signature_and_creator() {
        assert_eq!(identifier()[..14], *b"vhdxfileD\0i\0s\0");
        assert_eq!(slow_crc(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn every_field_of_a_header_has_its_place() {
        let header =
            Header { sequence_number: 2, file_write: *b"file-write-guid-", data_write: *b"data-write-guid-" }
                .encode();
        assert_eq!(header.len(), 4096);
        assert_eq!(header[..4], *b"head");
        assert_eq!(header[8..48], *b"\x02\0\0\0\0\0\0\0file-write-guid-data-write-guid-");
        assert_eq!(header[48..64], [0; 16]);
        assert_eq!(header[64..80], [0, 0, 1, 0, 0, 0, 0x10, 0, 0, 0, 0x10, 0, 0, 0, 0, 0]);
        assert_eq!(header[80..], [0; 4016]);
        assert_checksum(&header);
    }

    #[test]
    fn the_region_table_names_both_regions() {
        let table = region_table(0x40_0000);
        assert_eq!(table.len(), 65_536);
        assert_eq!(table[..4], *b"regi");
        assert_eq!(table[8..16], [2, 0, 0, 0, 0, 0, 0, 0]);
        #[rustfmt::skip]
        assert_eq!(table[16..48], [
            0x66, 0x77, 0xC2, 0x2D, 0x23, 0xF6, 0x00, 0x42, 0x9D, 0x64, 0x11, 0x5E, 0x9B, 0xFD, 0x4A, 0x08,
            0, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 1, 0, 0, 0,
        ]);
        #[rustfmt::skip]
        assert_eq!(table[48..80], [
            0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E,
            0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0,
        ]);
        assert!(table[80..].iter().all(|byte| *byte == 0));
        assert_checksum(&table);
    }

    #[test]
    fn the_metadata_have_their_items_behind_the_table() {
        let metadata = Metadata {
            block_size: 1 << 25,
            is_fixed: true,
            size: 0x0102_0304_0000,
            page_83: *b"page-83-guid-16-",
            sector_size: 512,
        }
        .encode();
        assert_eq!(metadata[..12], *b"metadata\0\0\x05\0");
        assert_eq!(metadata[12..32], [0; 20]);
        #[rustfmt::skip]
        assert_eq!(metadata[32..64], [
            0x37, 0x67, 0xA1, 0xCA, 0x36, 0xFA, 0x43, 0x4D, 0xB3, 0xB6, 0x33, 0xF0, 0xAA, 0x44, 0xE7, 0x6B,
            0, 0, 1, 0, 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
        ]);
        assert_eq!(metadata[64 + 16..96], [8, 0, 1, 0, 8, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(metadata[96 + 16..128], [16, 0, 1, 0, 16, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(metadata[128 + 16..160], [32, 0, 1, 0, 4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(metadata[160 + 16..192], [36, 0, 1, 0, 4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        assert!(metadata[192..65_536].iter().all(|byte| *byte == 0));
        let mut items = vec![0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 4, 3, 2, 1, 0, 0];
        items.extend(b"page-83-guid-16-");
        items.extend([0, 2, 0, 0, 0, 0x10, 0, 0]);
        assert_eq!(metadata[65_536..], items);
    }

    #[test]
    fn an_entry_is_the_offset_with_its_state() {
        assert_eq!(present(0x1234_5670_0000), 0x1234_5670_0006);
    }
}
