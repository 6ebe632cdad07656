#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::Damage;
use super::elf::u32_at;

/// What stands behind the kernel, in GRUB's own order: modules (what they need before them), configuration, prefix.
pub(super) struct Payload<'a> {
    /// The kernel as it stands in memory, without `.bss`.
    pub(super) kernel: &'a [u8],
    /// Files of modules, each after what it needs.
    pub(super) modules: &'a [Vec<u8>],
    /// Commands of the rescue parser.
    pub(super) config: &'a str,
    /// Directory with GRUB's own files, as long as the configuration says no other.
    pub(super) prefix: &'a str,
}

impl Payload<'_> {
    /// The bytes that are compressed into the core image.
    ///
    /// # Reference
    /// GRUB 2.06, `include/grub/kernel.h`: `grub_module_info32`, `grub_module_header`.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Damage> {
        let mut objects = Vec::new();
        for module in self.modules {
            push_object(&mut objects, OBJECT_ELF, module, 0)?;
        }
        push_object(&mut objects, OBJECT_CONFIG, self.config.as_bytes(), 1)?;
        push_object(&mut objects, OBJECT_PREFIX, self.prefix.as_bytes(), 1)?;
        let size = objects.len().checked_add(INFO_SIZE).and_then(|size| u32::try_from(size).ok());
        let mut bytes = self.kernel.to_vec();
        bytes.extend_from_slice(&INFO_START); // magic, offset
        bytes.extend_from_slice(&size.ok_or(Damage::TooLarge)?.to_le_bytes()); // size
        bytes.append(&mut objects);
        Ok(bytes)
    }
}

/// Takes a payload apart again: the kernel and the files of the modules, in order.
pub(super) fn take_apart(payload: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), Damage> {
    let at = payload
        .windows(INFO_START.len())
        .position(|window| window == INFO_START)
        .ok_or(Damage::NoModuleInfo)?;
    let (kernel, info) = payload.split_at_checked(at).ok_or(Damage::NoModuleInfo)?;
    let size = u32_at(info, 8).and_then(|size| usize::try_from(size).ok()).ok_or(Damage::NoModuleInfo)?;
    let mut left = info.get(INFO_SIZE..size).ok_or(Damage::NoModuleInfo)?;
    let mut modules = Vec::new();
    while !left.is_empty() {
        let kind = u32_at(left, 0).ok_or(Damage::ModuleObject)?;
        let size = u32_at(left, 4).and_then(|size| usize::try_from(size).ok()).ok_or(Damage::ModuleObject)?;
        let bytes = left.get(OBJECT_HEADER_SIZE..size).ok_or(Damage::ModuleObject)?;
        if kind == OBJECT_ELF {
            modules.push(bytes.to_vec());
        }
        left = left.get(size..).ok_or(Damage::ModuleObject)?;
    }
    Ok((kernel.to_vec(), modules))
}

/// Appends one object, its content followed by at least `zeros` zeros up to a multiple of four bytes.
fn push_object(objects: &mut Vec<u8>, kind: u32, content: &[u8], zeros: usize) -> Result<(), Damage> {
    let padded = content.len().checked_add(zeros).and_then(|len| len.checked_next_multiple_of(4));
    let padded = padded.ok_or(Damage::TooLarge)?;
    let size = padded.checked_add(OBJECT_HEADER_SIZE).and_then(|size| u32::try_from(size).ok());
    objects.extend_from_slice(&kind.to_le_bytes()); // type
    objects.extend_from_slice(&size.ok_or(Damage::TooLarge)?.to_le_bytes()); // size, header included
    objects.extend_from_slice(content);
    objects.extend(std::iter::repeat_n(0, padded.saturating_sub(content.len())));
    Ok(())
}

/// `grub_module_info32`: magic "mimg", offset of the first object 12.
const INFO_START: [u8; 8] = *b"mimg\x0c\0\0\0";
const INFO_SIZE: usize = 12;
const OBJECT_HEADER_SIZE: usize = 8;
const OBJECT_ELF: u32 = 0;
const OBJECT_CONFIG: u32 = 2;
const OBJECT_PREFIX: u32 = 3;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests fail loudly")]
mod tests {
    use super::*;

    const ENCODED: &[u8] = b"kernel\
        mimg\x0c\0\0\0\x38\0\0\0\
        \0\0\0\0\x10\0\0\0module\0\0\
        \x02\0\0\0\x0c\0\0\0set\0\
        \x03\0\0\0\x10\0\0\0/dir\0\0\0\0";

    #[test]
    fn objects_follow_the_kernel_padded_to_four_bytes() {
        let modules = [b"module".to_vec()];
        let payload = Payload { kernel: b"kernel", modules: &modules, config: "set", prefix: "/dir" };
        assert_eq!(payload.encode().unwrap().escape_ascii().to_string(), ENCODED.escape_ascii().to_string());
    }

    #[test]
    fn a_payload_comes_apart_into_kernel_and_modules() {
        let (kernel, modules) = take_apart(ENCODED).unwrap();
        assert_eq!(kernel, b"kernel");
        assert_eq!(modules, [b"module\0\0".to_vec()]);
    }

    #[test]
    fn truncated_and_senseless_payloads_are_refused() {
        for len in 0..ENCODED.len() {
            assert!(take_apart(&ENCODED[..len]).is_err(), "{len} bytes");
        }
        let mut short_object = ENCODED.to_vec();
        short_object[6 + 12 + 4] = 7;
        assert!(take_apart(&short_object).is_err());
        let mut long_object = ENCODED.to_vec();
        long_object[6 + 12 + 4..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(take_apart(&long_object).is_err());
    }
}
