//! Documents that are longer, deeper or larger than any that is meant.

use std::iter;

use crate::{Body, TOO_LARGE, json, xml};

pub(crate) fn push(all: &mut Vec<Body>) {
    all.extend(long().into_iter().map(|(name, document)| xml(name, document, TOO_LARGE)));
    all.extend(deep_or_wide().into_iter().map(|(name, document)| xml(name, document, TOO_LARGE)));
    all.extend(attributes().into_iter().map(|(name, document)| xml(name, document, TOO_LARGE)));
    all.extend(of_json().into_iter().map(|(name, document)| json(name, document, TOO_LARGE)));
}

/// One byte more than a document may have, and more.
fn long() -> Vec<(&'static str, String)> {
    let blanks = |count: usize| " ".repeat(count);
    vec![
        ("long-by-one-byte", format!("<image>{}</image>", blanks(MIB - 14))),
        ("long-before-root", format!("{}<image/>", blanks(MIB))),
        ("long-after-root", format!("<image/>{}", blanks(MIB))),
        ("long-text", format!("<image><name>{}</name></image>", "x".repeat(4 * MIB))),
        ("long-text-of-references", format!("<image><name>{}</name></image>", "&#120;".repeat(MIB))),
        ("long-comment", format!("<image><!--{}--></image>", blanks(2 * MIB))),
        ("long-instruction", format!("<image><?a {}?></image>", blanks(2 * MIB))),
        ("long-cdata", format!("<image><name><![CDATA[{}]]></name></image>", "x".repeat(2 * MIB))),
        ("long-attribute", format!("<image a='{}'/>", "x".repeat(2 * MIB))),
        ("long-document-type", format!("<!DOCTYPE image [{}]><image/>", blanks(2 * MIB))),
        ("long-and-unterminated", "<image>".to_owned() + &blanks(8 * MIB)),
        ("long-nonsense", "<".repeat(3 * MIB)),
    ]
}

fn deep_or_wide() -> Vec<(&'static str, String)> {
    let nested = |count: usize| format!("<image>{}{}</image>", "<a>".repeat(count), "</a>".repeat(count));
    let name = |length: usize| "n".repeat(length);
    vec![
        ("deep-by-one-level", nested(33)),
        ("deep", nested(1_000)),
        ("deep-to-the-end", nested(140_000)),
        ("deep-and-unterminated", "<image>".repeat(140_000)),
        ("deep-with-prefixes", "<x:image>".repeat(100_000)),
        ("deep-with-namespaces", "<image xmlns='u'>".repeat(60_000)),
        ("deep-in-known-fields", "<image><targetFormat><format><name>".to_owned() + &"<name>".repeat(40)),
        ("wide-by-one-element", format!("<image>{}</image>", "<a/>".repeat(10_000))),
        ("wide", format!("<image>{}</image>", "<a/>".repeat(200_000))),
        ("wide-in-a-list", format!("<image><nics>{}</nics></image>", "<nic/>".repeat(150_000))),
        ("wide-with-text", format!("<image>{}</image>", "<a>b</a>".repeat(100_000))),
        ("name-long-by-one-byte", format!("<image><{}/></image>", name(257))),
        ("name-long", format!("<image><{}/></image>", name(1_000_000))),
        ("name-long-and-open", format!("<image><{}", name(257)) + "></image>"),
        ("name-with-long-prefix", format!("<image><{}:a/></image>", name(300))),
        ("root-with-long-name", format!("<{}/>", name(300))),
    ]
}

/// The search for repeated attributes takes the square of their number.
fn attributes() -> Vec<(&'static str, String)> {
    let with = |attributes: String| format!("<image{attributes}/>");
    let different = |count: usize| with((0..count).map(|at| format!(" a{at}='1'")).collect());
    let namespaces = |count: usize| (0..count).map(|at| format!(" xmlns:a{at}='u'")).collect::<String>();
    let below = (0..20).map(|level| {
        let own: String = (0..20).map(|at| format!(" xmlns:a{level}b{at}='u'")).collect();
        format!("<a{own}>")
    });
    vec![
        ("attributes-one-too-many", different(33)),
        ("attributes-many", different(1_000)),
        ("attributes-to-the-end", different(80_000)),
        ("attributes-many-in-a-child", different(500).replace("<image", "<image><a") + "</image>"),
        (
            "attributes-with-long-names",
            with((0..40).map(|at| format!(" {}{at}='1'", "n".repeat(200))).collect()),
        ),
        ("attribute-with-long-name", with(format!(" {}='1'", "n".repeat(257)))),
        ("namespaces-one-too-many", with(namespaces(33))),
        ("namespaces-many", with(namespaces(1_000))),
        ("namespaces-to-the-end", with(namespaces(50_000))),
        ("namespaces-on-every-level", format!("<image>{}", below.collect::<String>())),
    ]
}

fn of_json() -> Vec<(&'static str, String)> {
    let objects = |count: usize| format!("{}1{}", "{\"a\":".repeat(count), "}".repeat(count));
    let arrays = |count: usize| format!("{{\"a\":{}{}}}", "[".repeat(count), "]".repeat(count));
    let fields = |count: usize| {
        let fields: Vec<String> = (0..count).map(|at| format!("\"a{at}\":1")).collect();
        format!("{{{}}}", fields.join(","))
    };
    let items = |item: &str, count: usize| {
        format!("{{\"a\":[{}]}}", iter::repeat_n(item, count).collect::<Vec<&str>>().join(","))
    };
    vec![
        ("deep-by-one-level", objects(33)),
        ("deep-objects", objects(100)),
        ("deep-objects-beyond-the-parser", objects(1_000)),
        ("deep-objects-unterminated", "{\"a\":".repeat(200_000)),
        ("deep-arrays", arrays(40)),
        ("deep-arrays-beyond-the-parser", arrays(500_000)),
        ("deep-arrays-unterminated", "{\"a\":".to_owned() + &"[".repeat(1_000_000)),
        ("deep-alternating", "{\"a\":[".repeat(100_000)),
        ("wide-by-one-field", fields(10_000)),
        ("wide-object", fields(80_000)),
        ("wide-array", items("1", 400_000)),
        ("wide-array-of-objects", items("{}", 300_000)),
        ("wide-array-of-arrays", items("[]", 300_000)),
        ("wide-array-of-nulls", items("null", 200_000)),
        ("key-long-by-one-byte", format!("{{\"{}\": 1}}", "k".repeat(257))),
        ("key-long", format!("{{\"{}\": 1}}", "k".repeat(1_000_000))),
        ("key-long-escaped", format!("{{\"{}\": 1}}", "\\u006b".repeat(170_000))),
        ("long-by-one-byte", format!("{{{}}}", " ".repeat(MIB - 1))),
        ("long-text", format!("{{\"name\": \"{}\"}}", "x".repeat(2 * MIB))),
        ("long-number", format!("{{\"size\": {}}}", "1".repeat(2 * MIB))),
        ("long-and-unterminated", "{\"name\": \"".to_owned() + &"x".repeat(8 * MIB)),
    ]
}

const MIB: usize = 1 << 20;
