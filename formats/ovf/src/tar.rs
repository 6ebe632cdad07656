#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::{Error, ErrorKind, Result, Timestamp};

/// The header of a regular file: POSIX ustar for what that can hold, GNU's binary size for members of 8 GiB and more.
/// pax headers, which would be the standard's way, are what importers refuse.
///
/// # Errors
/// `ErrorKind::LimitExceeded` for a name of more than 100 bytes; `ErrorKind::Unsupported` for a time that a header cannot
/// hold.
///
/// # Reference
/// POSIX.1-1988 `ustar`; GNU tar manual, "Basic Tar Format".
pub(crate) fn header(name: &str, size: u64, time: Timestamp) -> Result<[u8; BLOCK]> {
    if name.len() > MAX_NAME {
        let text = format!("{name} has more than the {MAX_NAME} bytes that a member's name can have");
        return Err(Error::new(ErrorKind::LimitExceeded, text).with_field("name"));
    }
    let seconds =
        u64::try_from(time.seconds).ok().filter(|seconds| *seconds < OCTAL_LIMIT).ok_or_else(|| {
            let text = format!(
                "{} is a time before 1970 or after 2242, which a tar archive cannot hold",
                time.seconds
            );
            Error::new(ErrorKind::Unsupported, text).with_field("timestamp")
        })?;
    let is_large = size >= OCTAL_LIMIT;
    let mut header = [0; BLOCK];
    put(&mut header, 0, name.as_bytes());
    put(&mut header, 100, b"0000644\0"); // mode
    put(&mut header, 108, b"0000000\0"); // uid
    put(&mut header, 116, b"0000000\0"); // gid
    if is_large {
        put(&mut header, 124, &[0x80, 0, 0, 0]); // size, binary, big-endian
        put(&mut header, 128, &size.to_be_bytes());
    } else {
        put(&mut header, 124, format!("{size:011o}\0").as_bytes()); // size
    }
    put(&mut header, 136, format!("{seconds:011o}\0").as_bytes()); // mtime
    put(&mut header, 148, b"        "); // chksum, while it is computed
    put(&mut header, 156, b"0"); // typeflag: regular file
    put(&mut header, 257, if is_large { b"ustar  \0" } else { b"ustar\x0000" }); // magic, version
    let sum = header.iter().fold(0_u32, |sum, byte| sum.saturating_add(u32::from(*byte)));
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

/// The bytes of a member with its header, padded; saturating.
pub(crate) fn member_len(size: u64) -> u64 {
    padded(size).saturating_add(512)
}

/// `size` in whole blocks; saturating.
pub(crate) fn padded(size: u64) -> u64 {
    size.div_ceil(512).saturating_mul(512)
}

/// The bytes of an archive whose members end at `end`: two blocks of zeros, then to whole records, as GNU tar does.
/// Saturating.
pub(crate) fn archive_len(end: u64) -> u64 {
    end.saturating_add(1024).div_ceil(RECORD).saturating_mul(RECORD)
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, from) in header.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// Bytes of a header, and the unit of members.
pub(crate) const BLOCK: usize = 512;
const RECORD: u64 = 10_240;
const MAX_NAME: usize = 100;
/// What eleven octal digits cannot hold.
const OCTAL_LIMIT: u64 = 1 << 33;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the numbers of tests are small")]
mod tests {
    use super::*;

    const TIME: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn checksum(header: &[u8; 512]) -> u32 {
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        sum(&header[..148]) + 8 * 32 + sum(&header[156..])
    }

    #[test]
    fn members_below_8_gib_have_plain_ustar_headers() {
        let header = header("img.ovf", (8 << 30) - 1, TIME).unwrap();
        assert_eq!(header[..8], *b"img.ovf\0");
        assert_eq!(header[8..100], [0; 92]);
        assert_eq!(header[100..124], *b"0000644\x000000000\x000000000\0");
        assert_eq!(header[124..136], *b"77777777777\0");
        assert_eq!(header[136..148], *b"14524770400\0");
        assert_eq!(header[148..156], *format!("{:06o}\0 ", checksum(&header)).as_bytes());
        assert_eq!(header[156], b'0');
        assert_eq!(header[157..257], [0; 100]);
        assert_eq!(header[257..265], *b"ustar\x0000");
        assert_eq!(header[265..], [0; 247]);
    }

    #[test]
    fn members_from_8_gib_have_binary_sizes_and_gnu_magic() {
        let header = header("img-disk1.vmdk", 9 << 30, TIME).unwrap();
        assert_eq!(header[124..136], [0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x40, 0, 0, 0]);
        assert_eq!(header[257..265], *b"ustar  \0");
        assert_eq!(header[148..156], *format!("{:06o}\0 ", checksum(&header)).as_bytes());
        assert_eq!(
            super::header("a", 8 << 30, TIME).unwrap()[124..136],
            [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]
        );
    }

    #[test]
    fn names_and_times_that_no_header_holds_are_refused() {
        let error = header(&"x".repeat(101), 1, TIME).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::LimitExceeded, Some("name")));
        assert!(header(&"x".repeat(100), 1, TIME).is_ok());
        for seconds in [-1, 1 << 33] {
            let error = header("a", 1, Timestamp::from_seconds(seconds)).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("timestamp")));
        }
    }

    #[test]
    fn archives_end_with_two_zero_blocks_in_whole_records() {
        assert_eq!((padded(0), padded(1), padded(512), member_len(513)), (0, 512, 512, 1536));
        assert_eq!((archive_len(0), archive_len(9216), archive_len(9728)), (10_240, 10_240, 20_480));
    }
}
