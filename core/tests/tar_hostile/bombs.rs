//! Packed archives that ask for more memory than there is, or unpack to more than may be: each is refused by a process of
//! its own, whose memory and time are looked at.

use std::io::Write;
use std::process::Command;

use diskwright_core::ErrorKind;
use diskwright_core::scan::{Entry, ScanSource};
use diskwright_oracle::{figure, is_full};

use crate::tar_support::{Archive, Head, base256, source};

#[test]
fn bombs_are_refused_in_little_memory() {
    if let Some(path) = std::env::var_os(BOMB) {
        // This is the process that is looked at.
        refuse(std::path::Path::new(&path));
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (mut most_memory, mut most_time) = (0, 0);
    let bombs = bombs();
    for (name, bytes) in &bombs {
        let path = place.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "bombs::bombs_are_refused_in_little_memory", "--nocapture"]);
        let output = command.env(BOMB, &path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        let number = |word: &str| -> u64 {
            let line = said.lines().find_map(|line| line.strip_prefix(word)).unwrap();
            line.trim().parse().unwrap()
        };
        let (memory, time) = (number("memory "), number("time "));
        assert!(memory <= 32 << 20, "{name}: {memory} bytes");
        most_memory = most_memory.max(memory);
        most_time = most_time.max(time);
    }
    figure(
        "Bombs: memory",
        &format!("growth of the peak of a process that refuses one of {}", bombs.len()),
        format_args!("{:.1} MiB at most", most_memory as f64 / f64::from(1 << 20)),
        "32 MiB",
        most_memory <= 32 << 20,
    );
    if is_full() {
        let found = format!("below {} ms", most_time / 1_000_000 + 10);
        figure(
            "Bombs: time",
            "processor time of the thread that refuses one",
            found,
            "1 s",
            most_time <= 1_000_000_000,
        );
        assert!(most_time <= 1_000_000_000, "{most_time} ns");
    }
}

/// Refuses the archive and prints by how many bytes the peak of memory grew and how many nanoseconds it took.
fn refuse(path: &std::path::Path) {
    let before = peak();
    let start = ran();
    let error = source(path).with_unpacked_limit(LIMIT).scan(&mut |_: Entry| Ok(())).unwrap_err();
    println!("\ntime {}", ran() - start);
    println!("memory {}", peak() - before);
    assert!(matches!(error.kind(), ErrorKind::LimitExceeded | ErrorKind::Source), "{error:?}");
    assert!(!error.to_string().is_empty());
}

fn bombs() -> Vec<(String, Vec<u8>)> {
    let mut bombs = Vec::new();
    // Dictionaries of 192 MiB to 4 GiB.
    for code in 31..=40_u8 {
        let mut xz = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1];
        xz.extend(crc32fast::hash(&[0, 1]).to_le_bytes());
        let block = [0x02, 0x00, 0x21, 0x01, code, 0, 0, 0];
        xz.extend(block);
        xz.extend(crc32fast::hash(&block).to_le_bytes());
        xz.extend([0; 64]);
        bombs.push((format!("xz-dictionary-{code}"), xz));
    }
    // Windows of 144 MiB to 3.75 TiB.
    for exponent in 17..=31_u8 {
        let descriptor = exponent << 3 | u8::from(exponent == 17);
        let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, descriptor][..], &[0x01, 0, 0], &[0; 64]].concat();
        bombs.push((format!("zstd-window-{exponent}"), zstd));
    }
    let single = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1_u64 << 40).to_le_bytes(), &[0x01, 0, 0], &[0; 64]];
    bombs.push(("zstd-single-segment".to_owned(), single.concat()));
    for (name, archive) in [
        ("file", Archive::default().file("zeros", vec![0; 64 << 20]).end()),
        ("records", Archive::default().pax_body(b'x', &vec![b' '; 64 << 20])),
        ("long-name", Archive::default().long(b'L', vec![b'n'; 64 << 20])),
        ("end", Archive([Archive::default().file("a", "").end().0, vec![0; 64 << 20]].concat())),
    ] {
        bombs.push((format!("gzip-{name}"), gzip(&archive.0)));
    }
    let claim = Head { size: base256(1 << 60, 12), ..Head::new(b'0', "a").magic(crate::tar_support::GNU) };
    bombs.push(("gzip-claim".to_owned(), gzip(&Archive::default().head(claim).0)));
    bombs.push(("gzip-in-gzip".to_owned(), gzip(&gzip(&Archive::default().file("a", "").end().0))));
    let zeros = gzip(&vec![0; 64 << 20]);
    bombs.push(("gzip-members".to_owned(), zeros.repeat(64)));
    bombs
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The most bytes that the process had in memory.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Nanoseconds that this thread has run on a processor.
fn ran() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The file that the process which is looked at refuses.
const BOMB: &str = "DISKWRIGHT_BOMB";
/// Bytes that an archive may unpack to.
const LIMIT: u64 = 1 << 20;
