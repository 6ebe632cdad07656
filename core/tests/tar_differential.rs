//! Whatever archive is accepted, GNU tar, Python's tarfile and libarchive see the same in it.

mod tar_support;

use diskwright_oracle::{figure, is_full, tool};
use tar_support::readers::{Accepted, differences};
use tar_support::{Archive, GNU, Head, USTAR, V7, base256, octal, record};

/// Small, seeded, good enough to bend archives.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }
}

/// A header and what follows it up to the next.
#[derive(Clone)]
struct Part {
    head: Head,
    body: Vec<u8>,
}

fn part(head: Head, body: impl AsRef<[u8]>) -> Part {
    let body = body.as_ref();
    let head = if body.is_empty() { head } else { head.size(body.len() as u64) };
    Part { head, body: body.to_vec() }
}

fn pax(flag: u8, records: &[(&str, Vec<u8>)]) -> Part {
    let body: Vec<u8> = records.iter().flat_map(|(keyword, value)| record(keyword, value)).collect();
    part(Head::new(flag, "PaxHeaders/x"), body)
}

fn long(flag: u8, name: &[u8]) -> Part {
    part(Head::new(flag, "././@LongLink").magic(GNU), [name, b"\0"].concat())
}

fn content(dice: &mut Dice) -> Vec<u8> {
    let len = dice.pick(&[0, 1, 100, 511, 512, 513, 1024, 1500]);
    (0..len).map(|_| b'a' + dice.roll(26) as u8).collect()
}

fn name(dice: &mut Dice, number: usize) -> Vec<u8> {
    let shape =
        dice.pick(&["f", "./f", "d/f", "d/./f", "/f", "a b", "tab\tnew\nline", "w -> x", "\u{e9}", "-rf"]);
    format!("{shape}{number}").into_bytes()
}

/// The parts of one well-formed member.
fn member(dice: &mut Dice, number: usize, earlier: &[Vec<u8>]) -> Vec<Part> {
    let name = name(dice, number);
    let text = |value: usize| value.to_string().into_bytes();
    let magic = dice.pick(&[USTAR, USTAR, GNU, V7]);
    let data = content(dice);
    let long_name = [&b"long-name/".repeat(12)[..], &name].concat();
    match dice.roll(17) {
        0 => vec![part(Head::new(dice.pick(b"00\x007"), &name).magic(magic), data)],
        1 => vec![part(Head::new(b'5', [&name[..], b"/"].concat()).magic(magic), "")],
        2 => vec![part(Head::new(0, [&name[..], b"/"].concat()).magic(magic), "")],
        3 => vec![part(Head::new(b'2', &name).magic(magic).link("some -> where"), "")],
        4 => match earlier.is_empty() {
            true => vec![part(Head::new(b'6', &name), "")],
            false => vec![part(Head::new(b'1', &name).magic(magic).link(dice.pick(earlier)), "")],
        },
        5 => vec![part(Head { major: octal(1, 8), minor: octal(3, 8), ..Head::new(b'3', &name) }, "")],
        6 => vec![long(b'L', &long_name), part(Head::new(b'0', &name).magic(GNU), data)],
        7 => vec![
            long(b'K', &long_name),
            long(b'L', &long_name),
            part(Head::new(b'2', &name).magic(GNU).link("short"), ""),
        ],
        8 => vec![pax(b'x', &[("path", long_name)]), part(Head::new(b'0', &name), data)],
        9 => {
            let records = [("size", text(data.len())), ("mtime", b"1700000000.25".to_vec())];
            let mut file = part(Head::new(b'0', &name), &data);
            file.head = file.head.size(dice.pick(&[0, data.len(), data.len() + 512, 7]) as u64);
            vec![pax(b'x', &records), file]
        }
        10 => {
            let records = [("linkpath", long_name), ("uid", text(70_000)), ("comment", b"x".to_vec())];
            vec![pax(b'x', &records), part(Head::new(b'2', &name).link("short"), "")]
        }
        11 => vec![part(Head { prefix: b"pre/fix".to_vec(), ..Head::new(b'0', &name) }, data)],
        12 => {
            let mut file = part(Head::new(b'0', &name).magic(GNU), &data);
            file.head.size = base256(data.len() as i64, 12);
            file.head.uid = base256(3_000_000, 8);
            file.head.mtime = base256(dice.pick(&[-5, 5_000_000_000]), 12);
            vec![file]
        }
        13 => vec![pax(b'g', &[("comment", b"all".to_vec())]), part(Head::new(b'0', &name), data)],
        14 => vec![
            pax(b'x', &[("mtime", b"-1.5".to_vec())]),
            long(b'L', &long_name),
            part(Head::new(b'0', &name).magic(GNU), data),
        ],
        _ => sparse(dice, &name),
    }
}

/// A sparse file in one of the four formats.
fn sparse(dice: &mut Dice, name: &[u8]) -> Vec<Part> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut end = 0;
    for _ in 0..dice.pick(&[0, 1, 2, 3, 5, 30]) {
        let offset = end + 512 * dice.roll(3);
        let len = 512 * (1 + dice.roll(2));
        ranges.push((offset, len));
        end = offset + len;
    }
    if let Some(last) = ranges.last_mut().filter(|_| dice.roll(2) == 0) {
        last.1 -= 200;
        end -= 200;
    }
    let real_size = end + dice.pick(&[0, 0, 1000, 4096]);
    if real_size > end || ranges.is_empty() {
        ranges.push((real_size, 0));
    }
    let data: Vec<u8> =
        ranges.iter().flat_map(|(_, len)| (0..*len).map(|at| b'A' + (at % 26) as u8)).collect();
    let text = |value: usize| value.to_string().into_bytes();
    let count = ("GNU.sparse.numblocks", text(ranges.len()));
    match dice.roll(4) {
        0 => {
            let entry =
                |(offset, len): &(usize, usize)| [octal(*offset as u64, 12), octal(*len as u64, 12)].concat();
            let entries: Vec<Vec<u8>> = ranges.iter().map(entry).collect();
            let first = entries.iter().take(4).flatten().copied().collect::<Vec<u8>>();
            let mut body = Vec::new();
            let rest = &entries[entries.len().min(4)..];
            for (at, block) in rest.chunks(21).enumerate() {
                let mut block = block.concat();
                block.resize(504, 0);
                block.push(u8::from(rest.len() > (at + 1) * 21));
                block.resize(512, 0);
                body.extend(block);
            }
            body.extend(&data);
            let head = Head::new(b'S', name).magic(GNU).patch(386, first);
            let head = head.patch(482, [u8::from(!rest.is_empty())]).patch(483, octal(real_size as u64, 12));
            vec![Part { head: head.size(data.len() as u64), body }]
        }
        1 => {
            let mut records = vec![("GNU.sparse.size", text(real_size)), count];
            for (offset, len) in &ranges {
                records.extend([("GNU.sparse.offset", text(*offset)), ("GNU.sparse.numbytes", text(*len))]);
            }
            vec![pax(b'x', &records), part(Head::new(b'0', name), data)]
        }
        2 => {
            let numbers: Vec<String> = ranges.iter().map(|(offset, len)| format!("{offset},{len}")).collect();
            let records = [
                ("GNU.sparse.size", text(real_size)),
                count,
                ("GNU.sparse.name", name.to_vec()),
                ("GNU.sparse.map", numbers.join(",").into_bytes()),
            ];
            vec![pax(b'x', &records), part(Head::new(b'0', "GNUSparseFile.1/x"), data)]
        }
        _ => {
            let lines: Vec<String> =
                ranges.iter().map(|(offset, len)| format!("{offset}\n{len}\n")).collect();
            let mut body = format!("{}\n{}", ranges.len(), lines.concat()).into_bytes();
            body.resize(body.len().next_multiple_of(512), 0);
            body.extend(&data);
            let records = [
                ("GNU.sparse.major", text(1)),
                ("GNU.sparse.minor", text(0)),
                ("GNU.sparse.name", name.to_vec()),
                ("GNU.sparse.realsize", text(real_size)),
            ];
            vec![pax(b'x', &records), part(Head::new(b'0', "GNUSparseFile.1/x"), body)]
        }
    }
}

/// Makes one thing about an archive unusual.
fn bend(dice: &mut Dice, parts: &mut Vec<Part>) {
    let at = dice.roll(parts.len());
    let other = dice.roll(parts.len());
    let part = &mut parts[at];
    match dice.roll(13) {
        0 | 1 => {
            let position =
                dice.pick(&[0, 1, 99, 100, 107, 124, 134, 135, 156, 157, 257, 262, 263, 264, 345, 482, 483]);
            part.head = part.head.clone().patch(position, [dice.pick(b"\0 079/ax\x80\xff")]);
        }
        2 => part.head = part.head.clone().patch(dice.roll(512), [dice.pick(b"\0 079/ax\x80\xff")]),
        3 if !part.body.is_empty() => {
            let position = dice.roll(part.body.len());
            part.body[position] = dice.pick(b"\0\n =,0179/ax\xff");
        }
        4 => part.head.flag = dice.pick(b"\x00012345670789xgLKSVMDNXA"),
        5 => {
            let size = dice.pick(&[0, 1, 512, 513, 1024]);
            part.head.size = dice.pick(&[
                octal(size, 12),
                base256(size as i64, 12),
                b"           1".to_vec(),
                vec![0; 12],
            ]);
        }
        6 => part.body.extend(vec![0; 512]),
        7 => part.body.truncate(part.body.len().saturating_sub(512)),
        8 => {
            parts.remove(at);
        }
        9 => parts.swap(at, other),
        10 => {
            let copy = parts[at].clone();
            parts.insert(other, copy);
        }
        11 => part.head.magic = dice.pick(&[USTAR, GNU, V7, *b"ustar\0  ", *b"ustar   ", *b"ustar00\0"]),
        _ => {
            let extra =
                dice.pick(&["size", "path", "linkpath", "GNU.sparse.size", "GNU.sparse.name", "hdrcharset"]);
            let value = dice.pick(&["0", "512", "", "name", "BINARY", "a/b/"]);
            if part.head.flag == b'x' {
                let more = record(extra, value.as_bytes());
                if dice.roll(2) == 0 {
                    part.body.extend(more)
                } else {
                    drop(part.body.splice(0..0, more))
                }
                part.head.size = octal(part.body.len() as u64, 12);
            } else {
                parts.insert(at, pax(b'x', &[(extra, value.into())]));
            }
        }
    }
}

fn archive(seed: u64) -> Archive {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..10).for_each(|_| _ = dice.roll(2));
    let mut parts = Vec::new();
    let mut names = Vec::new();
    for number in 0..1 + dice.roll(5) {
        parts.extend(member(&mut dice, number, &names));
        names.push(parts.last().unwrap().head.name.clone());
    }
    for _ in 0..dice.pick(&[0, 0, 1, 1, 1, 1, 2, 3]) {
        if !parts.is_empty() {
            bend(&mut dice, &mut parts);
        }
    }
    let archive =
        parts.into_iter().fold(Archive::default(), |archive, part| archive.head(part.head).data(part.body));
    archive.end()
}

#[test]
fn accepted_archives_are_read_the_same_by_three_other_readers() {
    let (Some(python), Some(_)) = (tool("python3"), tool("tar")) else { return };
    let count = std::env::var("DISKWRIGHT_TAR_ARCHIVES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(if is_full() { 10_000 } else { 600 });
    let first = std::env::var("DISKWRIGHT_TAR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    let place = tempfile::tempdir().unwrap();
    let mut accepted = Vec::new();
    for seed in first..first + count {
        let archive = archive(seed);
        if let Ok(lines) = archive.listing() {
            let path = place.path().join(format!("{seed}.tar"));
            std::fs::write(&path, &archive.0).unwrap();
            accepted.push(Accepted { name: seed.to_string(), path, lines });
        }
    }
    let refused = count as usize - accepted.len();
    println!("{} accepted, {refused} refused", accepted.len());
    assert!(
        accepted.len() > count as usize / 3 && refused > count as usize / 10,
        "the generator has lost its balance"
    );

    let found = differences(&python, &accepted);
    figure(
        "Generated archives that GNU tar, libarchive, Python and we read alike",
        "every accepted one is listed by all, entries and contents",
        format_args!("{} of {} accepted, {refused} refused", accepted.len() - found.len(), accepted.len()),
        "all accepted",
        found.is_empty(),
    );
    for one in &found {
        let kept = std::env::temp_dir().join(format!("diskwright-{}.tar", one.name));
        std::fs::copy(&one.path, kept).unwrap();
        println!("seed {}", one.text);
    }
    assert!(found.is_empty(), "{} accepted archives that another reader reads differently", found.len());
}
