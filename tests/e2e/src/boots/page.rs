//! What was run, and the page that says so.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::bench::{Foretold, Outcome};
use super::case::Case;

/// What was foretold and what came of it, by the names of the cases.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    foretold: BTreeMap<String, Foretold>,
    outcomes: BTreeMap<String, Outcome>,
}

impl Record {
    /// Reads the lines of [`prediction`] and [`result`]; of several on one case the last count.
    ///
    /// # Errors
    /// If a line is none of these, or a result does not follow the prediction on its disk.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut record = Self::default();
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            record.take(&value).with_context(|| format!("no prediction, and no result of one: {line}"))?;
        }
        Ok(record)
    }

    fn take(&mut self, value: &Value) -> Option<()> {
        let text = |field: &str| Some(value.get(field)?.as_str()?.to_owned());
        let (case, image) = (text("case")?, text("image")?);
        if let Some(verdict) = text("foretold") {
            let findings = value.get("findings")?.as_array()?.iter();
            let findings = findings.map(|id| Some(id.as_str()?.to_owned())).collect::<Option<_>>()?;
            self.outcomes.remove(&case);
            self.foretold.insert(case, Foretold { image, verdict, findings });
            return Some(());
        }
        let foretold = self.foretold.get(&case).filter(|foretold| foretold.image == image)?.clone();
        let came_up = value.get("came_up")?.as_bool()?;
        self.outcomes.insert(case, Outcome { foretold, came_up, end: text("end")? });
        Some(())
    }

    /// What came of a case; nothing if it was not run.
    pub(super) fn of(&self, case: &Case) -> Option<&Outcome> {
        self.outcomes.get(&case.name())
    }
}

impl Outcome {
    /// Whether it came as it was foretold, and for the reason that was.
    pub fn is_as_foretold(&self, case: &Case) -> bool {
        match (case.flaw, self.foretold.verdict.as_str()) {
            (None, "boots") => self.came_up,
            (Some(flaw), "does-not-boot") => {
                let is_told = self.foretold.findings.iter().any(|id| id == flaw.finding);
                !self.came_up && is_told && self.ended_without_kernel() == flaw.lacks_kernel()
            }
            _ => false,
        }
    }

    /// Whether it ended before a kernel said anything.
    fn ended_without_kernel(&self) -> bool {
        WITHOUT_KERNEL.contains(&self.end.trim_matches('`'))
    }
}

/// Ends of machines whose firmware or loader came no further.
const WITHOUT_KERNEL: [&str; 5] = [
    "no kernel starts",
    "No bootable device.",
    "Shell>",
    "grub rescue>",
    "you need to load the kernel first",
];

/// What is foretold of a case, in one line; it is written before the machine is started.
pub(super) fn prediction(case: &Case, foretold: &Foretold) -> String {
    let Foretold { image, verdict, findings } = foretold;
    json!({"case": case.name(), "image": image, "foretold": verdict, "findings": findings}).to_string()
}

/// What came of a case, in one line.
pub(super) fn result(case: &Case, outcome: &Outcome) -> String {
    let Outcome { foretold, came_up, end } = outcome;
    json!({"case": case.name(), "image": foretold.image, "came_up": came_up, "end": end}).to_string()
}

/// The page of all cases: what was foretold, and what came of it.
pub(super) fn page(cells: &[Case], failures: &[Case], record: &Record, conditions: &str) -> String {
    let run = cells.iter().chain(failures).filter_map(|case| Some((case, record.of(case)?)));
    let (run, good) = run.fold((0, 0), |(run, good), (case, outcome)| {
        (run + 1, good + usize::from(outcome.is_as_foretold(case)))
    });
    let all = cells.len() + failures.len();
    let mut text = format!(
        "{INTRODUCTION}\n{conditions}\n\nRun: {run} of {all} machines; {good} as foretold.\n\n## Machines that come up\n\n"
    );
    let head = "| # | release | initial RAM disk | loader | layout | swap | controller | firmware | container | packing ";
    let rule = "|---|---|---|---|---|---|---|---|---|---";
    text += &format!("{head}| mended | foretold | came up | as foretold |\n{rule}|---|---|---|---|\n");
    for (at, case) in cells.iter().enumerate() {
        text += &row(&(at + 1).to_string(), case, None, record.of(case));
    }
    text += "\n## Machines that must not\n\n";
    text += &format!(
        "{head}| what is wrong | finding | foretold | came up | as foretold |\n{rule}|---|---|---|---|---|\n"
    );
    for (at, case) in failures.iter().enumerate() {
        text += &row(&format!("F{}", at + 1), case, case.flaw.map(|flaw| flaw.what), record.of(case));
    }
    text
}

fn row(number: &str, case: &Case, wrong: Option<&str>, outcome: Option<&Outcome>) -> String {
    let mut cells = vec![number.to_owned()];
    cells.extend(case.cell.names().map(str::to_owned));
    cells.extend(wrong.map(str::to_owned));
    match outcome {
        None => cells.extend(["", "not run", "", ""].map(str::to_owned)),
        Some(outcome) => {
            let came_up = if outcome.came_up { "yes".to_owned() } else { format!("no: {}", outcome.end) };
            let good = if outcome.is_as_foretold(case) { "yes" } else { "**no**" };
            cells.extend([
                outcome.foretold.findings.join(", "),
                outcome.foretold.verdict.replace('-', " "),
                came_up,
                good.to_owned(),
            ]);
        }
    }
    format!("| {} |\n", cells.join(" | "))
}

/// What the page begins with.
pub const INTRODUCTION: &str = "\
# Boot matrix

Machines that `diskwright check` foretold, then `diskwright generate` made, then QEMU booted, without hardware virtualisation. `cargo xtask
boots` runs them all and writes this page; the first six are tests of every run. The first table has every pair of values of its columns
that can stand together (systemd-boot is for UEFI only; OVMF, as Debian builds it, drives neither LSI Logic SAS1068 nor VMware's
paravirtual SCSI; of the containers QCOW2 and sparse VMDK can be packed); the list is computed (`tests/e2e/src/boots`) and committed
(`tests/e2e/boots.txt`), and a test holds both. Each tree is a small Debian made by `fixtures/recipes/debian-boot-tree.sh`; initial RAM
disks *for the host only* were made for a machine with its disk on AHCI; those of dracut have few drivers of disks, or none.

*came up*: the machine that was scanned let root log in on its serial console, and there its firmware, root device, `/boot` and swap
areas were those that were asked for. In the second table it must not come up, for the reason that the finding gives: a machine that
came up, a finding of another kind, or a kernel that starts where none is to be found, would fail.
";

#[cfg(test)]
mod tests {
    use super::super::case::{cells, failures};
    use super::*;

    fn outcome(verdict: &str, findings: &[&str], came_up: bool, end: &str) -> Outcome {
        let findings = findings.iter().map(|id| (*id).to_owned()).collect();
        let foretold = Foretold { image: "digest".to_owned(), verdict: verdict.to_owned(), findings };
        Outcome { foretold, came_up, end: end.to_owned() }
    }

    fn failure(finding: &str) -> Case {
        let mut all = failures().unwrap().into_iter();
        all.find(|case| case.flaw.is_some_and(|flaw| flaw.finding == finding)).unwrap()
    }

    #[test]
    fn a_sound_machine_is_as_foretold_only_if_it_boots_and_was_to() {
        let sound = cells().unwrap().remove(0);
        let is_good = |verdict, came_up| outcome(verdict, &[], came_up, "").is_as_foretold(&sound);
        assert!(is_good("boots", true));
        for (verdict, came_up) in
            [("boots", false), ("does-not-boot", true), ("does-not-boot", false), ("unknown", true)]
        {
            assert!(!is_good(verdict, came_up), "{verdict} {came_up}");
        }
    }

    #[test]
    fn a_flawed_machine_is_as_foretold_only_if_it_ends_where_its_finding_says() {
        let (root, loader) = (failure("stale-root"), failure("no-loader"));
        let told = |case: &Case, findings: &[&str], end: &str| {
            outcome("does-not-boot", findings, false, end).is_as_foretold(case)
        };
        assert!(told(&root, &["stale-resume", "stale-root"], "hangs"));
        assert!(told(&loader, &["no-loader"], "`No bootable device.`"));
        assert!(!told(&root, &["storage-driver"], "hangs"), "another reason");
        assert!(!told(&root, &["stale-root"], "no kernel starts"), "no kernel where one should start");
        assert!(!told(&loader, &["no-loader"], "hangs"), "a kernel where none should start");
        assert!(
            !outcome("does-not-boot", &["stale-root"], true, "hangs").is_as_foretold(&root),
            "it came up"
        );
        assert!(!outcome("boots", &["stale-root"], false, "hangs").is_as_foretold(&root), "it was to boot");
    }

    #[test]
    fn the_last_of_several_results_counts_and_a_new_prediction_ends_it() {
        let case = failure("stale-root");
        let (bad, good) = (
            outcome("boots", &[], true, "answers"),
            outcome("does-not-boot", &["stale-root"], false, "hangs"),
        );
        let mut text = String::new();
        for outcome in [&bad, &good] {
            text += &format!("{}\n", prediction(&case, &outcome.foretold));
            assert_eq!(Record::read(&text).unwrap().of(&case), None);
            text += &format!("{}\n", result(&case, outcome));
            assert_eq!(Record::read(&text).unwrap().of(&case), Some(outcome));
        }
    }

    #[test]
    fn a_torn_record_is_refused() {
        let (case, good) = (failure("no-kernel"), outcome("does-not-boot", &["no-kernel"], false, "x"));
        let first = prediction(&case, &good.foretold);
        let text = format!("{first}\n{}", result(&case, &good));
        for end in (1..text.len()).filter(|end| ![first.len(), first.len() + 1].contains(end)) {
            assert!(Record::read(&text[..end]).is_err(), "{}", &text[..end]);
        }
        let other = Outcome { foretold: Foretold { image: "other".to_owned(), ..good.foretold }, ..good };
        assert!(Record::read(&format!("{first}\n{}", result(&case, &other))).is_err());
    }

    #[test]
    fn a_page_says_what_was_not_run_and_what_came_out_otherwise() {
        let (sound, flawed) = (vec![cells().unwrap().remove(0)], vec![failure("stale-root")]);
        let bad = outcome("boots", &[], false, "hangs");
        let text = format!("{}\n{}", prediction(&sound[0], &bad.foretold), result(&sound[0], &bad));
        let page = page(&sound, &flawed, &Record::read(&text).unwrap(), "Today.");
        assert!(page.contains("\nToday.\n\nRun: 1 of 2 machines; 0 as foretold.\n"), "{page}");
        assert!(page.contains("| no: hangs | **no** |\n") && page.contains("| not run |"), "{page}");
    }
}
