#![allow(missing_docs)]
use crate::document::Value;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Xml,
    Json,
}
impl Syntax {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml",
            Self::Json => "application/json",
        }
    }
}
pub trait Document {
    fn render(&self, syntax: Syntax) -> String;
    fn set_digest(&mut self, digest: &str);
    fn last_modified(&self) -> Option<i64>;
}
#[derive(Debug, Default)]
pub struct ServiceStatus {
    pub alive: Option<bool>,
    pub version: Option<String>,
}
#[derive(Debug, Default)]
pub struct LocalizedMessage {
    pub message: String,
    pub message_id: String,
    pub parameters: Vec<String>,
}
#[derive(Debug, Default)]
pub struct UForgeError {
    pub message: LocalizedMessage,
    pub request_method: String,
    pub request_uri: String,
    pub status_code: u16,
    pub timestamp: i64,
}
fn out(root: &str, v: Value, s: Syntax) -> String {
    match s {
        Syntax::Xml => crate::xml::render(root, &v),
        Syntax::Json => crate::json::render(root, &v),
    }
}
impl Document for ServiceStatus {
    fn render(&self, s: Syntax) -> String {
        out(
            "serviceStatus",
            Value::Object(vec![
                ("alive", Value::Boolean(self.alive == Some(true))),
                ("version", Value::Text(self.version.clone().unwrap_or_default())),
            ]),
            s,
        )
    }
    fn set_digest(&mut self, _: &str) {}
    fn last_modified(&self) -> Option<i64> {
        None
    }
}
impl Document for UForgeError {
    fn render(&self, s: Syntax) -> String {
        out(
            "uforgeError",
            Value::Object(vec![
                ("requestUri", Value::Text(self.request_uri.clone())),
                ("statusCode", Value::Number(self.status_code.into())),
            ]),
            s,
        )
    }
    fn set_digest(&mut self, _: &str) {}
    fn last_modified(&self) -> Option<i64> {
        None
    }
}
