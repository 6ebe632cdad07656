//! XML that is not well formed, or whose parts are not allowed.

use crate::{Body, MALFORMED, xml};

pub(crate) fn push(all: &mut Vec<Body>) {
    for table in [DOCUMENT_TYPES, REFERENCES, STRUCTURE, NAMES, ATTRIBUTES, MARKUP, DECLARATIONS, ROOTS] {
        all.extend(table.iter().map(|(name, document)| xml(name, *document, MALFORMED)));
    }
    all.push(xml("entity-quadratic", quadratic_entity(), MALFORMED));
    for (name, character) in CHARACTERS {
        let text = format!("<image><name>a{character}b</name></image>");
        all.push(xml(&format!("character-{name}-in-text"), text, MALFORMED));
        let attribute = format!("<image a='{character}'/>");
        all.push(xml(&format!("character-{name}-in-attribute"), attribute, MALFORMED));
    }
}

/// One long entity, used very often.
fn quadratic_entity() -> String {
    let entity = "a".repeat(50_000);
    let uses = "&a;".repeat(50_000);
    format!("<!DOCTYPE image [<!ENTITY a \"{entity}\">]><image><name>{uses}</name></image>")
}

const DOCUMENT_TYPES: &[(&str, &str)] = &[
    ("doctype-bare", "<!DOCTYPE image><image/>"),
    ("doctype-lower-case", "<!doctype image><image/>"),
    ("doctype-system-file", "<!DOCTYPE image SYSTEM 'file:///etc/passwd'><image/>"),
    ("doctype-system-http", "<!DOCTYPE image SYSTEM 'http://127.0.0.1:1/a.dtd'><image/>"),
    ("doctype-public", "<!DOCTYPE image PUBLIC '-//A//B' 'http://127.0.0.1:1/a.dtd'><image/>"),
    ("doctype-after-root", "<image/><!DOCTYPE image>"),
    ("doctype-within-root", "<image><!DOCTYPE image></image>"),
    ("doctype-unterminated", "<!DOCTYPE image [<image/>"),
    ("doctype-attribute-default", "<!DOCTYPE image [<!ATTLIST image a CDATA 'x'>]><image/>"),
    ("doctype-notation", "<!DOCTYPE image [<!NOTATION n SYSTEM 'x'>]><image/>"),
    ("doctype-element", "<!DOCTYPE image [<!ELEMENT image ANY>]><image/>"),
    ("entity-internal", "<!DOCTYPE image [<!ENTITY a 'true'>]><image><compress>&a;</compress></image>"),
    (
        "entity-external-file",
        "<!DOCTYPE image [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><image><name>&a;</name></image>",
    ),
    (
        "entity-external-http",
        "<!DOCTYPE image [<!ENTITY a SYSTEM 'http://127.0.0.1:1/'>]><image><name>&a;</name></image>",
    ),
    (
        "entity-external-device",
        "<!DOCTYPE image [<!ENTITY a SYSTEM '/dev/zero'>]><image><name>&a;</name></image>",
    ),
    ("entity-parameter", "<!DOCTYPE image [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/p'> %p;]><image/>"),
    (
        "entity-out-of-band",
        "<!DOCTYPE image [<!ENTITY % f SYSTEM 'file:///etc/hostname'>\
         <!ENTITY % e \"<!ENTITY x SYSTEM 'http://127.0.0.1:1/?%f;'>\">%e;]><image>&x;</image>",
    ),
    ("entity-unparsed", "<!DOCTYPE image [<!ENTITY a SYSTEM 'x' NDATA gif>]><image/>"),
    ("entity-recursive", "<!DOCTYPE image [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><image>&a;</image>"),
    (
        "billion-laughs",
        "<!DOCTYPE image [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>\
         <!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>\
         <!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'><!ENTITY f '&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;'>\
         <!ENTITY g '&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;'>]><image><name>&g;</name></image>",
    ),
];

const REFERENCES: &[(&str, &str)] = &[
    ("reference-undefined", "<image><compress>&bomb;</compress></image>"),
    ("reference-html", "<image><name>a&nbsp;b</name></image>"),
    ("reference-upper-case", "<image><name>a&AMP;b</name></image>"),
    ("reference-nul", "<image><name>&#0;</name></image>"),
    ("reference-nul-hexadecimal", "<image><name>&#x0;</name></image>"),
    ("reference-control", "<image><name>&#1;</name></image>"),
    ("reference-vertical-tab", "<image><name>&#xB;</name></image>"),
    ("reference-escape", "<image><name>&#27;</name></image>"),
    ("reference-noncharacter-fffe", "<image><name>&#xFFFE;</name></image>"),
    ("reference-noncharacter-ffff", "<image><name>&#xFFFF;</name></image>"),
    ("reference-high-surrogate", "<image><name>&#xD800;</name></image>"),
    ("reference-low-surrogate", "<image><name>&#xDFFF;</name></image>"),
    ("reference-surrogate-pair", "<image><name>&#xD83D;&#xDE00;</name></image>"),
    ("reference-beyond-unicode", "<image><name>&#x110000;</name></image>"),
    ("reference-overflowing", "<image><name>&#99999999999999999999;</name></image>"),
    ("reference-negative", "<image><name>&#-1;</name></image>"),
    ("reference-signed", "<image><name>&#+65;</name></image>"),
    ("reference-without-number", "<image><name>&#;</name></image>"),
    ("reference-without-hexadecimal-number", "<image><name>&#x;</name></image>"),
    ("reference-blank", "<image><name>& amp;</name></image>"),
    ("reference-empty", "<image><name>&;</name></image>"),
    ("reference-unterminated", "<image><name>a &amp b</name></image>"),
    ("ampersand-alone", "<image><name>a & b</name></image>"),
    ("ampersand-at-end", "<image><name>a&</name></image>"),
    ("reference-outside-before", "&#32;<image/>"),
    ("reference-outside-after", "<image/>&#32;"),
];

const STRUCTURE: &[(&str, &str)] = &[
    ("root-twice", "<image/><image/>"),
    ("root-closed-twice", "<image></image></image>"),
    ("text-before-root", "x<image/>"),
    ("text-after-root", "<image/>x"),
    ("cdata-before-root", "<![CDATA[ ]]><image/>"),
    ("cdata-after-root", "<image/><![CDATA[ ]]>"),
    ("text-beside-elements", "<image>text<compress>true</compress></image>"),
    ("text-in-nested-object", "<image><installProfile>x<memorySize>1</memorySize></installProfile></image>"),
    ("end-first", "</image>"),
    ("end-missing", "<image><compress>true</compress>"),
    ("end-of-another", "<image></imag>"),
    ("end-in-other-case", "<image></Image>"),
    ("end-with-other-prefix", "<a:image></b:image>"),
    ("ends-crossed", "<image><compress><name></compress></name></image>"),
    ("end-with-attribute", "<image></image a='1'>"),
    ("end-with-blank-before-name", "<image></ image>"),
    ("tag-unterminated", "<image"),
    ("tag-unterminated-in-value", "<image a='"),
    ("empty-tag-unterminated", "<image/"),
    ("tag-without-name", "<></>"),
    ("tag-with-blank-before-name", "< image/>"),
    ("tag-in-tag", "<image <compress/>></image>"),
    ("only-declaration", "<?xml version='1.0'?>"),
    ("only-comment", "<!-- image -->"),
    ("only-less-than", "<"),
    ("only-instruction", "<?image?>"),
];

const NAMES: &[(&str, &str)] = &[
    ("name-with-digit-first", "<image><1compress/></image>"),
    ("name-with-hyphen-first", "<image><-compress/></image>"),
    ("name-with-dot-first", "<image><.compress/></image>"),
    ("name-with-two-colons", "<image><a:b:compress/></image>"),
    ("name-with-colon-first", "<image><:compress/></image>"),
    ("name-with-colon-last", "<image><compress:/></image>"),
    ("name-with-ampersand", "<image><com&press/></image>"),
    ("name-with-quote", "<image><com\"press/></image>"),
    ("name-with-parenthesis", "<image><compress()/></image>"),
    ("name-with-dollar", "<image><$compress/></image>"),
    ("name-with-slash", "<image><com/press/></image>"),
    ("name-with-equals", "<image><compress=/></image>"),
    ("name-with-emoji", "<image><\u{1f600}/></image>"),
    ("name-with-zero-width-space", "<image><com\u{200b}press/></image>"),
    ("name-of-colon", "<image><:/></image>"),
];

const ATTRIBUTES: &[(&str, &str)] = &[
    ("attribute-without-value", "<image a/>"),
    ("attribute-without-quotes", "<image a=1/>"),
    ("attribute-with-unequal-quotes", "<image a='1\"/>"),
    ("attribute-without-name", "<image ='1'/>"),
    ("attribute-twice", "<image a='1' a='2'/>"),
    ("attribute-twice-with-prefix", "<image x:a='1' x:a='2'/>"),
    ("attribute-with-less-than", "<image a='<'/>"),
    ("attribute-with-ampersand", "<image a='&'/>"),
    ("attribute-with-undefined-reference", "<image a='&b;'/>"),
    ("attribute-with-unterminated-reference", "<image a='&lt'/>"),
    ("attribute-with-nul-reference", "<image a='&#0;'/>"),
    ("attribute-with-wrong-name", "<image 1a='1'/>"),
    ("attribute-with-two-colons", "<image a:b:c='1'/>"),
    ("attribute-after-slash", "<image / a='1'>"),
    ("namespace-of-xml-rebound", "<image xmlns:xml='urn:x'/>"),
    ("namespace-of-xmlns-bound", "<image xmlns:xmlns='urn:x'/>"),
    ("namespace-twice", "<image xmlns:a='u' xmlns:a='v'/>"),
];

const MARKUP: &[(&str, &str)] = &[
    ("comment-unterminated", "<image><!-- </image>"),
    ("comment-with-two-hyphens", "<image><!-- a -- b --></image>"),
    ("comment-with-three-hyphens-at-end", "<image><!-- a ---></image>"),
    ("comment-too-short", "<image><!-></image>"),
    ("cdata-unterminated", "<image><name><![CDATA[x</name></image>"),
    ("cdata-in-lower-case", "<image><name><![cdata[x]]></name></image>"),
    ("cdata-end-in-text", "<image><name>x]]>y</name></image>"),
    ("cdata-of-markup-and-text", "<image><![CDATA[<compress>true</compress>]]><compress/></image>"),
    ("instruction-unterminated", "<image><?php echo 1 </image>"),
    ("section-conditional", "<image><![INCLUDE[x]]></image>"),
    ("section-unknown", "<image><!IMAGE></image>"),
    ("bang-alone", "<!"),
];

const DECLARATIONS: &[(&str, &str)] = &[
    ("declaration-after-root", "<image/><?xml version='1.0'?>"),
    ("declaration-within-root", "<image><?xml version='1.0'?></image>"),
    ("declaration-twice", "<?xml version='1.0'?><?xml version='1.0'?><image/>"),
    ("declaration-after-comment", "<!-- a --><?xml version='1.0'?><image/>"),
    ("declaration-without-version", "<?xml encoding='utf-8'?><image/>"),
    ("declaration-empty", "<?xml ?><image/>"),
    ("declaration-of-version-2", "<?xml version='2.0'?><image/>"),
    ("declaration-of-version-9999", "<?xml version='9999'?><image/>"),
    ("declaration-of-latin-1", "<?xml version='1.0' encoding='ISO-8859-1'?><image/>"),
    ("declaration-of-windows-1252", "<?xml version='1.0' encoding='windows-1252'?><image/>"),
    ("declaration-of-utf-7", "<?xml version='1.0' encoding='UTF-7'?><image>+ADw-a/+AD4-</image>"),
    ("declaration-of-utf-16", "<?xml version='1.0' encoding='UTF-16'?><image/>"),
    ("declaration-of-utf-32", "<?xml version='1.0' encoding='UTF-32'?><image/>"),
    ("declaration-of-ebcdic", "<?xml version='1.0' encoding='IBM037'?><image/>"),
    ("declaration-of-shift-jis", "<?xml version='1.0' encoding='Shift_JIS'?><image/>"),
    ("declaration-of-unknown-encoding", "<?xml version='1.0' encoding='x-mine'?><image/>"),
    ("declaration-of-empty-encoding", "<?xml version='1.0' encoding=''?><image/>"),
    ("declaration-unterminated", "<?xml version='1.0'"),
];

const ROOTS: &[(&str, &str)] = &[
    ("root-scan", "<scan/>"),
    ("root-images", "<images><images><image/></images></images>"),
    ("root-in-upper-case", "<IMAGE/>"),
    ("root-in-other-namespace", "<x:image xmlns:x='urn:other'/>"),
    ("root-in-other-default-namespace", "<image xmlns='urn:other'/>"),
    ("root-in-namespace-with-slash", "<image xmlns='http://www.usharesoft.com/uforge/'/>"),
    (
        "root-of-soap",
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>",
    ),
    ("root-of-html", "<html><body><script>alert(1)</script></body></html>"),
    ("root-of-svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    (
        "root-of-stylesheet",
        "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'/>",
    ),
    ("root-of-include", "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>"),
];

const CHARACTERS: &[(&str, char)] = &[
    ("nul", '\0'),
    ("start-of-heading", '\u{1}'),
    ("backspace", '\u{8}'),
    ("vertical-tab", '\u{b}'),
    ("form-feed", '\u{c}'),
    ("escape", '\u{1b}'),
    ("unit-separator", '\u{1f}'),
    ("fffe", '\u{fffe}'),
    ("ffff", '\u{ffff}'),
];
