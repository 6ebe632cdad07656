/// Whether an alias of a driver, a pattern with `*`, `?` and `[a-z]`, is for a device that calls itself `device`.
///
/// `-` and `_` are the same outside of brackets, as for modprobe.
///
/// Cost: in the worst case the product of the lengths, which are those of lines of a table.
///
/// # Reference
/// modules.alias as depmod(8) writes it; fnmatch(3) without flags.
pub(crate) fn matches(pattern: &[u8], device: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where the last star stands, and how much of the device it has taken.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let next = pattern.get(at).copied();
        let taken = match (next, device.get(seen)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((at, seen));
                at += 1;
                continue;
            }
            (Some(b'?'), Some(_)) => Some(1),
            (Some(b'['), Some(byte)) => bracket(&pattern[at..], *byte),
            (Some(wanted), Some(byte)) if underscored(wanted) == underscored(*byte) => Some(1),
            _ => None,
        };
        match (taken, star) {
            (Some(len), _) => {
                at += len;
                seen += 1;
            }
            (None, Some((star_at, given))) if given < device.len() => {
                star = Some((star_at, given + 1));
                (at, seen) = (star_at + 1, given + 1);
            }
            (None, _) => return false,
        }
    }
}

/// The length of the bracket expression at the start of `pattern` if it has `byte` in it; one that does not end matches
/// nothing.
fn bracket(pattern: &[u8], byte: u8) -> Option<usize> {
    let is_negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if is_negated { 2 } else { 1 };
    // A bracket that stands first is a member.
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|member| *member == b']')?;
    let members = pattern.get(start..end)?;
    let mut at = 0;
    let mut is_member = false;
    while let Some(low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some(b'-'), Some(high)) => {
                is_member |= (*low..=*high).contains(&byte);
                at += 3;
            }
            _ => {
                is_member |= *low == byte;
                at += 1;
            }
        }
    }
    (is_member != is_negated).then_some(end + 1)
}

fn underscored(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_those_of_fnmatch() {
        let cases: [(&str, &str, bool); 15] = [
            ("pci:v00001000d00000030sv*sd*bc*sc*i*", "pci:v00001000d00000030sv00001000sd1bc01sc00i00", true),
            ("pci:v00001000d00000030sv*sd*bc*sc*i*", "pci:v00001000d00000054sv00001000sd1bc01sc00i00", false),
            ("pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv1sd2bc01sc06i01", true),
            ("acpi*:VMBUS:*", "acpi:VMBUS:", true),
            ("usb:v*p*d*dc*dsc*dp*ic08isc0[1-6]ip*in*", "usb:v1p2d3dc4dsc5dp6ic08isc06ip7in8", true),
            ("a[!b-d]c", "aec", true),
            ("a[!b-d]c", "acc", false),
            ("a[]x]b", "a]b", true),
            ("a[b", "ab", false),
            ("crypto-crc32c", "crypto_crc32c", true),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "axxbyybzzc", true),
            ("a*b*c", "axxbyybzz", false),
            ("", "a", false),
        ];
        for (pattern, device, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), device.as_bytes()), expected, "{pattern} {device}");
        }
    }
}
