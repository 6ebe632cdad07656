use diskwright::profile::MachineReport;
use diskwright_request::ScanRequest;
use serde_json::Value;

use crate::failure::Failure;

/// What a small document in place of a tree is.
#[derive(Debug)]
pub(super) enum Report {
    /// Our machine report, as it came.
    Machine(String),
    /// The API's own document, of which the name counts.
    Scan(ScanRequest),
    /// Something else.
    Foreign,
}

impl Report {
    /// What `body` is.
    ///
    /// Fails with 400 for a document that is ours and wrong.
    pub(super) fn of(body: &[u8]) -> Result<Self, Failure> {
        let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        if text.trim_ascii_start().starts_with(b"<") {
            return match root_name(text) {
                Some(b"scan") => Ok(Self::Scan(ScanRequest::parse(body)?)),
                _ => Ok(Self::Foreign),
            };
        }
        let Ok(Value::Object(fields)) = serde_json::from_slice(text) else { return Ok(Self::Foreign) };
        let says_ours = fields
            .get("format")
            .and_then(Value::as_str)
            .is_some_and(|format| format.starts_with("diskwright-machine/"));
        if says_ours || MACHINE_FIELDS.iter().any(|name| fields.contains_key(*name)) {
            return match MachineReport::from_json(text) {
                Ok(_) => Ok(Self::Machine(String::from_utf8_lossy(text).into_owned())),
                Err(error) if says_ours => Err(error.into()),
                Err(_) => Ok(Self::Foreign),
            };
        }
        let is_scan = fields.get("scan").is_some_and(Value::is_object)
            || fields.get("name").is_some_and(Value::is_string);
        if is_scan { Ok(Self::Scan(ScanRequest::parse(body)?)) } else { Ok(Self::Foreign) }
    }
}

/// The local name of an XML document's root element, without looking any further.
fn root_name(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        let at = rest.iter().position(|byte| *byte == b'<')?;
        rest = rest.get(at + 1..)?;
        let end: &[u8] = if rest.starts_with(b"?") {
            b"?>"
        } else if rest.starts_with(b"!--") {
            b"-->"
        } else {
            break;
        };
        let at = rest.windows(end.len()).position(|window| window == end)?;
        rest = rest.get(at + end.len()..)?;
    }
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    let name = rest.split(is_end).next()?;
    name.rsplit(|byte| *byte == b':').next()
}

/// Top-level fields of a machine report.
const MACHINE_FIELDS: [&str; 8] =
    ["memory_bytes", "cpus", "firmware", "os", "cmdline", "disks", "lvm", "nics"];

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(body: &str) -> &'static str {
        match Report::of(body.as_bytes()) {
            Ok(Report::Machine(_)) => "machine",
            Ok(Report::Scan(_)) => "scan",
            Ok(Report::Foreign) => "foreign",
            Err(_) => "refused",
        }
    }

    #[test]
    fn documents_are_told_apart() {
        for (body, expected) in [
            (r#"{"format": "diskwright-machine/1"}"#, "machine"),
            (r#"{"memory_bytes": 1}"#, "machine"),
            (r#"{"format": "diskwright-machine/1", "cpus": "many"}"#, "refused"),
            (r#"{"format": "diskwright-machine/9"}"#, "refused"),
            (r#"{"cpus": "many"}"#, "foreign"),
            (r#"{"scan": {"name": "x"}}"#, "scan"),
            (r#"{"name": "x"}"#, "scan"),
            (r#"{"scan": {"name": "x", "rejected": true}}"#, "refused"),
            (r#"{"packages": []}"#, "foreign"),
            ("{", "foreign"),
            ("<scan><name>x</name></scan>", "scan"),
            (
                "\u{feff}<?xml version=\"1.0\"?><!-- <scan> -->\n<ns0:scan xmlns:ns0=\"http://www.usharesoft.com/uforge\"/>",
                "scan",
            ),
            ("<scan><name>x</scan>", "refused"),
            ("<machine><scan/></machine>", "foreign"),
            ("<!DOCTYPE scan><scan/>", "foreign"),
            ("<", "foreign"),
        ] {
            assert_eq!(kind(body), expected, "{body}");
        }
    }
}
