//! cargo-mutants' changes to what must not be wrong, each tried by the tests: a change that no test sees is a hole in
//! them.
//!
//! cargo-mutants says what the changes are. They are compiled all at once, and a number in the environment chooses one:
//! a build for each of them would take hours.
//!
//! ```text
//! target directory/mutants/tree/        the workspace with the changes
//!                         /build/       its target directory
//!                         /programs/    test programs with all changes to choose from
//!                         /scratch/     what tests write
//!                         /said.txt     what the last test program said that ran without a change
//!                         /results.json what became of each mutant, kept from run to run
//!                         /mutants.md   the table
//! ```

mod end;
mod list;
mod options;
mod parts;
mod record;
mod tree;
mod trial;
mod verdict;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::end::Place;
use self::list::Mutant;
use self::options::Options;
use self::parts::{PARTS, SAMPLE};
use self::record::{Fate, Records};
use self::tree::{Built, Programs, Tree};
use self::trial::{Trial, With};
use crate::workspace::Workspace;

/// Tries what has not been killed yet; `false` when too few are killed, or one survives and is not explained.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<bool> {
    let options = Options::parse(words)?;
    let files: BTreeSet<&str> = PARTS.iter().flat_map(|part| part.files()).collect();
    let all = list::of_files(workspace, &files.into_iter().collect::<Vec<_>>())?;
    parts::ensure_filled(PARTS, &all)?;
    let chosen = parts::choose(PARTS, all);
    let folder = workspace.target.join("mutants");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut records = Records::read(folder.join("results.json"))?;
    if options.fresh {
        records.forget();
    }
    records.forget_but(&chosen.iter().flatten().map(|mutant| mutant.key.as_str()).collect());
    if !options.table {
        Run::new(workspace, &folder, &chosen)?.all(&options, &chosen, &mut records)?;
    }
    let list = workspace.root.join(EXPLAINED);
    let survivors = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let chosen: Vec<Vec<Mutant>> = PARTS
        .iter()
        .zip(chosen)
        .map(|(part, mutants)| if part.is_whole { mutants } else { sample(mutants, &records) })
        .collect();
    let verdict = verdict::judge(&chosen, &records, &verdict::explained(&survivors));
    let path = folder.join("mutants.md");
    record::write_whole(&path, &verdict.table)?;
    println!("{}", verdict.table);
    for problem in &verdict.problems {
        println!("{problem}");
    }
    println!("written to {}", path.display());
    Ok(verdict.problems.is_empty())
}

/// The first mutants of the order that the seed gives that compile, as far as it is known, and those before them that do
/// not.
fn sample(mutants: Vec<Mutant>, records: &Records) -> Vec<Mutant> {
    let mut viable = 0;
    let mut is_in = |mutant: &Mutant| {
        viable += usize::from(records.of(mutant) != Some(Fate::Unviable));
        viable <= SAMPLE
    };
    mutants.into_iter().take_while(|mutant| is_in(mutant)).collect()
}

/// The tree with the mutants in it.
struct Run<'a> {
    tree: Tree<'a>,
    folder: PathBuf,
    /// Those that can be in a choice, by their numbers.
    woven: BTreeMap<u32, &'a Mutant>,
    /// By package, once they were needed.
    programs: BTreeMap<&'a str, Programs>,
    /// What has succeeded without a mutant.
    green: BTreeSet<Trial>,
}

impl<'a> Run<'a> {
    fn new(workspace: &'a Workspace, folder: &Path, chosen: &'a [Vec<Mutant>]) -> Result<Self> {
        let tree = Tree::copy(workspace, folder, chosen.iter().flatten().map(|mutant| mutant.file.as_str()))?;
        let mut woven = BTreeMap::new();
        for (number, mutant) in (1..).zip(chosen.iter().flatten()) {
            if weave::can_be_woven(tree.original(&mutant.file)?, mutant)? {
                woven.insert(number, mutant);
            }
        }
        Ok(Self { tree, folder: folder.to_owned(), woven, programs: BTreeMap::new(), green: BTreeSet::new() })
    }

    /// Tries all that are wanted and not known to be killed, part by part.
    fn all(mut self, options: &Options, chosen: &'a [Vec<Mutant>], records: &mut Records) -> Result<()> {
        let woven: Vec<(u32, &Mutant)> =
            self.woven.iter().map(|(number, mutant)| (*number, *mutant)).collect();
        let is_known = |mutant: &Mutant| records.of(mutant) == Some(Fate::Unviable);
        let known = woven.iter().filter(|(_, mutant)| is_known(mutant)).map(|(number, _)| *number).collect();
        for number in self.tree.weave(&woven, known)? {
            records.keep(self.woven[&number], Fate::Unviable)?;
        }
        // Those that need a build of their own come last.
        for is_woven in [true, false] {
            let mut number = 0;
            for (part, mutants) in PARTS.iter().zip(chosen) {
                let mut viable = 0;
                for mutant in mutants {
                    number += 1;
                    let is_due = !records.is_settled(mutant) && (part.is_whole || viable < SAMPLE);
                    let is_now = self.woven.contains_key(&number) == is_woven;
                    if is_due && is_now && options.wants(&mutant.name) {
                        let fate = self.one(number, mutant)?;
                        println!("{fate:?}: {}", mutant.name);
                        records.keep(mutant, fate)?;
                    }
                    viable += usize::from(records.of(mutant) != Some(Fate::Unviable));
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, number: u32, mutant: &'a Mutant) -> Result<Fate> {
        let choice = self.programs(mutant)?;
        if self.woven.contains_key(&number) {
            return self.tried(mutant, &choice, (&choice, number));
        }
        let standing = self.tree.stand_alone(mutant)?;
        let fate = match self.tree.programs(&mutant.package)? {
            Built::Programs(own) => self.tried(mutant, &choice, (&own, 0))?,
            Built::Nothing { errors, .. } if errors.iter().any(|error| error.is_of(mutant)) => Fate::Unviable,
            Built::Nothing { told, .. } => {
                println!("{told}");
                Fate::Unclear
            }
        };
        standing.end()?;
        Ok(fate)
    }

    /// What becomes of a mutant that some programs have under a number; others are without it.
    fn tried(&mut self, mutant: &Mutant, without: &Programs, with: (&Programs, u32)) -> Result<Fate> {
        let place = Place {
            package_root: self.tree.package_root(&mutant.file),
            scratch: self.folder.join("scratch"),
            said: self.folder.join("said.txt"),
        };
        let mut run = |trial: &Trial, what: With| {
            let (programs, number) = match what {
                With::Nothing => (without, None),
                With::TheMutant => (with.0, Some(with.1)),
            };
            let missing = || format!("cargo told of no {:?} of {}", trial.program, trial.package);
            end::of_program(programs.get(&trial.program).with_context(missing)?, trial, &place, number)
        };
        trial::fate_of(&trial::trials_of(mutant), &mut self.green, &mut run).with_context(|| {
            format!("{} has what the last program without a mutant said", place.said.display())
        })
    }

    /// The test programs of the mutant's package, with all mutants in them to choose from.
    fn programs(&mut self, mutant: &'a Mutant) -> Result<Programs> {
        let package = mutant.package.as_str();
        if !self.programs.contains_key(package) {
            println!("building the tests of {package}");
            self.programs.insert(package, self.tree.kept_programs(package)?);
        }
        Ok(self.programs[package].clone())
    }
}

/// Below the workspace's root.
const EXPLAINED: &str = "docs/survivors.md";
