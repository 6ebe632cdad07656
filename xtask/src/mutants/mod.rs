//! cargo-mutants' changes to what must not be wrong, each tried by the tests: a change that no test sees is a hole in
//! them.
//!
//! cargo-mutants says what the changes are. They are compiled all at once, and a number in the environment chooses one:
//! a build for each of them would take hours.
//!
//! ```text
//! target directory/mutants/tree/        the workspace with the changes
//!                         /build/       its target directory
//!                         /scratch/     what tests write
//!                         /results.json what became of each mutant, kept from run to run
//!                         /mutants.md   the table
//! ```

mod list;
mod options;
mod parts;
mod record;
mod tree;
mod trial;
mod verdict;
mod weave;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use self::list::Mutant;
use self::options::Options;
use self::parts::{PARTS, SAMPLE};
use self::record::{Fate, Records};
use self::tree::{Programs, Tree};
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
    let explained = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let chosen: Vec<Vec<Mutant>> = PARTS
        .iter()
        .zip(chosen)
        .map(|(part, mutants)| if part.is_whole { mutants } else { sample(mutants, &records) })
        .collect();
    let verdict = verdict::judge(&chosen, &records, &verdict::explanations(&explained));
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
    let is_in = |mutant: &Mutant| {
        viable += usize::from(records.of(mutant) != Some(Fate::Unviable));
        viable <= SAMPLE
    };
    let mut is_in = is_in;
    mutants.into_iter().take_while(|mutant| is_in(mutant)).collect()
}

/// The tree with the mutants in it.
struct Run<'a> {
    tree: Tree<'a>,
    scratch: PathBuf,
    /// Those that can be in a choice, by their numbers.
    woven: BTreeMap<u32, &'a Mutant>,
    /// By package, once they were needed.
    programs: BTreeMap<&'a str, Programs>,
}

impl<'a> Run<'a> {
    fn new(workspace: &'a Workspace, folder: &std::path::Path, chosen: &'a [Vec<Mutant>]) -> Result<Self> {
        let tree = Tree::copy(workspace, folder, chosen.iter().flatten().map(|mutant| mutant.file.as_str()))?;
        let mut woven = BTreeMap::new();
        for (number, mutant) in (1..).zip(chosen.iter().flatten()) {
            if weave::can_be_woven(tree.original(&mutant.file)?, mutant)? {
                woven.insert(number, mutant);
            }
        }
        Ok(Self { tree, scratch: folder.join("scratch"), woven, programs: BTreeMap::new() })
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
                    let known = records.of(mutant).filter(|fate| *fate != Fate::Survived);
                    let is_due = known.is_none() && (part.is_whole || viable < SAMPLE);
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
        let place = self.tree.package_root(&mutant.file);
        if self.woven.contains_key(&number) {
            let programs = self.programs(mutant)?.clone();
            return trial::run(&programs, &place, &self.scratch, (number, mutant));
        }
        // The programs with a choice have the same names as those with this change.
        self.programs.remove(mutant.package.as_str());
        self.tree.alone(mutant, || match self.tree.programs(&mutant.package)? {
            Some(programs) => trial::run(&programs, &place, &self.scratch, (0, mutant)),
            None => Ok(Fate::Unviable),
        })
    }

    /// The test programs of the mutant's package, with all mutants in them; without one chosen they succeed.
    fn programs(&mut self, mutant: &'a Mutant) -> Result<&Programs> {
        let package = mutant.package.as_str();
        if !self.programs.contains_key(package) {
            println!("building the tests of {package}");
            let programs =
                self.tree.programs(package)?.with_context(|| format!("{package} does not compile"))?;
            let place = self.tree.package_root(&mutant.file);
            let fate = trial::run(&programs, &place, &self.scratch, (0, mutant))?;
            if fate != Fate::Survived {
                bail!("the tests of {package} fail without a mutant: {fate:?}");
            }
            self.programs.insert(package, programs);
        }
        Ok(&self.programs[package])
    }
}

/// Below the workspace's root.
const EXPLAINED: &str = "docs/survivors.md";
