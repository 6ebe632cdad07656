//! What the tests need and what is too large to commit: made under the target directory by committed recipes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{apt, command};

/// A directory that a recipe makes.
pub(crate) struct Made {
    /// What it is, for messages.
    what: &'static str,
    /// Its name in the target directory.
    directory: &'static str,
    /// The recipe, from the workspace's root: a shell script that is given an APT sources file and the directory.
    recipe: &'static str,
    /// The files that the recipe reads, from the workspace's root.
    beside: &'static [&'static str],
    /// The Debian suite and the components that the sources file names.
    suite: &'static str,
    components: &'static str,
    /// Why only root can make it, if so.
    root_because: Option<&'static str>,
}

/// The Debian 12 machine that the end-to-end tests scan: `root` is it unpacked, `root.tar` the same tree as an archive.
pub(crate) const TREE: Made = Made {
    what: "the Debian tree",
    directory: "debian-12-tree",
    recipe: "fixtures/recipes/debian-tree.sh",
    beside: &[MACHINE],
    suite: "bookworm",
    components: "main",
    root_because: Some("it holds device nodes and foreign owners"),
};

/// A small Debian 12 machine with its root on a logical volume: `root` is it unpacked.
pub(crate) const LVM_TREE: Made = Made {
    what: "the Debian tree with LVM",
    directory: "debian-12-lvm-tree",
    recipe: "fixtures/recipes/debian-lvm-tree.sh",
    beside: &[MACHINE],
    suite: "bookworm",
    components: "main",
    root_because: Some("it holds device nodes and foreign owners"),
};

/// The Debian 12 machine of the boot matrix, in layers: `machine`, loaders, initial RAM disks. The tests of every run boot it.
pub(crate) const BOOT_TREE: Made =
    boot_tree("the Debian 12 tree for boots", "debian-12-boot-tree", "bookworm");

/// All machines of the boot matrix.
pub(crate) const BOOT_TREES: [Made; 3] = [
    boot_tree("the Debian 11 tree for boots", "debian-11-boot-tree", "bullseye"),
    BOOT_TREE,
    boot_tree("the Debian 13 tree for boots", "debian-13-boot-tree", "trixie"),
];

const fn boot_tree(what: &'static str, directory: &'static str, suite: &'static str) -> Made {
    Made {
        what,
        directory,
        recipe: "fixtures/recipes/debian-boot-tree.sh",
        beside: &[MACHINE, "fixtures/recipes/host-only.sh"],
        suite,
        components: "main",
        root_because: Some("it holds device nodes and foreign owners"),
    }
}

/// What all Debian machines share.
const MACHINE: &str = "fixtures/recipes/debian-machine.sh";

/// A machine of 200 000 small files, with the boot files of the Debian tree, which must be made before: `root` and `root.tar`,
/// likewise.
pub(crate) const SMALL_FILES: Made = Made {
    what: "the tree of small files",
    directory: "small-files-tree",
    recipe: "fixtures/recipes/small-files-tree.sh",
    beside: &["fixtures/recipes/small-files.py"],
    suite: "bookworm",
    components: "main",
    root_because: Some("its boot files have foreign owners"),
};

/// VirtualBox, whose importer and disk library judge our images. Stable Debian has had none since version 10.
pub(crate) const VIRTUALBOX: Made = Made {
    what: "VirtualBox",
    directory: "virtualbox",
    recipe: "fixtures/recipes/virtualbox.sh",
    beside: &[],
    suite: "sid",
    components: "main contrib",
    root_because: Some("it runs as root of its own tree"),
};

/// A Python with the disk-image libraries that the tests read with.
pub(crate) const PYTHON: Made = Made {
    what: "the Python of the readers",
    directory: "readers-python",
    recipe: "fixtures/recipes/readers-python.sh",
    beside: &[],
    suite: "bookworm",
    components: "main",
    root_because: None,
};

/// A Python with the validator of OpenAPI documents, which judges the server's.
pub(crate) const OPENAPI: Made = Made {
    what: "the Python of the OpenAPI validator",
    directory: "openapi-python",
    recipe: "fixtures/recipes/openapi-python.sh",
    beside: &[],
    suite: "bookworm",
    components: "main",
    root_because: None,
};

/// The official clients of the scan-image API, which the server must satisfy.
pub(crate) const CLIENTS: Made = Made {
    what: "the official clients",
    directory: "clients",
    recipe: "fixtures/recipes/clients.sh",
    beside: &["fixtures/recipes/clients/convert.py", "fixtures/recipes/clients/cmd.py"],
    suite: "bookworm",
    components: "main",
    root_because: None,
};

impl Made {
    /// Makes the directory unless this very recipe made it before, and returns where it is.
    pub(crate) fn make(&self, workspace: &Workspace) -> Result<PathBuf> {
        let Self { what, directory, .. } = *self;
        let recipe = workspace.root.join(self.recipe);
        let made = workspace.target.join(directory);

        // Several checkouts may share one target directory.
        std::fs::create_dir_all(&workspace.target)?;
        let lock = File::create(workspace.target.join(format!("{directory}.lock")))?;
        lock.lock().with_context(|| format!("waiting for another run to make {what}"))?;
        if let Some(made) = self.made(workspace) {
            return Ok(made);
        }
        if let Some(reason) = self.root_because
            && !command::is_root()
        {
            bail!("only root can make {what}: {reason}");
        }
        println!("making {what}");
        let part = workspace.target.join(format!("{directory}.part"));
        remove(&part)?;
        let sources = workspace.target.join(format!("{directory}.sources"));
        std::fs::write(&sources, apt::Source::of_machine()?.sources_file(self.suite, self.components))?;
        command::run(Command::new("sh").arg(&recipe).arg(&sources).arg(&part))
            .with_context(|| format!("making {what}"))?;
        std::fs::write(part.join(RECORD), self.text(workspace)?)?;
        remove(&made)?;
        std::fs::rename(&part, &made)?;
        Ok(made)
    }

    /// Where the directory is, if this very recipe made it.
    pub(crate) fn made(&self, workspace: &Workspace) -> Option<PathBuf> {
        let made = workspace.target.join(self.directory);
        let of_made = std::fs::read_to_string(made.join(RECORD)).ok()?;
        self.text(workspace).is_ok_and(|wanted| wanted == of_made).then_some(made)
    }

    /// All that the recipe consists of; another text makes the directory anew.
    fn text(&self, workspace: &Workspace) -> Result<String> {
        let files = std::iter::once(&self.recipe).chain(self.beside);
        let read = |file: &&str| std::fs::read_to_string(workspace.root.join(file)).context(file.to_string());
        files.map(read).collect()
    }
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory).with_context(|| directory.display().to_string())?;
    }
    Ok(())
}

/// What a directory was made by, in it.
const RECORD: &str = "recipe.sh";
