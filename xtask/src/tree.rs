//! The Debian 12 machine that the end-to-end tests scan.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{apt, command};

/// Makes the machine by its recipe unless this very recipe made it before.
///
/// Returns the directory that holds `root`, the unpacked machine, and `root.tar`, the same tree as an archive.
pub(crate) fn make(workspace: &Workspace) -> Result<PathBuf> {
    let recipe = workspace.root.join(RECIPE);
    let wanted = std::fs::read_to_string(&recipe).context(RECIPE)?;
    let made = workspace.target.join("debian-12-tree");
    let record = made.join("recipe.sh");
    let is_made = || std::fs::read_to_string(&record).is_ok_and(|of_made| of_made == wanted);

    // Several checkouts may share one target directory.
    std::fs::create_dir_all(&workspace.target)?;
    let lock = File::create(workspace.target.join("debian-12-tree.lock"))?;
    lock.lock().context("waiting for another run to make the tree")?;
    if is_made() {
        return Ok(made);
    }
    if !command::is_root() {
        bail!("only root can make the Debian tree: it holds device nodes and foreign owners");
    }
    println!("making the Debian tree");
    let part = workspace.target.join("debian-12-tree.part");
    remove(&part)?;
    let sources = workspace.target.join("debian-12-tree.sources");
    std::fs::write(&sources, apt::Source::of_machine()?.sources_file("bookworm"))?;
    command::run(Command::new("sh").arg(&recipe).arg(&sources).arg(&part))
        .context("making the Debian tree")?;
    std::fs::write(part.join("recipe.sh"), &wanted)?;
    remove(&made)?;
    std::fs::rename(&part, &made)?;
    Ok(made)
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory).with_context(|| directory.display().to_string())?;
    }
    Ok(())
}

const RECIPE: &str = "fixtures/recipes/debian-tree.sh";
