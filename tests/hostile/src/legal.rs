//! Documents that look hostile, strange or old, and are to be read all the same.

use crate::{Body, Expected, Reading, json, xml};

pub(crate) fn push(all: &mut Vec<Body>) {
    let asked = || Reading {
        compress: Some(true),
        target_format: Some("VirtualBox"),
        memory: Some(512),
        has_notes: false,
    };
    for (name, document) in FORMS {
        all.push(xml(name, *document, Expected::Read(asked())));
    }
    for (name, document) in FORMS_OF_JSON {
        all.push(json(name, *document, Expected::Read(asked())));
    }
    for (name, document) in NOTED {
        all.push(xml(name, *document, noted(Some(true))));
    }
    for (name, document) in NOTED_JSON {
        all.push(json(name, *document, noted(Some(true))));
    }
    for (name, document) in NOTHING {
        all.push(xml(name, *document, Expected::Read(Reading::default())));
    }
    for (name, text, target_format) in NAMES {
        let reading = Reading { target_format: Some(target_format), ..Reading::default() };
        let document = format!("<image><targetFormat><name>{text}</name></targetFormat></image>");
        all.push(xml(name, document, Expected::Read(reading)));
    }
    all.push(json("nothing", "{}", Expected::Read(Reading::default())));
    all.push(json("nothing-but-null", r#"{"image": null}"#, Expected::Read(Reading::default())));
    all.push(json("another-document", r#"{"scan": {"name": "a"}}"#, noted(None)));
    all.extend(at_the_limits());
}

fn noted(compress: Option<bool>) -> Expected {
    Expected::Read(Reading { compress, has_notes: true, ..Reading::default() })
}

/// As long, deep and wide as a document may be.
fn at_the_limits() -> Vec<Body> {
    let plain = || Expected::Read(Reading { compress: Some(true), ..Reading::default() });
    let compress = "<compress>true</compress>";
    let document = |before: &str| format!("<image>{before}{compress}</image>");
    let around = |pieces: &str| format!("<image><compress>{pieces}true{pieces}</compress></image>");
    let attributes: String = (0..32).map(|at| format!(" a{at}='&lt;1&#62;'")).collect();
    let nested = format!("{}{}", "<a>".repeat(32), "</a>".repeat(32));
    let fields: Vec<String> = (0..9_998).map(|at| format!("\"a{at}\":1")).collect();
    let longest = document(&" ".repeat((1 << 20) - document("").len()));
    vec![
        xml("as-long-as-may-be", longest, plain()),
        xml("as-deep-as-may-be", document(&nested), noted(Some(true))),
        xml("as-wide-as-may-be", document(&"<a/>".repeat(9_998)), noted(Some(true))),
        xml(
            "as-many-attributes-as-may-be",
            document("").replace("<image>", &format!("<image{attributes}>")),
            plain(),
        ),
        xml("name-as-long-as-may-be", document(&format!("<{}/>", "n".repeat(256))), noted(Some(true))),
        xml("many-comments", around(&"<!---->".repeat(60_000)), plain()),
        xml("many-instructions", around(&"<?a?>".repeat(80_000)), plain()),
        xml("many-cdata-sections", around(&"<![CDATA[ ]]>".repeat(35_000)), plain()),
        xml("many-references", around(&"&#32;".repeat(90_000)), plain()),
        xml("comment-as-long-as-may-be", document(&format!("<!--{}-->", "x".repeat(1_000_000))), plain()),
        xml("many-elements-with-undeclared-prefixes", document(&"<q:a/>".repeat(9_000)), noted(Some(true))),
        json("as-wide-as-may-be", format!("{{\"compress\":true,{}}}", fields.join(",")), noted(Some(true))),
        json(
            "key-as-long-as-may-be",
            format!("{{\"compress\": true, \"{}\": 1}}", "k".repeat(256)),
            noted(Some(true)),
        ),
        json(
            "as-deep-as-may-be",
            format!("{{\"compress\": true, \"a\": {}1{}}}", "[".repeat(31), "]".repeat(31)),
            noted(Some(true)),
        ),
    ]
}

const FORMS: &[(&str, &str)] = &[
    (
        "prefix-declared",
        "<ns0:image xmlns:ns0=\"http://www.usharesoft.com/uforge\"><compress>true</compress><targetFormat><name>VirtualBox\
         </name></targetFormat><installProfile><memorySize>512</memorySize></installProfile></ns0:image>",
    ),
    (
        "prefix-never-declared",
        "<ns0:image><compress>true</compress><targetFormat><name>VirtualBox</name></targetFormat><installProfile>\
         <memorySize>512</memorySize></installProfile></ns0:image>",
    ),
    (
        "prefix-never-declared-on-every-element",
        "<u:image><v:compress>true</v:compress><w:targetFormat><x:name>VirtualBox</x:name></w:targetFormat>\
         <y:installProfile><z:memorySize>512</z:memorySize></y:installProfile></u:image>",
    ),
    (
        "prefix-none",
        "<image><compress>1</compress><targetFormat><name>VirtualBox</name></targetFormat><installProfile><memorySize>512\
         </memorySize></installProfile></image>",
    ),
    (
        "prefix-declared-and-not-used",
        "<image xmlns:ns0='http://www.usharesoft.com/uforge'><compress>true</compress><targetFormat><name>VirtualBox</name>\
         </targetFormat><installProfile><memorySize>512</memorySize></installProfile></image>",
    ),
    (
        "namespace-default",
        "<image xmlns='http://www.usharesoft.com/uforge'><compress>true</compress><targetFormat><name>VirtualBox</name>\
         </targetFormat><installProfile><memorySize>512</memorySize></installProfile></image>",
    ),
    (
        "namespace-default-undone",
        "<image xmlns='http://www.usharesoft.com/uforge'><compress xmlns=''>true</compress><targetFormat><name>VirtualBox\
         </name></targetFormat><installProfile><memorySize>512</memorySize></installProfile></image>",
    ),
    (
        "type-as-attribute",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><ns1:image xmlns:ns1='http://www.usharesoft.com/uforge' \
         xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='ns1:Image'><compress>true</compress>\
         <targetFormat xsi:type='ns1:TargetFormat'><name>VirtualBox</name></targetFormat><installProfile><memorySize>512\
         </memorySize></installProfile></ns1:image>",
    ),
    (
        "other-order-and-echoes",
        "<image><installProfile><uri>a</uri><memorySize>+0512</memorySize><users/><nics> </nics></installProfile>\
         <targetFormat><dbId>1</dbId><type>virtual</type><name>VirtualBox</name><format><name>vbox</name></format>\
         </targetFormat><status><percentage>0</percentage></status><compress>true</compress><dbId>3</dbId></image>",
    ),
    (
        "comments-and-sections",
        "<!-- a --><?a b?>\n<image ><compress >tr<!-- - -->ue</compress ><targetFormat><name>Virtual<![CDATA[Box]]></name>\
         </targetFormat><installProfile><memorySize>5&#49;&#x32;</memorySize></installProfile></image >\n<!-- b -->\n",
    ),
    (
        "mark-and-line-ends",
        "\u{feff}<?xml version='1.1' encoding='UTF-8' standalone='no'?>\r\n<image>\r\n<compress>\r\ntrue\r\n</compress>\r\n\
         <targetFormat><name>\tVirtualBox </name></targetFormat><installProfile><memorySize> 512 </memorySize>\
         </installProfile>\r\n</image>\r\n",
    ),
    (
        "instruction-of-a-stylesheet",
        "<?xml-stylesheet type='text/xsl' href='http://127.0.0.1:1/a'?><image><compress>true</compress><targetFormat><name>\
         VirtualBox</name></targetFormat><installProfile><memorySize>512</memorySize></installProfile></image>",
    ),
    (
        "primitive-format-only",
        "<image><compress>true</compress><format><name>VirtualBox</name></format><installProfile><memorySize>512\
         </memorySize></installProfile></image>",
    ),
];

const FORMS_OF_JSON: &[(&str, &str)] = &[
    (
        "wrapped",
        r#"{"image": {"compress": true, "targetFormat": {"name": "VirtualBox"}, "installProfile": {"memorySize": 512}}}"#,
    ),
    (
        "bare",
        r#"{"compress": true, "targetFormat": {"name": "VirtualBox"}, "installProfile": {"memorySize": 512}}"#,
    ),
    (
        "mark-and-blanks",
        "\u{feff}\r\n {\"compress\": true, \"targetFormat\": {\"name\": \" VirtualBox \"},\r\n\t\"installProfile\": \
         {\"memorySize\": 512}}\r\n ",
    ),
    (
        "texts-for-numbers",
        r#"{"compress": "true", "targetFormat": {"name": "VirtualBox"}, "installProfile": {"memorySize": "512"}}"#,
    ),
    (
        "numbers-with-fraction-and-exponent",
        r#"{"compress": 1, "targetFormat": {"name": "VirtualBox"}, "installProfile": {"memorySize": 5.120e2}}"#,
    ),
    (
        "lists-of-one",
        r#"{"image": [{"compress": [true], "targetFormat": [{"name": ["VirtualBox"]}], "installProfile": [[{"memorySize":
            512}]]}]}"#,
    ),
    (
        "nulls-and-empty-lists",
        r#"{"compress": true, "targetFormat": {"name": "VirtualBox"}, "installProfile": {"memorySize": 512, "diskSize":
            null, "nics": {"nic": []}, "users": [], "timezone": ""}}"#,
    ),
    (
        "escapes",
        r#"{"\u0063ompress": true, "targetFormat": {"name": "\u0056irtualBox"}, "installProfile": {"memorySize":
            "\u0035\u0031\u0032"}}"#,
    ),
    (
        "attributes",
        r#"{"@xmlns": "u", "compress": true, "targetFormat": {"@type": "TargetFormat", "name": "VirtualBox"},
            "installProfile": {"memorySize": 512}}"#,
    ),
];

const NOTED: &[(&str, &str)] = &[
    ("element-unknown", "<image><compress>true</compress><colour>red</colour></image>"),
    ("element-in-other-case", "<image><compress>true</compress><Compress>false</Compress></image>"),
    (
        "element-in-other-namespace",
        "<image xmlns:o='urn:o'><compress>true</compress><o:compress>false</o:compress></image>",
    ),
    (
        "element-of-include",
        "<image><compress>true</compress><xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>\
         </image>",
    ),
    (
        "type-as-element",
        "<image xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><compress>true</compress><xsi:type></xsi:type>\
         </image>",
    ),
    ("element-of-script", "<image><compress>true</compress><script>alert(1)</script></image>"),
    ("element-in-another-script", "<image><compress>true</compress><\u{44f}>1</\u{44f}></image>"),
];

const NOTED_JSON: &[(&str, &str)] = &[
    ("field-unknown", r#"{"compress": true, "colour": "red"}"#),
    ("field-empty", r#"{"compress": true, "": 1}"#),
    ("field-of-prototype", r#"{"compress": true, "__proto__": {"compress": false}}"#),
    ("field-with-blanks", r#"{"compress": true, " compress ": false}"#),
    ("field-of-a-pair", r#"{"compress": true, "\ud83d\ude00": "\ud83d\ude00"}"#),
    ("field-with-large-number", r#"{"compress": true, "a": 123456789012345678901234567890}"#),
];

const NOTHING: &[(&str, &str)] = &[
    ("nothing", "<image/>"),
    ("nothing-but-blanks", "  <image>  \n </image>  "),
    (
        "nothing-but-empty-fields",
        "<image><compress/><targetFormat/><installProfile></installProfile></image>",
    ),
    (
        "nothing-but-a-refusable-no",
        "<image><ebs>false</ebs><ebsVolumeSize>0</ebsVolumeSize><entrypoint/></image>",
    ),
];

/// Names are only text here: whoever uses them looks them up.
const NAMES: &[(&str, &str, &str)] = &[
    ("name-a-path", "../../etc/passwd", "../../etc/passwd"),
    ("name-a-query", "' OR 1=1 --", "' OR 1=1 --"),
    ("name-a-script", "&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
    ("name-a-script-in-cdata", "<![CDATA[<script>&lt;]]>", "<script>&lt;"),
    ("name-escaped-twice", "&amp;lt;&amp;#60;", "&lt;&#60;"),
    ("name-a-command", "$(reboot)`reboot`;reboot|reboot", "$(reboot)`reboot`;reboot|reboot"),
    ("name-a-lookup", "${jndi:ldap://127.0.0.1:1/a}", "${jndi:ldap://127.0.0.1:1/a}"),
    ("name-of-percents", "%s%n%00%2e%2e", "%s%n%00%2e%2e"),
    ("name-right-to-left", "\u{202e}xobV", "\u{202e}xobV"),
    ("name-of-emoji", "\u{1f600}&#x1F600;", "\u{1f600}\u{1f600}"),
];
