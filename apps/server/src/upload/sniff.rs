/// What an upload is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing at all.
    Empty,
    /// A tar archive, or something packed, in which only an archive can be.
    Tar,
    /// Perhaps JSON.
    Json,
    /// Perhaps XML.
    Xml,
    /// Something else.
    Other,
}

/// What something is that begins with `start`: [`START`] bytes, fewer only where it has no more.
pub(super) fn kind_of(start: &[u8]) -> Kind {
    // A header wins: the name in it may begin with anything.
    if is_tar_header(start) {
        return Kind::Tar;
    }
    match start {
        [] => return Kind::Empty,
        // gzip, zstd and its skippable frames, xz, bzip2.
        [0x1f, 0x8b, ..]
        | [0x28, 0xb5, 0x2f, 0xfd, ..]
        | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
        | [0xfd, b'7', b'z', b'X', b'Z', 0, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Kind::Tar,
        _ => {}
    }
    let text = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Kind::Json,
        Some(b'<') => Kind::Xml,
        _ => Kind::Other,
    }
}

/// Whether something that begins with `start`, 512 bytes if it has them, may be a tar archive, packed or not.
pub(crate) fn is_archive(start: &[u8]) -> bool {
    kind_of(start) == Kind::Tar
}

/// Whether `start` is the header of a tar member: its checksum holds, added up as bytes with or without sign.
fn is_tar_header(start: &[u8]) -> bool {
    let Some(block) = start.first_chunk::<START>() else { return false };
    let digits = block[148..156].iter().skip_while(|byte| **byte == b' ');
    let digits = digits.take_while(|byte| (b'0'..=b'7').contains(byte));
    let stated = digits.fold(None, |sum: Option<i64>, digit| {
        Some(sum.unwrap_or(0).wrapping_mul(8).wrapping_add(i64::from(digit - b'0')))
    });
    // The field itself counts as blanks.
    let counted =
        || block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    let unsigned: i64 = counted().map(i64::from).sum();
    let signed: i64 = counted().map(|byte| i64::from(byte.cast_signed())).sum();
    stated.is_some_and(|stated| stated == unsigned || stated == signed)
}

/// As many bytes as tell the kind: those of a tar header.
pub(super) const START: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        let tar =
            std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar"));
        let tar = tar.unwrap();
        for (start, kind) in [
            (&tar[..512], Kind::Tar),
            (&tar[..511], Kind::Other),
            (&[0; 512], Kind::Other),
            (b"\x1f\x8b\x08", Kind::Tar),
            (b"\x28\xb5\x2f\xfd", Kind::Tar),
            (b"\xfd7zXZ\0", Kind::Tar),
            (b"BZh9", Kind::Tar),
            (b" \n{}", Kind::Json),
            (b"\xef\xbb\xbf<scan/>", Kind::Xml),
            (b"PK\x03\x04", Kind::Other),
            (b"", Kind::Empty),
        ] {
            assert_eq!(kind_of(start), kind, "{:?}", &start[..start.len().min(8)]);
        }
    }
}
