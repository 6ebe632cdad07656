use super::{Record, Value};
use crate::NAMESPACE;
use crate::text::is_xml_character;

/// The document as the API writes it: only the root is in the namespace.
pub(super) fn render(root: &str, value: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n");
    out.push_str(&format!("<ns0:{root} xmlns:ns0=\"{NAMESPACE}\">"));
    push_content(value, &mut out);
    out.push_str(&format!("</ns0:{root}>\n"));
    out
}

fn push_element(name: &str, value: &Value, out: &mut String) {
    out.push_str(&format!("<{name}>"));
    push_content(value, out);
    out.push_str(&format!("</{name}>"));
}

fn push_content(value: &Value, out: &mut String) {
    match value {
        Value::Text(text) => push_text(text, out),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Boolean(boolean) => out.push_str(if *boolean { "true" } else { "false" }),
        Value::Object(Record(fields)) => {
            fields.iter().for_each(|(name, value)| push_element(name, value, out))
        }
        Value::List { item, values } => values.iter().for_each(|value| push_element(item, value, out)),
    }
}

fn push_text(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Readers turn a bare carriage return into a line feed.
            '\r' => out.push_str("&#13;"),
            other if is_xml_character(other) => out.push(other),
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
}
