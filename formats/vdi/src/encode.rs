#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// What the header of a dynamic VDI says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) data_offset: u32,
    /// Bytes of the disk.
    pub(crate) size: u64,
    pub(crate) blocks: u32,
    pub(crate) stored_blocks: u32,
    /// In the byte order of a GUID: the first three groups little-endian.
    pub(crate) creation_uuid: [u8; 16],
    /// As `creation_uuid`.
    pub(crate) modification_uuid: [u8; 16],
}

impl Header {
    /// The pre-header and the header of version 1.1.
    ///
    /// # Reference
    /// VirtualBox `VDICore.h`: `VDIPREHEADER`, `VDIHEADER1PLUS`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = TEXT.to_vec(); // szFileInfo
        out.resize(64, 0);
        put32(&mut out, 0xBEDA_107F); // u32Signature
        put32(&mut out, 0x0001_0001); // u32Version
        put32(&mut out, 400); // cbHeader, from here on
        put32(&mut out, 1); // u32Type: dynamic
        put32(&mut out, 0); // fFlags
        out.resize(0x154, 0); // szComment
        put32(&mut out, MAP_OFFSET); // offBlocks
        put32(&mut out, self.data_offset); // offData
        put32(&mut out, 0); // LegacyGeometry: cylinders
        put32(&mut out, 0); // heads
        put32(&mut out, 0); // sectors
        put32(&mut out, SECTOR); // bytes of a sector
        put32(&mut out, 0); // u32Dummy
        out.extend_from_slice(&self.size.to_le_bytes()); // cbDisk
        put32(&mut out, BLOCK_LEN); // cbBlock
        put32(&mut out, 0); // cbBlockExtra
        put32(&mut out, self.blocks); // cBlocks
        put32(&mut out, self.stored_blocks); // cBlocksAllocated
        out.extend_from_slice(&self.creation_uuid); // uuidCreate
        out.extend_from_slice(&self.modification_uuid); // uuidModify
        out.extend_from_slice(&[0; 16]); // uuidLinkage
        out.extend_from_slice(&[0; 16]); // uuidParentModify
        put32(&mut out, 0); // LCHSGeometry: cylinders, not computed
        put32(&mut out, 0); // heads
        put32(&mut out, 0); // sectors
        put32(&mut out, SECTOR); // bytes of a sector
        out
    }
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

const TEXT: &[u8] = b"<<< Oracle VM VirtualBox Disk Image >>>\n";
/// Where the block map starts.
pub(crate) const MAP_OFFSET: u32 = 1 << 20;
/// Bytes of a block.
pub(crate) const BLOCK: u64 = 1 << 20;
const BLOCK_LEN: u32 = 1 << 20;
/// The map's entry of a block that is not stored: `VDI_IMAGE_BLOCK_FREE`.
pub(crate) const FREE: u32 = 0xFFFF_FFFF;
const SECTOR: u32 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_header_has_its_place() {
        let header = Header {
            data_offset: 0x20_0000,
            size: 0x1_4000_0000,
            blocks: 5120,
            stored_blocks: 3,
            creation_uuid: *b"creation-uuid-16",
            modification_uuid: *b"modification-16-",
        }
        .encode();
        assert_eq!(header.len(), 0x48 + 400);
        assert_eq!(header[..41], *b"<<< Oracle VM VirtualBox Disk Image >>>\n\0");
        #[rustfmt::skip]
        assert_eq!(header[0x40..0x54], [
            0x7F, 0x10, 0xDA, 0xBE, 1, 0, 1, 0, 0x90, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
        ]);
        assert_eq!(header[0x54..0x154], [0; 256]);
        #[rustfmt::skip]
        assert_eq!(header[0x154..0x188], [
            0, 0, 0x10, 0, 0, 0, 0x20, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0x40, 1, 0, 0, 0,
            0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 3, 0, 0, 0,
        ]);
        assert_eq!(header[0x188..0x1A8], *b"creation-uuid-16modification-16-");
        assert_eq!(header[0x1A8..0x1D4], [0; 44]);
        assert_eq!(header[0x1D4..], [0, 2, 0, 0]);
    }
}
