//! Archives that end before their end: at every block, and at odd places.

use crate::corpus::{Hostile, Refused, hostile};
use crate::tar_support::{Archive, GNU, Head, octal};

pub(crate) fn push(all: &mut Vec<Hostile>) {
    let long = "long/".repeat(40);
    let map = [octal(0, 12), octal(512, 12), octal(1024, 12), octal(188, 12)].concat();
    let old_sparse = Head::new(b'S', "s").magic(GNU).size(700).patch(386, map).patch(483, octal(1212, 12));
    let whole = Archive::default()
        .dir("d/")
        .file("d/f", vec![b'd'; 1500])
        .long(b'L', &long)
        .head(Head::new(b'0', "short").magic(GNU).size(700))
        .data(vec![b'l'; 700])
        .long(b'K', long.repeat(5))
        .head(Head::new(b'2', "link").magic(GNU).link("short"))
        .pax(b'g', &[("comment", b"global")])
        .pax(b'x', &[("path", b"by record"), ("mtime", b"1.5")])
        .file("p", "pax")
        .head(old_sparse)
        .data(vec![b's'; 700])
        .file("last", "")
        .end()
        .0;
    // The end mark is two blocks: one is too few.
    for end in (0..whole.len() - 512).step_by(512) {
        all.push(hostile(format!("cut/block-{end}"), Archive(whole[..end].to_vec()), Refused));
    }
    for number in 0..64_usize {
        let end = (number * 7919 + 1) % (whole.len() - 1024);
        let end = if end.is_multiple_of(512) { end + 3 } else { end };
        all.push(hostile(format!("cut/byte-{end}"), Archive(whole[..end].to_vec()), Refused));
    }
}
