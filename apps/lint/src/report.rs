use std::fmt;

use serde_json::{Value, json};

use crate::{Kind, Rule, Severity};

/// Where in a file a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Nowhere in particular: something is missing, or two files disagree.
    Whole,
    /// At a byte.
    Offset(u64),
    /// In a line of text, counted from 1.
    Line(u64),
    /// In an XML element, with the line in which it starts.
    Element {
        /// Its local name.
        name: String,
        /// Counted from 1.
        line: u64,
    },
}

/// One rule broken in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Name of the file, which may be a member of the archive or a file beside the one that was asked for.
    pub file: String,
    /// Where in that file.
    pub location: Location,
    /// What is there, and what should be.
    pub text: String,
}

impl Finding {
    /// File and location as one word or two.
    pub fn place(&self) -> String {
        match &self.location {
            Location::Whole => self.file.clone(),
            Location::Offset(offset) => format!("{} at {offset:#x}", self.file),
            Location::Line(line) => format!("{} line {line}", self.file),
            Location::Element { name, line } => format!("{} line {line} <{name}>", self.file),
        }
    }

    fn to_json(&self) -> Value {
        let mut finding = json!({
            "rule": self.rule.id,
            "severity": self.rule.severity.name(),
            "protects": self.rule.protects,
            "reason": self.rule.reason,
            "file": self.file,
            "text": self.text,
        });
        let fields: &[(&str, Value)] = match &self.location {
            Location::Whole => &[],
            Location::Offset(offset) => &[("offset", json!(offset))],
            Location::Line(line) => &[("line", json!(line))],
            Location::Element { name, line } => &[("element", json!(name)), ("line", json!(line))],
        };
        for (key, value) in fields {
            finding[*key] = value.clone();
        }
        finding
    }
}

impl fmt::Display for Finding {
    /// `severity rule where: text — protects …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { id, severity, protects, .. } = self.rule;
        write!(f, "{severity} {id} {}: {} — protects {protects}", self.place(), self.text)
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What the file is, by its content.
    pub kind: Kind,
    /// The broken rules, in the order of reading. Of one rule in one file only the first few places are listed.
    pub findings: Vec<Finding>,
    /// How many places were left out.
    pub unlisted: u64,
}

impl Report {
    /// Whether a product may refuse the file or read it wrong.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.rule.severity == Severity::Error)
    }

    /// The report as an object of a `diskwright-lint/1` document.
    pub fn to_json(&self) -> Value {
        json!({
            "kind": self.kind.name(),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
            "unlisted": self.unlisted,
        })
    }
}

/// The findings so far.
#[derive(Debug)]
pub(crate) struct Findings {
    file: String,
    list: Vec<Finding>,
    unlisted: u64,
    /// The product whose rules count, if not all do.
    product: Option<&'static str>,
}

impl Findings {
    /// None yet, in the file of that name.
    pub(crate) fn new(file: &str) -> Self {
        Self { file: shown(file), list: Vec::new(), unlisted: 0, product: None }
    }

    /// One more.
    pub(crate) fn add(&mut self, rule: &'static Rule, location: Location, text: impl Into<String>) {
        if self.product.is_some_and(|product| !rule.protects.contains(product)) {
            return;
        }
        let before =
            self.list.iter().filter(|finding| finding.rule == rule && finding.file == self.file).count();
        if before >= PLACES || self.list.len() >= FINDINGS {
            self.unlisted = self.unlisted.saturating_add(1);
            return;
        }
        self.list.push(Finding { rule, file: self.file.clone(), location, text: text.into() });
    }

    /// Runs `check` with its findings placed in another file.
    pub(crate) fn in_file<T>(&mut self, file: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.file, shown(file));
        let result = check(self);
        self.file = outer;
        result
    }

    /// Runs `check` without the findings of rules that protect other products only.
    pub(crate) fn protecting<T>(&mut self, product: &'static str, check: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.product.replace(product);
        let result = check(self);
        self.product = outer;
        result
    }

    pub(crate) fn into_report(self, kind: Kind) -> Report {
        Report { kind, findings: self.list, unlisted: self.unlisted }
    }
}

/// Input of any length and content, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(LENGTH).flat_map(char::escape_debug).collect();
    if text.chars().nth(LENGTH).is_some() {
        shown.push('…');
    }
    shown
}

/// Places listed of one rule in one file.
const PLACES: usize = 8;
/// Findings listed at all.
const FINDINGS: usize = 500;
/// Characters of input that are repeated in a message.
const LENGTH: usize = 80;
