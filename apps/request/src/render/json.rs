use super::{Record, Value};

/// The document with its root's name around it; a list is always an array in its wrapper.
pub(super) fn render(root: &str, value: &Value) -> String {
    let mut out = String::new();
    push_fields([(root, value)].into_iter(), &mut out);
    out.push('\n');
    out
}

fn push_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a Value)>, out: &mut String) {
    out.push('{');
    for (at, (name, value)) in fields.enumerate() {
        push_comma(at, out);
        push_text(name, out);
        out.push(':');
        push_value(value, out);
    }
    out.push('}');
}

fn push_value(value: &Value, out: &mut String) {
    match value {
        Value::Text(text) => push_text(text, out),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Boolean(boolean) => out.push_str(if *boolean { "true" } else { "false" }),
        Value::Object(Record(fields)) => push_fields(fields.iter().map(|(name, value)| (*name, value)), out),
        Value::List { item, values } => {
            out.push('{');
            push_text(item, out);
            out.push_str(":[");
            for (at, value) in values.iter().enumerate() {
                push_comma(at, out);
                push_value(value, out);
            }
            out.push_str("]}");
        }
    }
}

fn push_comma(at: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

fn push_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
