//! What a run came to: the table, and what is not in order.

use std::collections::BTreeSet;

use super::list::Mutant;
use super::parts::{PARTS, Part, SAMPLE, SEED};
use super::record::{Fate, Records};

/// What is said of a run.
pub(crate) struct Verdict {
    pub(crate) table: String,
    /// What is not as it should be; nothing of it is known where mutants were not tried.
    pub(crate) problems: Vec<String>,
}

/// Mutants of one part, counted.
#[derive(Debug, Default, PartialEq)]
struct Count {
    chosen: usize,
    killed: usize,
    timed_out: usize,
    unviable: usize,
    survived: usize,
    unclear: usize,
    explained: usize,
}

impl Count {
    fn tried(&self) -> usize {
        self.killed + self.timed_out + self.survived + self.unclear
    }

    /// Mutants that compile, as far as it is known.
    fn viable(&self) -> usize {
        self.chosen - self.unviable
    }

    fn is_reached(&self) -> bool {
        self.tried() > 0
            && self.tried() == self.viable()
            && (self.killed + self.timed_out) * 100 >= self.tried() * GOAL
    }

    fn row(&self, figure: &str, how: &str) -> String {
        let dead = self.killed + self.timed_out;
        let share = (dead * 1000).checked_div(self.tried()).unwrap_or(0);
        let by_time = match self.timed_out {
            0 => String::new(),
            some => format!(", {some} of them by the limit of time"),
        };
        let unclear = match self.unclear {
            0 => String::new(),
            some => format!("; {some} unclear"),
        };
        let so_far = match self.viable() - self.tried() {
            0 => String::new(),
            left => format!("; {left} not tried yet"),
        };
        let found = format!(
            "{dead} of {} killed{by_time}: {}.{} %; {} more do not compile{unclear}{so_far}",
            self.tried(),
            share / 10,
            share % 10,
            self.unviable
        );
        let reached = if self.is_reached() { "yes" } else { "no" };
        format!("| {figure} | {how} | at least {GOAL} % | {found} | {reached} |")
    }
}

/// Judges what the records say of the chosen mutants of each part; `explained` are the survivors that the list of them
/// explains.
pub(crate) fn judge(chosen: &[Vec<Mutant>], records: &Records, explained: &BTreeSet<String>) -> Verdict {
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    let mut total = Count::default();
    let mut survivors = BTreeSet::new();
    let mut is_known = true;
    for (part, mutants) in PARTS.iter().zip(chosen) {
        let mut count = Count { chosen: mutants.len(), ..Count::default() };
        for mutant in mutants {
            match records.of(mutant) {
                None => is_known = false,
                Some(Fate::Killed) => count.killed += 1,
                Some(Fate::TimedOut) => count.timed_out += 1,
                Some(Fate::Unviable) => count.unviable += 1,
                Some(Fate::Unclear) => {
                    count.unclear += 1;
                    problems.push(format!("came to no clear end: {}", mutant.name));
                }
                Some(Fate::Survived) => {
                    count.survived += 1;
                    survivors.insert(mutant.name.as_str());
                    match explained.contains(&mutant.name) {
                        true => count.explained += 1,
                        false => problems.push(format!("survives, and is not explained: {}", mutant.name)),
                    }
                }
            }
        }
        if count.tried() == count.viable() && !count.is_reached() {
            match count.tried() {
                0 => problems.push(format!("no mutant of {} can be tried", part.name)),
                _ => problems.push(format!("of {} less than {GOAL} % are killed", part.name)),
            }
        }
        rows.push(count.row(&format!("Mutants of {} that tests kill", part.name), &how(part)));
        total = total.plus(&count);
    }
    if is_known {
        let stale = explained.iter().filter(|name| !survivors.contains(name.as_str()));
        problems.extend(stale.map(|name| format!("is explained, and does not survive: {name}")));
    } else {
        let left = total.viable() - total.tried();
        problems.push(format!("{left} mutants have not been tried yet"));
    }
    rows.push(total.row("All of them", "the rows above"));
    rows.push(format!(
        "| Survivors explained | each has a line in `docs/survivors.md` | all | {} of {} | {} |",
        total.explained,
        total.survived,
        if is_known && total.explained == total.survived { "yes" } else { "no" }
    ));
    let table = format!("{HEADER}\n{}\n", rows.join("\n"));
    Verdict { table, problems }
}

impl Count {
    fn plus(&self, other: &Self) -> Self {
        Self {
            chosen: self.chosen + other.chosen,
            killed: self.killed + other.killed,
            timed_out: self.timed_out + other.timed_out,
            unviable: self.unviable + other.unviable,
            survived: self.survived + other.survived,
            unclear: self.unclear + other.unclear,
            explained: self.explained + other.explained,
        }
    }
}

fn how(part: &Part) -> String {
    let files = part.files().count();
    if part.is_whole {
        format!("every change that cargo-mutants makes to them ({files} files, some of them in part)")
    } else {
        format!(
            "{SAMPLE} of the changes that cargo-mutants makes to {files} files, chosen by the seed {SEED}"
        )
    }
}

/// The survivors of which a list says why they survive: lines of "- `NAME`: REASON"; other lines are for readers. A name
/// without a reason is none.
pub(crate) fn explained(text: &str) -> BTreeSet<String> {
    let entry = |line: &str| {
        let (name, reason) = line.strip_prefix("- `")?.split_once("`:")?;
        (!reason.trim().is_empty()).then(|| name.to_owned())
    };
    text.lines().filter_map(entry).collect()
}

const HEADER: &str = "\
| figure | how measured | goal | found | reached |
|---|---|---|---|---|";
/// Of a hundred mutants.
const GOAL: usize = 85;

#[cfg(test)]
mod tests {
    use super::super::list::tests::mutant;
    use super::super::record::tests::records;
    use super::*;

    /// Ten mutants of the first part, which is the only one; `survivors` of them survive and the others are killed.
    fn judged(survivors: usize, known: usize, explained: &str) -> Verdict {
        let names: Vec<String> = (0..10).map(|number| format!("m{number}")).collect();
        let fate = |at: usize| if at < survivors { Fate::Survived } else { Fate::Killed };
        let known: Vec<(&String, Fate)> =
            names.iter().take(known).enumerate().map(|(at, name)| (name, fate(at))).collect();
        let mutants = names.iter().map(|name| mutant(name)).collect();
        judge(&[mutants], &records(&known), &super::explained(explained))
    }

    #[test]
    fn a_survivor_that_is_explained_is_in_order_and_another_is_not() {
        let good = judged(1, 10, "# Why\n- `m0`: it is equal\n");
        assert_eq!(good.problems, [""; 0]);
        assert!(good.table.contains("9 of 10 killed: 90.0 %"), "{}", good.table);
        assert!(good.table.contains("| all | 1 of 1 | yes |"), "{}", good.table);
        let bad = judged(1, 10, "- `m0`:\n");
        assert_eq!(bad.problems, ["survives, and is not explained: m0"]);
        assert!(bad.table.contains("| all | 0 of 1 | no |"), "{}", bad.table);
    }

    #[test]
    fn too_few_killed_are_a_problem_even_with_every_survivor_explained() {
        let bad = judged(2, 10, "- `m0`: equal\n- `m1`: equal");
        assert_eq!(bad.problems, ["of checksums less than 85 % are killed"]);
        assert!(bad.table.contains("| at least 85 % | 8 of 10 killed: 80.0 %; 0 more do not compile | no |"));
    }

    #[test]
    fn a_part_of_which_nothing_can_be_tried_is_not_in_order() {
        let records = records(&[("m", Fate::Unviable)]);
        for mutants in [Vec::new(), vec![mutant("m")]] {
            let verdict = judge(&[mutants], &records, &BTreeSet::new());
            assert_eq!(verdict.problems, ["no mutant of checksums can be tried"]);
            assert!(!verdict.table.contains("do not compile | yes |"), "{}", verdict.table);
        }
    }

    #[test]
    fn what_came_to_no_clear_end_is_not_killed() {
        let records = records(&[("a", Fate::Killed), ("b", Fate::Unclear)]);
        let verdict = judge(&[vec![mutant("a"), mutant("b")]], &records, &BTreeSet::new());
        let problems = ["came to no clear end: b", "of checksums less than 85 % are killed"];
        assert_eq!(verdict.problems, problems);
        assert!(verdict.table.contains("1 of 2 killed: 50.0 %; 0 more do not compile; 1 unclear | no |"));
    }

    #[test]
    fn what_is_explained_and_killed_is_told() {
        let stale = judged(0, 10, "- `m7`: equal");
        assert_eq!(stale.problems, ["is explained, and does not survive: m7"]);
    }

    #[test]
    fn a_run_that_is_not_complete_is_not_in_order() {
        let half = judged(0, 4, "- `m7`: equal");
        assert_eq!(half.problems, ["6 mutants have not been tried yet"]);
        assert!(half.table.contains("4 of 4 killed: 100.0 %; 0 more do not compile; 6 not tried yet | no |"));
        assert!(half.table.contains("| all | 0 of 0 | no |"), "{}", half.table);
    }
}
