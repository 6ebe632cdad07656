#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::Damage;
use super::elf::{array_at, u16_at, u32_at};
use super::lzma;

/// GRUB's core image, ready but for the place where it will stand.
#[derive(Clone, Debug)]
pub struct GrubCore {
    boot_image: [u8; SECTOR],
    /// `diskboot.img`, the decompressor with its fields filled in, the compressed payload; not padded.
    image: Vec<u8>,
}

/// What a disk needs to boot under BIOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BiosBoot {
    /// Bytes 0 to 440 of the disk; the disk signature and partition table that follow are the partitioner's.
    pub boot_code: [u8; 440],
    /// What stands from the core's sector on: whole sectors of 512 bytes.
    pub core: Vec<u8>,
}

impl GrubCore {
    /// Compresses `payload` and puts the parts together.
    pub(super) fn new(
        boot_image: [u8; SECTOR],
        disk_boot: [u8; SECTOR],
        decompressor: &[u8],
        payload: &[u8],
    ) -> Result<Self, Damage> {
        let compressed = lzma::compress(payload)?;
        let mut body = decompressor.to_vec();
        patch(&mut body, 0x08, &length(compressed.len())?.to_le_bytes())?; // compressed size
        patch(&mut body, 0x0c, &length(payload.len())?.to_le_bytes())?; // uncompressed size
        patch(&mut body, 0x10, &[0; 4])?; // Reed-Solomon redundancy: none
        if body.len() > MAX_DECOMPRESSOR {
            return Err(Damage::TooLarge);
        }
        body.extend_from_slice(&compressed);
        if body.len() >= MAX_BODY {
            return Err(Damage::TooLarge);
        }
        let sectors = u16::try_from(body.len().div_ceil(SECTOR)).map_err(|_| Damage::TooLarge)?;
        let mut image = disk_boot.to_vec();
        patch(&mut image, BLOCK_LIST.saturating_add(8), &sectors.to_le_bytes())?;
        image.append(&mut body);
        check_boot_image(&boot_image)?;
        Ok(Self { boot_image, image })
    }

    /// The image as `grub-mkimage` writes it, for `core.img` in GRUB's directory.
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// Sectors of 512 bytes that the core fills.
    pub fn sectors(&self) -> u64 {
        u64::try_from(self.image.len().div_ceil(SECTOR)).unwrap_or(u64::MAX)
    }

    /// The boot code and the core for a core whose first sector is `lba` (512-byte sectors): the first of the BIOS
    /// boot partition of a GPT disk, or 1 in the gap before the first partition of an MBR disk.
    ///
    /// # Errors
    /// `ErrorKind::Internal` for sector 0 and sectors that no disk has.
    ///
    /// # Reference
    /// GRUB 2.06, `include/grub/i386/pc/boot.h` (offsets of the boot sector's fields) and
    /// `include/grub/offsets.h` (`grub_pc_bios_boot_blocklist`).
    pub fn at(&self, lba: u64) -> crate::Result<BiosBoot> {
        let body = lba.checked_add(1).filter(|body| *body > 1 && lba < MAX_LBA);
        let body = body.ok_or(Damage::Place(lba))?;
        let mut sector = self.boot_image;
        patch(&mut sector, 0x5c, &lba.to_le_bytes())?; // kernel_sector
        patch(&mut sector, 0x64, &[0xff])?; // boot_drive: the one in DL
        patch(&mut sector, 0x66, &[0x90, 0x90])?; // drive_check: mend a DL that is no hard disk
        patch(&mut sector, 0x03, &[0; 0x57])?; // the BPB of a fresh disk
        let boot_code = array_at(&sector, 0).ok_or(Damage::BootImage)?;
        let mut core = self.image.clone();
        let padded = core.len().checked_next_multiple_of(SECTOR).ok_or(Damage::TooLarge)?;
        core.resize(padded, 0);
        patch(&mut core, BLOCK_LIST, &body.to_le_bytes())?; // start
        patch(&mut core, BLOCK_LIST.saturating_add(10), &BODY_SEGMENT.to_le_bytes())?; // segment
        patch(&mut core, BLOCK_LIST.saturating_sub(12), &[0; 12])?; // end of the list
        Ok(BiosBoot { boot_code, core })
    }
}

/// The parts of an old core image, as `grub-mkimage` wrote it.
pub(super) struct OldCore {
    pub(super) disk_boot: [u8; SECTOR],
    pub(super) decompressor: Vec<u8>,
    /// Decompressed.
    pub(super) payload: Vec<u8>,
}

impl OldCore {
    pub(super) fn parse(image: &[u8]) -> Result<Self, Damage> {
        let disk_boot = array_at(image, 0).ok_or(Damage::OldCore)?;
        let body = image.get(SECTOR..).filter(|body| body.len() < MAX_BODY).ok_or(Damage::OldCore)?;
        let field = |offset| u32_at(body, offset).and_then(|value| usize::try_from(value).ok());
        let compressed_size = field(0x08).ok_or(Damage::OldCore)?;
        let size = field(0x0c).filter(|size| *size <= MAX_PAYLOAD).ok_or(Damage::OldCore)?;
        let split = body.len().checked_sub(compressed_size).ok_or(Damage::OldCore)?;
        let (decompressor, compressed) = body.split_at_checked(split).ok_or(Damage::OldCore)?;
        if !(MIN_DECOMPRESSOR..=MAX_DECOMPRESSOR).contains(&decompressor.len()) {
            return Err(Damage::OldCore);
        }
        let payload = lzma::decompress(compressed, size)?;
        Ok(Self { disk_boot, decompressor: decompressor.to_vec(), payload })
    }
}

/// A GRUB 2 boot sector for disks: starts with a jump over the BPB, ends with the signature, and has the jump over the
/// drive check where the hard-disk workaround goes.
fn check_boot_image(image: &[u8; SECTOR]) -> Result<(), Damage> {
    let jump = array_at::<1>(image, 0) == Some([0xeb]);
    let check = matches!(u16_at(image, 0x66).map(u16::to_le_bytes), Some([0xeb, _] | [0x90, 0x90]));
    let signature = u16_at(image, 0x1fe) == Some(0xaa55);
    if jump && check && signature { Ok(()) } else { Err(Damage::BootImage) }
}

fn patch(bytes: &mut [u8], offset: usize, value: &[u8]) -> Result<(), Damage> {
    let end = offset.checked_add(value.len()).ok_or(Damage::Decompressor)?;
    bytes.get_mut(offset..end).ok_or(Damage::Decompressor)?.copy_from_slice(value);
    Ok(())
}

fn length(len: usize) -> Result<u32, Damage> {
    u32::try_from(len).map_err(|_| Damage::TooLarge)
}

/// GRUB counts in these, whatever the disk's sectors are.
pub(super) const SECTOR: usize = 512;
/// Offset of the first entry of the block list in `diskboot.img`; further ones grow downwards.
const BLOCK_LIST: usize = 0x1f4;
/// Where `diskboot` loads the body, as a real-mode segment.
const BODY_SEGMENT: u16 = 0x820;
/// The decompressor runs at 0x8200 and unpacks to 0x9000.
const MAX_DECOMPRESSOR: usize = 0xe00;
/// Its patched fields and some code.
const MIN_DECOMPRESSOR: usize = 0x20;
/// 0x9000 and the body must not pass 0x78000.
const MAX_BODY: usize = 0x6f000;
/// No core that fits unpacks to more than this.
const MAX_PAYLOAD: usize = 4 << 20;
/// 2⁶³ bytes, more than any disk has.
const MAX_LBA: u64 = 1 << 54;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests fail loudly")]
mod tests {
    use super::*;

    /// A boot sector with a jump, a BPB of old bytes and the drive check.
    fn boot_image() -> [u8; SECTOR] {
        let mut image = [0x11; SECTOR];
        image[..3].copy_from_slice(&[0xeb, 0x63, 0x90]);
        image[0x66..0x68].copy_from_slice(&[0xeb, 0x05]);
        image[0x1fe..].copy_from_slice(&[0x55, 0xaa]);
        image
    }

    fn core() -> GrubCore {
        let payload: Vec<u8> = (0..9000_u32).map(|at| ((at * at) >> 6) as u8).collect();
        GrubCore::new(boot_image(), [0x22; SECTOR], &[0x33; 700], &payload).unwrap()
    }

    #[test]
    fn the_boot_sector_points_at_the_core_and_trusts_dl() {
        let code = core().at(0x1234).unwrap().boot_code;
        assert_eq!(code[..0x5c], [&[0xeb, 0x63, 0x90][..], &[0; 0x57], &[0x11; 2]].concat());
        assert_eq!(code[0x5c..0x64], [0x34, 0x12, 0, 0, 0, 0, 0, 0]);
        assert_eq!(code[0x64..0x69], [0xff, 0x11, 0x90, 0x90, 0x11]);
    }

    #[test]
    fn the_block_list_has_one_entry_for_the_sectors_behind_the_first() {
        let core = core();
        let placed = core.at(2048).unwrap().core;
        assert_eq!(placed.len() % 512, 0);
        let rest = (placed.len() / 512 - 1) as u8;
        let entry = [0x01, 0x08, 0, 0, 0, 0, 0, 0, rest, 0, 0x20, 0x08];
        assert_eq!(placed[0x1e8..0x200], [&[0; 12][..], &entry].concat());
        assert_eq!(u64::from(rest) + 1, core.sectors());
    }

    #[test]
    fn the_decompressor_knows_both_sizes_and_no_parity() {
        let core = core();
        let body = &core.image()[512..];
        let sizes = [((body.len() - 700) as u32).to_le_bytes(), 9000_u32.to_le_bytes(), [0; 4]].concat();
        assert_eq!(body[8..20], sizes);
        assert_eq!(body[20..700], [0x33; 680]);
        let old = OldCore::parse(core.image()).unwrap();
        assert_eq!((old.decompressor.len(), old.payload.len()), (700, 9000));
    }

    #[test]
    fn what_passes_a_limit_is_refused() {
        let new =
            |decompressor: usize| GrubCore::new(boot_image(), [0; SECTOR], &vec![0; decompressor], b"x");
        assert!(new(0xe00).is_ok());
        assert!(matches!(new(0xe01), Err(Damage::TooLarge)));
        assert!(matches!(new(0x13), Err(Damage::Decompressor)));
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let noise: Vec<u8> = noise.take(0x70000).collect();
        let large = GrubCore::new(boot_image(), [0; SECTOR], &[0; 700], &noise);
        assert!(matches!(large, Err(Damage::TooLarge)));
        let no_boot_sector = GrubCore::new([0; SECTOR], [0; SECTOR], &[0; 700], b"x");
        assert!(matches!(no_boot_sector, Err(Damage::BootImage)));
        assert!(core().at(0).is_err() && core().at(1 << 54).is_err() && core().at(1).is_ok());
    }
}
