//! Bytes that are no UTF-8, or no document at all.

use crate::{Body, MALFORMED};

pub(crate) fn push(all: &mut Vec<Body>) {
    let document = "<image><compress>true</compress></image>";
    let utf16: Vec<u16> = document.encode_utf16().collect();
    let utf16_le: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let utf16_be: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let utf32_le: Vec<u8> =
        document.chars().flat_map(|character| u32::from(character).to_le_bytes()).collect();
    let utf32_be: Vec<u8> =
        document.chars().flat_map(|character| u32::from(character).to_be_bytes()).collect();
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    let wide = [
        ("utf-16-le", utf16_le.clone()),
        ("utf-16-be", utf16_be.clone()),
        ("utf-16-le-marked", marked(b"\xff\xfe", &utf16_le)),
        ("utf-16-be-marked", marked(b"\xfe\xff", &utf16_be)),
        ("utf-32-le", utf32_le.clone()),
        ("utf-32-be", utf32_be.clone()),
        ("utf-32-le-marked", marked(b"\xff\xfe\0\0", &utf32_le)),
        ("utf-32-be-marked", marked(b"\0\0\xfe\xff", &utf32_be)),
        ("utf-16-le-of-json", "{\"compress\": true}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    all.extend(wide.into_iter().map(|(name, bytes)| body("application/xml", name, bytes)));
    for (name, bytes) in STRAY {
        let xml = [b"<image><name>a", *bytes, b"b</name></image>"].concat();
        all.push(body("application/xml", &format!("{name}-in-xml"), xml));
        let json = [b"{\"name\": \"a", *bytes, b"b\"}"].concat();
        all.push(body("application/json", &format!("{name}-in-json"), json));
    }
    all.extend(OTHERS.iter().map(|(name, kind, bytes)| body(kind, name, bytes.to_vec())));
}

fn body(content_type: &'static str, name: &str, bytes: Vec<u8>) -> Body {
    Body { name: format!("bytes/{name}"), content_type, bytes, expected: MALFORMED }
}

/// Within a text.
const STRAY: &[(&str, &[u8])] = &[
    ("latin-1", b"\xe9"),
    ("windows-1252-quote", b"\x93"),
    ("continuation-alone", b"\x80"),
    ("sequence-cut-short", b"\xe2\x82"),
    ("overlong-less-than", b"\xc0\xbc"),
    ("overlong-nul", b"\xc0\x80"),
    ("overlong-slash", b"\xe0\x80\xaf"),
    ("surrogate-encoded", b"\xed\xa0\x80"),
    ("surrogates-encoded", b"\xed\xa0\xbd\xed\xb8\x80"),
    ("beyond-unicode", b"\xf4\x90\x80\x80"),
    ("five-bytes", b"\xf8\x88\x80\x80\x80"),
    ("ff", b"\xff"),
    ("fe", b"\xfe"),
];

const OTHERS: &[(&str, &str, &[u8])] = &[
    ("empty", "application/xml", b""),
    ("empty-json", "application/json", b""),
    ("blank", "application/xml", b" \r\n\t "),
    ("mark-alone", "application/xml", b"\xef\xbb\xbf"),
    ("mark-and-blanks", "application/json", b"\xef\xbb\xbf  "),
    ("mark-twice", "application/xml", b"\xef\xbb\xbf\xef\xbb\xbf<image/>"),
    ("mark-cut-short", "application/xml", b"\xef\xbb<image/>"),
    ("mark-after-root", "application/xml", b"<image/>\xef\xbb\xbf"),
    ("nul-first", "application/xml", b"\0<image/>"),
    ("nul-last", "application/xml", b"<image/>\0"),
    ("nul-last-json", "application/json", b"{}\0"),
    ("cut-within-character", "application/xml", b"<image><name>\xe2\x82"),
    ("utf-7", "application/xml", b"+ADw-image/+AD4-"),
    ("ebcdic", "application/xml", b"\x4c\x89\x94\x81\x87\x85\x61\x6e"),
    ("gzip", "application/xml", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
    ("zip", "application/xml", b"PK\x03\x04\x14\0\0\0\x08\0"),
    ("elf", "application/octet-stream", b"\x7fELF\x02\x01\x01\0"),
    ("pdf", "application/xml", b"%PDF-1.7\n"),
    ("form", "application/x-www-form-urlencoded", b"image=%3Cimage%2F%3E&compress=true"),
    (
        "multipart",
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n<image/>\r\n--x--",
    ),
    ("yaml", "application/yaml", b"image:\n  compress: true\n"),
    ("yaml-with-objects", "application/yaml", b"!!python/object/apply:os.system ['true']\n"),
    ("java-serialised", "application/x-java-serialized-object", b"\xac\xed\0\x05sr\0\x11java.util.HashMap"),
    ("pickle", "application/octet-stream", b"\x80\x04\x95\x0e\0\0\0\0\0\0\0\x8c\x05posix"),
    ("template", "text/plain", b"${jndi:ldap://127.0.0.1:1/a}"),
    ("plain-text", "text/plain", b"compress true"),
    ("http", "message/http", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("chunk", "application/xml", b"8\r\n<image/>\r\n0\r\n\r\n"),
];
