use std::io::{self, Write};

use diskwright_lint::{Kind, Report, Rule, Severity};
use serde_json::{Value, json};

use crate::arguments::{LintArguments, OutputMode};
use crate::failure::Failure;

/// `diskwright lint`.
pub(crate) fn lint(arguments: &LintArguments) -> Result<(), Failure> {
    if arguments.rules {
        return rules(arguments.output);
    }
    let mut out = io::stdout().lock();
    let mut documents = Vec::new();
    let mut is_bad = false;
    for path in &arguments.files {
        // The other files are still worth a look.
        let report = match diskwright_lint::lint(path) {
            Ok(report) => report,
            Err(error) => {
                documents.push(json!({"path": path.to_string_lossy(), "error": error.to_string()}));
                let _ = Failure::from(error).report();
                is_bad = true;
                continue;
            }
        };
        is_bad |= report.has_errors() || (arguments.strict && !report.findings.is_empty());
        match arguments.output {
            OutputMode::Text => print(&report, &mut out)?,
            OutputMode::Json => {
                let mut document = report.to_json();
                document["path"] = json!(path.to_string_lossy());
                documents.push(document);
            }
        }
    }
    if arguments.output == OutputMode::Json {
        let document = json!({"schema": SCHEMA, "files": documents});
        writeln!(out, "{document:#}")?;
    }
    out.flush()?;
    if is_bad { Err(Failure::Answered) } else { Ok(()) }
}

fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    if report.unlisted > 0 {
        writeln!(out, "and {} more", report.unlisted)?;
    }
    Ok(())
}

fn rules(mode: OutputMode) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match mode {
        OutputMode::Text => {
            for rule in Rule::all() {
                let Rule { id, severity, protects, reason, source, .. } = rule;
                writeln!(out, "{severity} {id} ({protects}): {reason} [{source}]")?;
            }
        }
        OutputMode::Json => {
            let rules: Vec<Value> = Kind::ALL.into_iter().flat_map(rules_of).collect();
            let document = json!({"schema": SCHEMA, "rules": rules});
            writeln!(out, "{document:#}")?;
        }
    }
    out.flush()?;
    Ok(())
}

fn rules_of(kind: Kind) -> impl Iterator<Item = Value> {
    Rule::table(kind).iter().map(move |rule| {
        let severity: Severity = rule.severity;
        json!({
            "rule": rule.id,
            "kind": kind.name(),
            "severity": severity.name(),
            "protects": rule.protects,
            "reason": rule.reason,
            "source": rule.source,
        })
    })
}

const SCHEMA: &str = "diskwright-lint/1";
