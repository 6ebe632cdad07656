#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::Damage;

/// A little-endian ELF32 file for the i386, its section table parsed and checked against the file's length.
///
/// # Reference
/// System V ABI, "ELF Header" and "Section Header".
pub(super) struct Elf32<'a> {
    sections: Vec<Section<'a>>,
}

struct Section<'a> {
    name: &'a [u8],
    kind: u32,
    flags: u32,
    address: u32,
    size: u32,
    /// Empty for a section without bytes in the file.
    bytes: &'a [u8],
}

impl<'a> Elf32<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, Damage> {
        let identification: [u8; 7] = array_at(file, 0).ok_or(Damage::NotElf)?;
        if identification != *b"\x7fELF\x01\x01\x01" || u16_at(file, 0x12) != Some(EM_386) {
            return Err(Damage::NotElf);
        }
        let table = u32_at(file, 0x20).ok_or(Damage::NotElf)?; // e_shoff
        let entry_size = u16_at(file, 0x2e); // e_shentsize
        let count = u16_at(file, 0x30).ok_or(Damage::NotElf)?; // e_shnum
        if entry_size != Some(SECTION_HEADER_SIZE) || count > MAX_SECTIONS {
            return Err(Damage::SectionTable);
        }
        let headers: Vec<&[u8]> = (0..count)
            .map(|index| {
                let offset = u32::from(index)
                    .checked_mul(u32::from(SECTION_HEADER_SIZE))
                    .and_then(|offset| offset.checked_add(table));
                slice(file, offset?, u32::from(SECTION_HEADER_SIZE))
            })
            .collect::<Option<_>>()
            .ok_or(Damage::SectionTable)?;
        let names = u16_at(file, 0x32) // e_shstrndx
            .and_then(|index| headers.get(usize::from(index)))
            .and_then(|header| slice(file, u32_at(header, 0x10)?, u32_at(header, 0x14)?))
            .ok_or(Damage::SectionTable)?;
        let sections = headers
            .iter()
            .map(|header| Section::parse(file, header, names))
            .collect::<Option<_>>()
            .ok_or(Damage::SectionTable)?;
        Ok(Self { sections })
    }

    /// The bytes of the section called `name`.
    pub(super) fn section(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.sections.iter().find(|section| section.name == name).map(|section| section.bytes)
    }

    /// The loaded form of a kernel that is linked at 0x9000: text and data, without the zeros of `.bss`, for which
    /// there must be room all the same.
    pub(super) fn raw_kernel(&self) -> Result<Vec<u8>, Damage> {
        let mut bytes = Vec::new();
        for section in self.sections.iter().filter(|section| section.flags & SHF_ALLOC != 0) {
            let start = section.address.checked_sub(KERNEL_ADDRESS).ok_or(Damage::KernelAddress)?;
            let end = start.checked_add(section.size).ok_or(Damage::KernelAddress)?;
            if end > MAX_KERNEL_MEMORY {
                return Err(Damage::KernelAddress);
            }
            let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else {
                return Err(Damage::KernelAddress);
            };
            if section.kind == SHT_NOBITS {
                continue;
            }
            bytes.resize(bytes.len().max(end), 0);
            let place = bytes.get_mut(start..end).ok_or(Damage::KernelAddress)?;
            if place.len() != section.bytes.len() {
                return Err(Damage::SectionTable);
            }
            place.copy_from_slice(section.bytes);
        }
        if bytes.is_empty() {
            return Err(Damage::KernelAddress);
        }
        Ok(bytes)
    }
}

impl<'a> Section<'a> {
    fn parse(file: &'a [u8], header: &[u8], names: &'a [u8]) -> Option<Self> {
        let kind = u32_at(header, 0x04)?; // sh_type
        let size = u32_at(header, 0x14)?; // sh_size
        let bytes = match kind {
            SHT_NULL | SHT_NOBITS => &[],
            _ => slice(file, u32_at(header, 0x10)?, size)?, // sh_offset
        };
        let name = names.get(usize::try_from(u32_at(header, 0)?).ok()?..)?;
        let name = name.split(|byte| *byte == 0).next()?;
        let flags = u32_at(header, 0x08)?; // sh_flags
        let address = u32_at(header, 0x0c)?; // sh_addr
        Some(Self { name, kind, flags, address, size, bytes })
    }
}

/// The 16-bit little-endian number at `offset`, if the bytes reach that far.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array_at(bytes, offset).map(u16::from_le_bytes)
}

/// The 32-bit little-endian number at `offset`, if the bytes reach that far.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array_at(bytes, offset).map(u32::from_le_bytes)
}

/// The `N` bytes at `offset`, if the bytes reach that far.
pub(super) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

fn slice(file: &[u8], offset: u32, len: u32) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    file.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// Where the kernel of i386-pc is linked and decompressed to.
const KERNEL_ADDRESS: u32 = 0x9000;
/// Kernel, `.bss` and all must end at 0x68000.
const MAX_KERNEL_MEMORY: u32 = 0x5f000;
const EM_386: u16 = 3;
const SECTION_HEADER_SIZE: u16 = 40;
/// GRUB's files have about a dozen.
const MAX_SECTIONS: u16 = 256;
const SHT_NULL: u32 = 0;
const SHT_NOBITS: u32 = 8;
const SHF_ALLOC: u32 = 2;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests fail loudly")]
mod tests {
    use super::*;

    /// A file with sections `.text` (8 bytes at 0x9000), `.data` (4 at 0x9010), `.bss` (0x20 at 0x9014) and names.
    fn file() -> Vec<u8> {
        let mut file = b"\x7fELF\x01\x01\x01".to_vec();
        file.resize(0x34, 0);
        file[0x12] = 3;
        let text = file.len() as u32;
        file.extend_from_slice(b"textTEXT");
        let data = file.len() as u32;
        file.extend_from_slice(b"data");
        let names = file.len() as u32;
        file.extend_from_slice(b"\0.text\0.data\0.bss\0.names\0");
        let names_len = file.len() as u32 - names;
        let table = file.len() as u32;
        let sections = [
            [0; 6],
            [1, 1, 2, 0x9000, text, 8],
            [7, 1, 2, 0x9010, data, 4],
            [13, 8, 2, 0x9014, data, 0x20],
            [18, 3, 0, 0, names, names_len],
        ];
        for section in sections {
            for value in section {
                file.extend_from_slice(&value.to_le_bytes());
            }
            file.extend_from_slice(&[0; 16]);
        }
        file[0x20..0x24].copy_from_slice(&table.to_le_bytes());
        file[0x2e] = 40;
        file[0x30] = 5;
        file[0x32] = 4;
        file
    }

    #[test]
    fn the_raw_kernel_has_text_gap_and_data_but_no_bss() {
        let file = file();
        let elf = Elf32::parse(&file).unwrap();
        assert_eq!(elf.raw_kernel().unwrap(), b"textTEXT\0\0\0\0\0\0\0\0data");
        assert_eq!(elf.section(b".data"), Some(&b"data"[..]));
        assert_eq!(elf.section(b".none"), None);
    }

    #[test]
    fn every_truncation_is_refused() {
        let file = file();
        for len in 0..file.len() {
            assert!(Elf32::parse(&file[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn sections_outside_the_kernels_memory_are_refused() {
        for (address, size) in [(0x8fff_u32, 8_u32), (0x9000 + 0x5f000, 8), (u32::MAX, 8), (0x9000, u32::MAX)]
        {
            let mut file = file();
            let header = file.len() - 2 * 40;
            file[header + 0x0c..header + 0x10].copy_from_slice(&address.to_le_bytes());
            file[header + 0x14..header + 0x18].copy_from_slice(&size.to_le_bytes());
            assert!(Elf32::parse(&file).unwrap().raw_kernel().is_err(), "{address:#x} {size:#x}");
        }
    }
}
