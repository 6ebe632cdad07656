//! Kinds of members that no tree has, magic numbers, and attributes.

use crate::corpus::{Either, Hostile, Read, Refused, hostile, nested, of_head};
use crate::tar_support::{Archive, GNU, Head, USTAR, V7};

pub(crate) fn push(all: &mut Vec<Hostile>) {
    types(all);
    attributes(all);
}

fn types(all: &mut Vec<Hostile>) {
    for flag in *b"89:ABCDEFGHIJMNOPQRSTUVWXYZabcz\x01\x7f\xff" {
        let body = nested();
        let head = Head::new(flag, "a").size(body.len() as u64);
        let archive = Archive::default().head(head).data(&body).file("last", "").end();
        all.push(hostile(format!("type/{}-with-body", flag.escape_ascii()), archive, Refused));
        all.push(hostile(format!("type/{}", flag.escape_ascii()), of_head(Head::new(flag, "a")), Refused));
    }
    for (name, magic) in [
        ("version-1", *b"ustar\x0001"),
        ("version-space", *b"ustar\x00  "),
        ("half", *b"ust\0\0\0\0\0"),
        ("capitals", *b"USTAR\x0000"),
        ("mixed", *b"ustar 00"),
    ] {
        all.push(hostile(format!("type/magic-{name}"), of_head(Head::new(b'0', "a").magic(magic)), Either));
    }
    for (name, magic) in [("ustar", USTAR), ("gnu", GNU), ("v7", V7)] {
        let head = Head { prefix: b"../..".to_vec(), ..Head::new(b'0', "x").magic(magic) };
        all.push(hostile(format!("type/prefix-up-{name}"), of_head(head), Refused));
    }
    let after = [&Archive::default().file("a", "1").end().0[..], &nested()].concat();
    all.push(hostile("type/second-archive", Archive(after), Refused));
    let between = [&Archive::default().file("a", "1").0[..], &[0; 512], &nested()].concat();
    all.push(hostile("type/zeros-between", Archive(between), Refused));
    all.push(hostile("type/nothing", Archive::default(), Refused));
    all.push(hostile("type/zip", Archive(b"PK\x03\x04".repeat(300)), Refused));
    all.push(hostile("type/script", Archive(b"#!/bin/sh\n".repeat(300)), Refused));
    all.push(hostile("type/zeros", Archive(vec![0; 10_240]), Read));
}

fn attributes(all: &mut Vec<Hostile>) {
    let mut with = |name: &str, keyword: &str, value: &[u8], verdict| {
        let archive = Archive::default().pax(b'x', &[(keyword, value)]).file("a", "1").end();
        all.push(hostile(format!("xattr/{name}"), archive, verdict));
    };
    let user = |rest: &str| format!("SCHILY.xattr.{rest}");
    // Of no namespace: dropped with a warning.
    with("no-name", &user(""), b"v", Read);
    with("bare-namespace", &user("user."), b"v", Refused);
    with("long-name", &user(&format!("user.{}", "n".repeat(251))), b"v", Refused);
    with("longest-name", &user(&format!("user.{}", "n".repeat(250))), b"v", Read);
    with("empty-value", &user("user.x"), b"", Either);
    with("large-value", &user("user.x"), &[1; 65_536], Read);
    with("larger-value", &user("user.x"), &[1; 65_537], Refused);
    with("lines-in-value", &user("user.x"), b"1\n20 path=elsewhere\n", Read);
    with("nul-in-value", &user("user.x"), b"a\0b", Read);
    with("capability-of-no-version", &user("security.capability"), &[9; 20], Refused);
    with("capability-too-short", &user("security.capability"), &[1, 0, 0, 2], Refused);
    with("capability-empty", &user("security.capability"), b"", Refused);
    with("list-of-no-version", &user("system.posix_acl_access"), b"\0\0\0\0", Refused);
    with("list-too-short", &user("system.posix_acl_access"), b"\x02\0\0\0\x01", Refused);
    with("default-list-on-a-file", &user("system.posix_acl_default"), b"\x02\0\0\0", Either);
    for (name, text) in [
        ("text-empty", ""),
        ("text-words", "everybody"),
        ("text-no-owner", "group::r--,other::r--"),
        ("text-twice", "user::rw-,user::r--,group::r--,other::r--"),
        ("text-no-mask", "user::rw-,user:1:r--,group::r--,other::r--"),
        ("text-permissions", "user::rwz,group::r--,other::r--"),
        ("text-owner-too-large", "user::rw-,user:4294967296:r--,group::r--,mask::r--,other::r--"),
    ] {
        with(name, "SCHILY.acl.access", text.as_bytes(), Refused);
    }
    with("text", "SCHILY.acl.access", b"user::rw-,group::r--,other::r--", Read);
    with("encoded-not-base64", "LIBARCHIVE.xattr.user.x", b"!!!", Refused);
    with("encoded-percent", "LIBARCHIVE.xattr.user.%zz", b"dg==", Either);
}
