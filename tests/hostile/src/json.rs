//! JSON that is not well formed, or that could be read in two ways.

use crate::{Body, Expected, MALFORMED, Refusal, json};

pub(crate) fn push(all: &mut Vec<Body>) {
    for table in [SYNTAX, TEXTS, ROOTS] {
        all.extend(table.iter().map(|(name, document)| json(name, *document, MALFORMED)));
    }
    for (name, document, field) in REPEATED {
        all.push(json(name, *document, Expected::Refused(Refusal::Invalid(field))));
    }
}

const SYNTAX: &[(&str, &str)] = &[
    ("comma-at-end-of-object", r#"{"compress": true,}"#),
    ("comma-at-end-of-array", r#"{"nics": [1,]}"#),
    ("comma-missing", r#"{"compress": true "name": "a"}"#),
    ("comma-first", r#"{,"compress": true}"#),
    ("colon-missing", r#"{"compress" true}"#),
    ("colon-twice", r#"{"compress":: true}"#),
    ("value-missing", r#"{"compress": }"#),
    ("key-without-quotes", "{compress: true}"),
    ("key-in-single-quotes", "{'compress': true}"),
    ("key-a-number", "{1: true}"),
    ("key-null", "{null: true}"),
    ("comment-of-c", r#"{/* a */ "compress": true}"#),
    ("comment-of-line", "{// a\n\"compress\": true}"),
    ("comment-of-shell", "{# a\n\"compress\": true}"),
    ("literal-in-upper-case", r#"{"compress": TRUE}"#),
    ("literal-of-python", r#"{"compress": True}"#),
    ("literal-undefined", r#"{"compress": undefined}"#),
    ("literal-cut-short", r#"{"compress": tru}"#),
    ("number-nan", r#"{"size": NaN}"#),
    ("number-infinity", r#"{"size": -Infinity}"#),
    ("number-hexadecimal", r#"{"size": 0x10}"#),
    ("number-with-leading-zero", r#"{"size": 010}"#),
    ("number-with-plus", r#"{"size": +1}"#),
    ("number-ending-in-point", r#"{"size": 1.}"#),
    ("number-beginning-with-point", r#"{"size": .5}"#),
    ("number-without-digits", r#"{"size": -}"#),
    ("number-with-empty-exponent", r#"{"size": 1e}"#),
    ("number-beyond-double", r#"{"size": 1e400}"#),
    ("number-beyond-double-negative", r#"{"size": -1e400}"#),
    ("number-with-underscore", r#"{"size": 1_000}"#),
    ("object-unterminated", r#"{"compress": true"#),
    ("object-closed-twice", r#"{"compress": true}}"#),
    ("object-closed-as-array", r#"{"compress": true]"#),
    ("array-unterminated", r#"{"nics": [1"#),
    ("array-closed-as-object", r#"{"nics": [1}"#),
    ("two-documents", "{} {}"),
    ("two-lines", "{\"compress\": true}\n{\"compress\": false}\n"),
    ("text-after", "{} x"),
    ("only-brace", "{"),
    ("function-call", "{}callback({})"),
    ("guarded", ")]}'\n{\"compress\": true}"),
];

const TEXTS: &[(&str, &str)] = &[
    ("text-unterminated", r#"{"name": "a"#),
    ("text-with-line-feed", "{\"name\": \"a\nb\"}"),
    ("text-with-nul", "{\"name\": \"a\0b\"}"),
    ("text-with-tab", "{\"name\": \"a\tb\"}"),
    ("text-with-unknown-escape", r#"{"name": "\x41"}"#),
    ("text-with-escaped-quote", r#"{"name": "\'"}"#),
    ("text-with-cut-escape", r#"{"name": "\"#),
    ("text-with-cut-unicode-escape", r#"{"name": "\u00"}"#),
    ("text-with-wrong-unicode-escape", r#"{"name": "\u00zz"}"#),
    ("text-with-high-surrogate", r#"{"name": "\ud800"}"#),
    ("text-with-low-surrogate", r#"{"name": "\udc00"}"#),
    ("text-with-surrogates-reversed", r#"{"name": "\ude00\ud83d"}"#),
    ("text-with-high-surrogate-and-letter", r#"{"name": "\ud800\u0041"}"#),
    ("text-with-two-high-surrogates", r#"{"name": "\ud800\ud800"}"#),
    ("text-with-escaped-nul", r#"{"name": "a\u0000b"}"#),
    ("text-with-escaped-control", r#"{"name": "a\u0001b"}"#),
    ("text-with-escaped-backspace", r#"{"name": "a\bb"}"#),
    ("text-with-escaped-form-feed", r#"{"name": "a\fb"}"#),
    ("text-with-escaped-noncharacter", r#"{"name": "\uffff"}"#),
    ("key-with-high-surrogate", r#"{"\ud800": 1}"#),
    ("key-unterminated", r#"{"compress"#),
];

const ROOTS: &[(&str, &str)] = &[
    ("root-array", "[1]"),
    ("root-array-of-objects", r#"[{"image": {}}]"#),
    ("root-null", "null"),
    ("root-true", "true"),
    ("root-number", "512"),
    ("root-text", "\"image\""),
    ("image-a-number", r#"{"image": 1}"#),
    ("image-a-text", r#"{"image": "true"}"#),
    ("image-two-objects", r#"{"image": [{"compress": true}, {"compress": false}]}"#),
    ("image-beside-its-fields", r#"{"image": {"compress": true}, "compress": false}"#),
    ("image-beside-a-scan", r#"{"image": {"compress": true}, "scan": {}}"#),
];

/// Readers differ in whether the first or the last counts.
const REPEATED: &[(&str, &str, &str)] = &[
    ("repeated-root", r#"{"image": {"compress": true}, "image": {"compress": false}}"#, "image"),
    ("repeated-field", r#"{"compress": true, "compress": false}"#, "compress"),
    ("repeated-field-alike", r#"{"compress": true, "compress": true}"#, "compress"),
    ("repeated-field-escaped", r#"{"compress": true, "\u0063ompress": false}"#, "compress"),
    ("repeated-field-with-null", r#"{"compress": true, "compress": null}"#, "compress"),
    ("repeated-field-unknown", r#"{"mood": 1, "mood": 2}"#, "mood"),
    (
        "repeated-field-nested",
        r#"{"image": {"installProfile": {"memorySize": 1, "memorySize": 2}}}"#,
        "installProfile.memorySize",
    ),
    ("repeated-object", r#"{"targetFormat": {"name": "A"}, "targetFormat": {"name": "B"}}"#, "targetFormat"),
    ("repeated-in-array", r#"{"nics": [{"name": "a", "name": "b"}]}"#, "nics.name"),
];
