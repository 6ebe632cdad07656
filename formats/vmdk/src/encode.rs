#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// What the header of a sparse extent says. Units are sectors of 512 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) form: HeaderForm,
    /// Sectors of the disk.
    pub(crate) capacity: u64,
    pub(crate) redundant_directory: u64,
    pub(crate) directory: u64,
    /// Sectors before the first grain.
    pub(crate) overhead: u64,
}

/// Which header it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderForm {
    /// Monolithic sparse: version 1, with a redundant directory.
    Sparse,
    /// Stream-optimised: version 3, compressed, with markers.
    Stream,
}

/// What follows a marker that is not a grain's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    EndOfStream,
    GrainTable,
    GrainDirectory,
    Footer,
}

impl Header {
    /// The header's sector; the footer is one too.
    ///
    /// # Reference
    /// VMware, Virtual Disk Format 5.0, `SparseExtentHeader`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (version, flags, algorithm): (u32, u32, u16) = match self.form {
            HeaderForm::Sparse => (1, 0x3, 0),
            // ESXi refuses stream-optimised files of version 1 as too old.
            HeaderForm::Stream => (3, 0x3_0001, 1),
        };
        let mut out = b"KDMV".to_vec(); // magicNumber
        out.extend_from_slice(&version.to_le_bytes()); // version
        out.extend_from_slice(&flags.to_le_bytes()); // flags
        put64(&mut out, self.capacity); // capacity
        put64(&mut out, GRAIN_SECTORS); // grainSize
        put64(&mut out, DESCRIPTOR_SECTOR); // descriptorOffset
        put64(&mut out, DESCRIPTOR_SECTORS); // descriptorSize
        out.extend_from_slice(&TABLE_LEN.to_le_bytes()); // numGTEsPerGT
        put64(&mut out, self.redundant_directory); // rgdOffset
        put64(&mut out, self.directory); // gdOffset
        put64(&mut out, self.overhead); // overHead
        out.push(0); // uncleanShutdown
        out.extend_from_slice(b"\n \r\n"); // singleEndLineChar …
        out.extend_from_slice(&algorithm.to_le_bytes()); // compressAlgorithm
        out.resize(SECTOR_LEN, 0); // pad
        out
    }
}

impl Marker {
    /// The marker's sector, before `sectors` sectors of what it names.
    ///
    /// # Reference
    /// VMware, Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents", `MARKER_*`.
    pub(crate) fn put(self, sectors: u64, out: &mut Vec<u8>) {
        let kind: u32 = match self {
            Self::EndOfStream => 0,
            Self::GrainTable => 1,
            Self::GrainDirectory => 2,
            Self::Footer => 3,
        };
        put64(out, sectors); // val
        out.extend_from_slice(&0_u32.to_le_bytes()); // size
        out.extend_from_slice(&kind.to_le_bytes()); // type
        pad(out);
    }
}

/// A compressed grain: its marker, its data, zeros up to the next sector. `start` is the sector of the disk.
///
/// # Reference
/// VMware, Virtual Disk Format 5.0, `GrainMarker`. Data is zlib (RFC 1950), as all readers take it, not RFC 1951.
pub(crate) fn put_grain(start: u64, data: &[u8], data_len: u32, out: &mut Vec<u8>) {
    put64(out, start); // lba
    out.extend_from_slice(&data_len.to_le_bytes()); // size
    out.extend_from_slice(data);
    pad(out);
}

/// Entries of a table or directory, up to the next sector.
pub(crate) fn put_entries(entries: &[u32], out: &mut Vec<u8>) {
    out.extend(entries.iter().flat_map(|entry| entry.to_le_bytes()));
    pad(out);
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Zeros up to the next sector.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(SECTOR_LEN), 0);
}

/// Bytes of a sector.
pub(crate) const SECTOR: u64 = 512;
const SECTOR_LEN: usize = 512;
/// Bytes of a grain.
pub(crate) const GRAIN: u64 = 64 << 10;
/// Sectors of a grain.
pub(crate) const GRAIN_SECTORS: u64 = 128;
/// Entries of a grain table, each a grain.
pub(crate) const TABLE_LEN: u32 = 512;
/// Sectors of a grain table.
pub(crate) const TABLE_SECTORS: u64 = 4;
/// Bytes of the disk that a grain table covers.
pub(crate) const TABLE_SPAN: u64 = 32 << 20;
/// Where the embedded descriptor stands, in sectors.
pub(crate) const DESCRIPTOR_SECTOR: u64 = 1;
/// Sectors of the embedded descriptor: room for the lines that VirtualBox adds in place.
pub(crate) const DESCRIPTOR_SECTORS: u64 = 20;
/// The directory's sector in a header whose footer has the true one: `GD_AT_END`.
pub(crate) const DIRECTORY_AT_END: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_stream_has_every_field_in_its_place() {
        let header = Header {
            form: HeaderForm::Stream,
            capacity: 0x0102_0304_0506_0780,
            redundant_directory: 0,
            directory: DIRECTORY_AT_END,
            overhead: 128,
        }
        .encode();
        assert_eq!(header.len(), 512);
        #[rustfmt::skip]
        assert_eq!(header[..79], [
            0x4B, 0x44, 0x4D, 0x56, 3, 0, 0, 0, 0x01, 0, 0x03, 0,
            0x80, 7, 6, 5, 4, 3, 2, 1, 0x80, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0x20, 0x0D, 0x0A, 1, 0,
        ]);
        assert_eq!(header[79..], [0; 433]);
    }

    #[test]
    fn the_header_of_a_sparse_extent_has_version_1_and_both_directories() {
        let header = Header {
            form: HeaderForm::Sparse,
            capacity: 0x5000,
            redundant_directory: 21,
            directory: 26,
            overhead: 128,
        }
        .encode();
        #[rustfmt::skip]
        assert_eq!(header[..79], [
            0x4B, 0x44, 0x4D, 0x56, 1, 0, 0, 0, 3, 0, 0, 0,
            0, 0x50, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0,
            21, 0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0,
            0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0x20, 0x0D, 0x0A, 0, 0,
        ]);
        assert_eq!(header[79..], [0; 433]);
    }

    #[test]
    fn markers_fill_a_sector() {
        let cases = [
            (Marker::EndOfStream, 0, 0),
            (Marker::GrainTable, 4, 1),
            (Marker::GrainDirectory, 9, 2),
            (Marker::Footer, 1, 3),
        ];
        for (marker, sectors, kind) in cases {
            let mut out = Vec::new();
            marker.put(u64::from(sectors), &mut out);
            assert_eq!(out.len(), 512);
            assert_eq!(out[..16], [sectors, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, kind, 0, 0, 0]);
            assert_eq!(out[16..], [0; 496]);
        }
    }

    #[test]
    fn a_grain_is_its_sector_its_length_its_data_and_zeros() {
        let mut out = Vec::new();
        put_grain(0x0102_0380, &[9; 500], 500, &mut out);
        assert_eq!(out.len(), 512);
        assert_eq!(out[..12], [0x80, 3, 2, 1, 0, 0, 0, 0, 0xF4, 1, 0, 0]);
        assert_eq!(out[12..], [9; 500]);
        put_grain(0, &[7; 501], 501, &mut out);
        assert_eq!(out.len(), 1536);
        assert_eq!(out[1024..], [&[7][..], &[0; 511]].concat());
    }
}
