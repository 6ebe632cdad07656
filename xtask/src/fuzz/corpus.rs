//! The committed corpus: few and small inputs that reach most of what the grown one reaches.

use std::fs::{copy, create_dir_all, metadata, read_dir, remove_dir_all, remove_file};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::Target;
use super::fuzzer::{Fuzzer, Scratch};

/// Puts a choice of the grown corpus in the place of the committed one; inputs with names of their own stay.
pub(crate) fn minimise(fuzzer: &Fuzzer<'_>, target: &Target) -> Result<()> {
    let (grown, committed) = (fuzzer.grown(target), fuzzer.committed(target));
    let merged = fuzzer.folder.join("merged").join(&target.name);
    if merged.exists() {
        remove_dir_all(&merged)?;
    }
    create_dir_all(&merged)?;
    let scratch = Scratch::new()?;
    let mut merge = fuzzer.command(target, &scratch);
    merge.args(["-set_cover_merge=1", "-timeout=300", "-rss_limit_mb=2048"]).arg(&merged).arg(&grown);
    merge.arg(&committed).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = merge.status().with_context(|| format!("{merge:?}"))?;
    if !status.success() {
        bail!("{merge:?}: {status}");
    }
    for path in files(&committed)?.into_iter().filter(|path| is_generated(path)) {
        remove_file(path)?;
    }
    let mut sized = Vec::new();
    for path in files(&merged)? {
        sized.push((metadata(&path)?.len(), path));
    }
    let chosen = choose(sized);
    for path in &chosen {
        copy(path, committed.join(path.file_name().context("a file without a name")?))?;
    }
    println!("{}: {} inputs committed", target.name, chosen.len());
    Ok(())
}

/// Of the inputs that are not large, as many as are kept, of every size.
fn choose(mut sized: Vec<(u64, PathBuf)>) -> Vec<PathBuf> {
    sized.retain(|(size, _)| *size <= LARGEST);
    sized.sort();
    let step = sized.len().div_ceil(MOST).max(1);
    sized.into_iter().step_by(step).map(|(_, path)| path).collect()
}

/// Whether libFuzzer named it, by its SHA-1.
fn is_generated(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Inputs of one target.
const MOST: usize = 32;
/// Bytes of one input.
const LARGEST: u64 = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_small_and_of_every_size() {
        let sized = (0..3000).map(|size| (size, PathBuf::from(format!("{size:040x}")))).collect();
        let chosen = choose(sized);
        assert!(chosen.len() <= MOST && chosen.len() > MOST / 2, "{}", chosen.len());
        assert!(chosen.contains(&PathBuf::from(format!("{:040x}", 0))));
        assert!(chosen.iter().all(|path| is_generated(path)));
        assert!(!is_generated(Path::new("corpus/tar/sparse-map-past-the-end")));
    }
}
