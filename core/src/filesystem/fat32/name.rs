#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::collections::{BTreeMap, BTreeSet};

/// Why FAT cannot hold a name; `None` when it can.
pub(super) fn problem_of(name: &str) -> Option<String> {
    let units = name.encode_utf16().count();
    if name.is_empty() {
        return Some("FAT has no empty names".into());
    }
    if units > MAX_UNITS {
        return Some(format!("the name has {units} UTF-16 units, FAT takes {MAX_UNITS}"));
    }
    if let Some(c) = name.chars().find(|c| u32::from(*c) < 0x20 || ILLEGAL.contains(*c)) {
        return Some(format!("FAT takes no {c:?} in a name"));
    }
    name.ends_with(['.', ' ']).then(|| "FAT names do not end in a dot or space".into())
}

/// Whether Windows takes the name for a device, whatever its extension.
pub(super) fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|digit| matches!(digit.as_bytes(), [b'1'..=b'9']))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// What names of one directory must differ in: FAT compares without case.
pub(super) fn folded(name: &str) -> String {
    let single_upper = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => c,
        }
    };
    name.chars().map(single_upper).collect()
}

/// A name as a directory entry stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortName {
    /// Eight bytes and three, padded with spaces.
    pub(super) bytes: [u8; 11],
    /// Case flags: 8 for a lower-case base, 16 for a lower-case extension.
    pub(super) case: u8,
    /// Slots of the long name before it; 0 when the short name says it all.
    pub(super) long_slots: u8,
}

/// Gives the names of one directory their short names.
///
/// A name that is a short one but for its case has that as its alias; all these must be [`reserved`](Self::reserve)
/// before the first alias is made.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    taken: BTreeSet<[u8; 11]>,
    /// The last number tried for a stem.
    tried: BTreeMap<(Vec<u8>, Vec<u8>), u32>,
}

impl Aliases {
    /// Keeps the short name that only `name` can have.
    pub(super) fn reserve(&mut self, name: &str) {
        if let Some((bytes, _)) = exact(name) {
            self.taken.insert(bytes);
        }
    }

    /// The short name of `name`; `None` when a million names of one stem are taken.
    pub(super) fn short_name(&mut self, name: &str) -> Option<ShortName> {
        let long_slots = u8::try_from(name.encode_utf16().count().div_ceil(UNITS_PER_SLOT)).ok()?;
        match exact(name) {
            Some((bytes, Some(case))) => Some(ShortName { bytes, case, long_slots: 0 }),
            Some((bytes, None)) => Some(ShortName { bytes, case: 0, long_slots }),
            None => Some(ShortName { bytes: self.alias(name)?, case: 0, long_slots }),
        }
    }

    fn alias(&mut self, name: &str) -> Option<[u8; 11]> {
        let (base, extension) = stem(name);
        let key = (base.iter().copied().take(6).collect(), extension.clone());
        let tried = self.tried.entry(key).or_default();
        while *tried < MAX_TAIL {
            *tried = tried.saturating_add(1);
            let tail = format!("~{tried}");
            let kept = 8_usize.saturating_sub(tail.len());
            let base: Vec<u8> = base.iter().copied().take(kept).chain(tail.bytes()).collect();
            let bytes = padded(&base, &extension);
            if self.taken.insert(bytes) {
                return Some(bytes);
            }
        }
        None
    }
}

/// The short name that differs from `name` at most in case, with the case flags if they can say the rest.
fn exact(name: &str) -> Option<([u8; 11], Option<u8>)> {
    let (base, extension) = match name.rsplit_once('.') {
        Some((base, extension)) if !extension.is_empty() => (base, extension),
        Some(_) => return None,
        None => (name, ""),
    };
    let is_short = |part: &str, max: usize| {
        part.len() <= max && part.bytes().all(|byte| is_short_byte(byte.to_ascii_uppercase()))
    };
    if base.is_empty() || !is_short(base, 8) || !is_short(extension, 3) {
        return None;
    }
    let upper = padded(base.to_ascii_uppercase().as_bytes(), extension.to_ascii_uppercase().as_bytes());
    let case = |part: &str, flag: u8| {
        let lower = part.bytes().any(|byte| byte.is_ascii_lowercase());
        let upper = part.bytes().any(|byte| byte.is_ascii_uppercase());
        (!(lower && upper)).then_some(if lower { flag } else { 0 })
    };
    let flags = case(base, LOWER_BASE).zip(case(extension, LOWER_EXTENSION)).map(|(base, ext)| base | ext);
    Some((upper, flags))
}

/// What an alias of `name` begins and ends with: upper case, without spaces and dots, never without a base.
fn stem(name: &str) -> (Vec<u8>, Vec<u8>) {
    let name = name.trim_start_matches(['.', ' ']);
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let short = |part: &str, max: usize| -> Vec<u8> {
        let kept = part.chars().filter(|c| !matches!(c, '.' | ' '));
        let bytes = kept.map(|c| match u8::try_from(c.to_ascii_uppercase()) {
            Ok(byte) if is_short_byte(byte) => byte,
            _ => b'_',
        });
        bytes.take(max).collect()
    };
    let mut base = short(base, 8);
    if base.is_empty() {
        base.push(b'_');
    }
    (base, short(extension, 3))
}

fn padded(base: &[u8], extension: &[u8]) -> [u8; 11] {
    let mut bytes = [b' '; 11];
    let (to_base, to_extension) = bytes.split_at_mut(8);
    for (to, from) in to_base.iter_mut().zip(base).chain(to_extension.iter_mut().zip(extension)) {
        *to = *from;
    }
    bytes
}

fn is_short_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9') || b"$%'-_@~`!(){}^#&".contains(&byte)
}

/// UTF-16 units of a long name that one slot holds.
pub(super) const UNITS_PER_SLOT: usize = 13;
const MAX_UNITS: usize = 255;
const MAX_TAIL: u32 = 999_999;
const LOWER_BASE: u8 = 8;
const LOWER_EXTENSION: u8 = 16;
const ILLEGAL: &str = "\"*/:<>?\\|";

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "expectations, not layout")]
mod tests {
    use super::*;

    fn short(name: &str) -> (String, u8, u8) {
        let mut aliases = Aliases::default();
        aliases.reserve(name);
        let short = aliases.short_name(name).unwrap();
        (String::from_utf8(short.bytes.to_vec()).unwrap(), short.case, short.long_slots)
    }

    #[test]
    fn short_names_need_no_long_one() {
        assert_eq!(short("BOOTX64.EFI"), ("BOOTX64 EFI".into(), 0, 0));
        assert_eq!(short("grub.cfg"), ("GRUB    CFG".into(), 24, 0));
        assert_eq!(short("shimx64.EFI"), ("SHIMX64 EFI".into(), 8, 0));
        assert_eq!(short("README.md"), ("README  MD ".into(), 16, 0));
        assert_eq!(short("a"), ("A          ".into(), 8, 0));
        assert_eq!(short("12345678.123"), ("12345678123".into(), 0, 0));
    }

    #[test]
    fn names_in_mixed_case_keep_their_short_name_as_alias() {
        assert_eq!(short("ReadMe.txt"), ("README  TXT".into(), 0, 1));
        assert_eq!(short("boot.Efi"), ("BOOT    EFI".into(), 0, 1));
    }

    #[test]
    fn all_other_names_get_a_numbered_alias() {
        assert_eq!(short("exactly13char"), ("EXACTL~1   ".into(), 0, 1));
        assert_eq!(short("fourteen.chars"), ("FOURTE~1CHA".into(), 0, 2));
        assert_eq!(short("foo.bar.txt"), ("FOOBAR~1TXT".into(), 0, 1));
        assert_eq!(short(".bashrc"), ("BASHRC~1   ".into(), 0, 1));
        assert_eq!(short(" .txt"), ("TXT~1      ".into(), 0, 1));
        assert_eq!(short("ä b+c.é"), ("_B_C~1  _  ".into(), 0, 1));
        assert_eq!(short("..x. y"), ("X~1     Y  ".into(), 0, 1));
        assert_eq!(short("日本"), ("__~1       ".into(), 0, 1));
        assert_eq!(short("a. b"), ("A~1     B  ".into(), 0, 1));
    }

    #[test]
    fn an_alias_is_never_blank() {
        for name in [" .b", "...a", ". .a", "\u{3000}", ". . .c"] {
            let (alias, ..) = short(name);
            assert_ne!(alias.as_bytes()[0], b' ', "{name:?} became {alias:?}");
        }
    }

    #[test]
    fn aliases_grow_past_9_and_99999_without_taking_a_name_that_is_there() {
        let mut aliases = Aliases::default();
        aliases.reserve("longna~2.txt");
        let mut alias = |name: &str| {
            let bytes = aliases.short_name(name).unwrap().bytes;
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        assert_eq!(alias("long name 0.txt"), "LONGNA~1TXT");
        assert_eq!(alias("long name 1.txt"), "LONGNA~3TXT");
        let mut seen = BTreeSet::new();
        for number in 2..100_100 {
            assert!(seen.insert(alias(&format!("long name {number}.txt"))));
        }
        assert!(seen.contains("LONGN~10TXT") && seen.contains("LO~99999TXT") && seen.contains("L~100000TXT"));
        assert_eq!(alias("longnbody.txt"), "LONGNB~1TXT");
    }

    #[test]
    fn a_stem_has_999999_aliases() {
        let mut aliases = Aliases::default();
        aliases.tried.insert((b"LONGNA".to_vec(), b"TXT".to_vec()), 999_998);
        assert_eq!(aliases.alias("long name.txt").as_ref(), Some(b"L~999999TXT"));
        assert_eq!(aliases.alias("long name.txt"), None);
    }

    #[test]
    fn a_name_that_ends_in_a_dot_is_no_short_one() {
        assert_eq!((exact("boot."), exact(".")), (None, None));
        assert!(exact("boot").is_some());
    }

    #[test]
    fn names_that_fat_cannot_hold_are_told() {
        for name in ["", ".", "..", "a.", "a ", "a:b", "a\\b", "a/b", "tab\t", "nul\0", "q?", "s*", "<", "|"]
        {
            assert!(problem_of(name).is_some(), "{name:?}");
        }
        for name in [".a", " a", "a b", "+,;=[]", "é", "😀", "\u{7f}"] {
            assert_eq!(problem_of(name), None, "{name:?}");
        }
        assert_eq!(problem_of(&"é".repeat(255)), None);
        assert!(problem_of(&"x".repeat(256)).is_some());
        // 127 surrogate pairs and one unit more.
        assert_eq!(problem_of(&format!("{}x", "😀".repeat(127))), None);
        assert!(problem_of(&"😀".repeat(128)).is_some());
    }

    #[test]
    fn device_names_and_case_are_known() {
        assert!(["con", "NUL.txt", "Com1", "lpt9.a.b", "aux "].into_iter().all(is_device));
        assert!(!["console", "com0", "com10", "null", "xcon"].into_iter().any(is_device));
        assert_eq!(folded("Éa.ß"), "ÉA.ß");
        assert_eq!(folded("éA.ß"), "ÉA.ß");
    }
}
