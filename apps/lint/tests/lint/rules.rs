//! Every rule, broken.

use std::collections::BTreeSet;

use diskwright_lint::{Kind, Rule};

use crate::cases;
use crate::support::broken;

#[test]
fn a_broken_file_is_found_to_break_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for (at, case) in cases::all().into_iter().enumerate() {
        let report = case.package.lint();
        let mut expected: Vec<&str> = [case.rule].into_iter().chain(case.also.iter().copied()).collect();
        expected.sort_unstable();
        let found = broken(&report);
        if found != expected {
            let texts: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
            wrong.push(format!("case {at} of {}: {}", case.rule, texts.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_has_a_broken_file() {
    let broken: BTreeSet<&str> = cases::all().iter().map(|case| case.rule).collect();
    let untested: Vec<&str> = Rule::all().map(|rule| rule.id).filter(|id| !broken.contains(id)).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn rules_have_names_of_their_own_and_one_sentence_of_reason() {
    let mut names = BTreeSet::new();
    for rule in Rule::all() {
        assert!(names.insert(rule.id), "{} stands twice", rule.id);
        assert!(
            rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        );
        assert!(rule.reason.ends_with('.'), "{}", rule.id);
        assert!(!rule.protects.is_empty() && !rule.source.is_empty(), "{}", rule.id);
    }
}

#[test]
fn the_committed_table_of_rules_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (before, table) = document.split_once(MARK).expect("docs.md has the mark before its table");
    let expected = format!("\n\n{}", Rule::to_markdown().trim_end());
    if std::env::var_os("DISKWRIGHT_WRITE_TABLES").is_some() {
        std::fs::write(path, format!("{before}{MARK}{expected}\n")).unwrap();
        return;
    }
    assert_eq!(table.trim_end(), expected, "run this test with DISKWRIGHT_WRITE_TABLES=1 to renew the table");
}

#[test]
fn a_finding_says_where_and_whom_it_hurts() {
    let case = cases::all().into_iter().find(|case| case.rule == "manifest-self-listed").unwrap();
    let report = case.package.lint();
    assert_eq!(
        report.findings[0].to_string(),
        "error manifest-self-listed img.mf line 3: the manifest lists itself — protects VMware"
    );
    let json = report.to_json();
    assert_eq!((json["kind"].as_str(), json["findings"][0]["line"].as_u64()), (Some("OVA"), Some(3)));
    assert_eq!(report.kind, Kind::Ova);
}

const MARK: &str = "<!-- rules -->";
