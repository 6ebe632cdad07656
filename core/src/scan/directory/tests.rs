use super::*;
use crate::FileOp;
use crate::scan::Entry;
use std::os::unix::fs::symlink;

#[test]
fn paths_are_opened_the_same_way_with_and_without_openat2() {
    let made = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(made.path().join("a/b")).unwrap();
    std::fs::write(made.path().join("a/b/file"), "x").unwrap();
    symlink("a", made.path().join("link")).unwrap();
    symlink("file", made.path().join("a/b/last")).unwrap();
    symlink("/etc/passwd", made.path().join("out")).unwrap();
    let files = Files::default();
    let host = Host { files: &files, path: made.path() };
    let root = host.open_root().unwrap();
    for opener in [Opener::default(), Opener::stepwise()] {
        let open = |path: &[u8], access| opener.open(&host, root.as_fd(), path, access);
        assert!(open(b"a/b/file", Access::File).is_ok());
        assert!(open(b"a", Access::Directory).is_ok());
        assert!(open(b"link", Access::Name).is_ok());
        for path in [&b"link/b/file"[..], b"a/b/last", b"out", b"a/b/file/x", b"missing"] {
            assert!(open(path, Access::File).is_err(), "{}", path.escape_ascii());
        }
    }
}

#[test]
fn a_scan_without_openat2_reads_the_same() {
    let made = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(made.path().join("a/b")).unwrap();
    std::fs::write(made.path().join("a/b/file"), "content").unwrap();
    let mut source = DirectorySource::new(made.path(), OneFileSystem::Stay, Files::default()).unwrap();
    source.opener = Opener::stepwise();
    let mut content = None;
    source
        .scan(&mut |entry: Entry| {
            if let super::super::EntryObject::File { content: found, .. } = entry.object {
                assert_eq!(entry.path, b"a/b/file");
                content = Some(found);
            }
            Ok(())
        })
        .unwrap();
    let mut bytes = [0; 7];
    source.open(content.unwrap()).unwrap().read_exact_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"content");
}

#[test]
fn short_reads_are_carried_on() {
    struct OneByte;
    impl crate::Gate for OneByte {
        fn admit(&self, _: &FileOp<'_>) -> std::io::Result<usize> {
            Ok(1)
        }
    }
    let made = tempfile::tempdir().unwrap();
    std::fs::write(made.path().join("file"), "content").unwrap();
    let source =
        DirectorySource::new(made.path(), OneFileSystem::Stay, Files::gated(Arc::new(OneByte))).unwrap();
    let mut content = None;
    source
        .scan(&mut |entry: Entry| {
            if let super::super::EntryObject::File { content: found, .. } = entry.object {
                content = Some(found);
            }
            Ok(())
        })
        .unwrap();
    let mut bytes = [0; 7];
    source.open(content.unwrap()).unwrap().read_exact_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"content");
}
