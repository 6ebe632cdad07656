use super::super::test_tree::tree;
use super::*;

#[test]
fn a_directory_without_a_build_is_named() {
    let tree = tree(&[("usr/lib/grub/i386-pc/boot.img", &[0; 512])]);
    let error = GrubBuild::load(&tree, b"usr/lib/grub/i386-pc").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.path(), Some(&b"usr/lib/grub/i386-pc"[..]));
    assert_eq!(GrubBuild::load(&tree, b"none").unwrap_err().kind(), ErrorKind::Unsupported);
}
