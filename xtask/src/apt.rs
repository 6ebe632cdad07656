//! Debian's package manager and its sources.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// Where the machine gets Debian's packages from.
#[derive(Debug, PartialEq)]
pub(crate) struct Source {
    uris: String,
    signed_by: String,
}

impl Source {
    /// The source of Debian's main archive that this machine already uses, or `DISKWRIGHT_DEBIAN_MIRROR`.
    pub(crate) fn of_machine() -> Result<Self> {
        if let Ok(uris) = std::env::var("DISKWRIGHT_DEBIAN_MIRROR") {
            return Ok(Self { uris, signed_by: KEYRING.to_owned() });
        }
        let mut files = vec![Path::new("/etc/apt/sources.list").to_path_buf()];
        if let Ok(directory) = Path::new("/etc/apt/sources.list.d").read_dir() {
            files.extend(directory.flatten().map(|entry| entry.path()));
        }
        files.sort();
        let suites = ["bookworm", "trixie", "stable"];
        let find = |path: &std::path::PathBuf| {
            let text = std::fs::read_to_string(path).ok()?;
            match path.extension()?.to_str()? {
                "sources" => find_stanza(&text, &suites),
                "list" => find_line(&text, &suites),
                _ => None,
            }
        };
        let found = files.iter().find_map(find);
        found.context(
            "no APT source names Debian's main archive: set DISKWRIGHT_DEBIAN_MIRROR to the URI of one",
        )
    }

    /// An APT sources file for one suite of this source and some of its components.
    pub(crate) fn sources_file(&self, suite: &str, components: &str) -> String {
        let Self { uris, signed_by } = self;
        format!(
            "Types: deb\nURIs: {uris}\nSuites: {suite}\nComponents: {components}\nSigned-By: {signed_by}\n"
        )
    }
}

/// Installs `packages`, from `release` if one is given.
pub(crate) fn install(packages: &[&str], release: Option<&str>) -> Result<()> {
    let mut install = apt_get();
    install.args(["install", "--yes", "--no-install-recommends"]);
    if let Some(release) = release {
        install.args(["--target-release", release]);
    }
    command::run(install.args(packages))
}

/// Refreshes the lists of packages.
pub(crate) fn update() -> Result<()> {
    command::run(apt_get().arg("update"))
}

/// The installed version of `package`.
pub(crate) fn installed_version(package: &str) -> Option<String> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status} ${Version}", package]);
    command::output(&mut query).ok()?.strip_prefix("installed ").map(str::to_owned)
}

/// The code name of the Debian release that runs here.
pub(crate) fn release() -> Result<String> {
    let text = std::fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    match name.map(|name| name.trim_matches('"')) {
        Some(name) if text.lines().any(|line| line == "ID=debian") => Ok(name.to_owned()),
        _ => bail!("only Debian's packages are known by name here"),
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.args(["--quiet", "--quiet", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0"]);
    command
}

/// The deb822 stanza of `text` that names one of `suites` exactly.
fn find_stanza(text: &str, suites: &[&str]) -> Option<Source> {
    let uncommented: String =
        text.lines().filter(|line| !line.starts_with('#')).fold(String::new(), |all, line| all + line + "\n");
    uncommented.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            let line = stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(line.trim().to_owned())
        };
        if !field("Suites")?.split_whitespace().any(|suite| suites.contains(&suite)) {
            return None;
        }
        Some(Source {
            uris: field("URIs")?,
            signed_by: field("Signed-By").unwrap_or_else(|| KEYRING.to_owned()),
        })
    })
}

/// The one-line source of `text` that names one of `suites` exactly.
fn find_line(text: &str, suites: &[&str]) -> Option<Source> {
    text.lines().find_map(|line| {
        let words = line.strip_prefix("deb ")?.trim_start();
        let (options, words) = match words.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']')?,
            None => ("", words),
        };
        let mut words = words.split_whitespace();
        let (uris, suite) = (words.next()?.to_owned(), words.next()?);
        if !suites.contains(&suite) {
            return None;
        }
        let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
        Some(Source { uris, signed_by: signed_by.unwrap_or(KEYRING).to_owned() })
    })
}

/// What package debian-archive-keyring installs.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanza_of_the_named_suite_is_found_and_others_are_not() {
        let text = "# a comment\nTypes: deb\nURIs: http://a.example/security\nSuites: bookworm-security\n\n\
                    Types: deb\n# http://snapshot.example\nURIs: http://b.example/debian\nSuites: bookworm bookworm-updates\nSigned-By: /k.gpg\n";
        let expected = Source { uris: "http://b.example/debian".to_owned(), signed_by: "/k.gpg".to_owned() };
        assert_eq!(find_stanza(text, &["bookworm"]), Some(expected));
        assert_eq!(find_stanza(text, &["trixie"]), None);
    }

    #[test]
    fn line_of_the_named_suite_is_found_with_its_key() {
        let text = "# deb http://c.example bookworm main\ndeb http://a.example bookworm-security main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://b.example/debian bookworm main\n";
        let expected = Source { uris: "http://b.example/debian".to_owned(), signed_by: "/k.gpg".to_owned() };
        assert_eq!(find_line(text, &["bookworm"]), Some(expected));
        let plain = find_line("deb http://b.example stable main\n", &["stable"]);
        assert_eq!(
            plain,
            Some(Source { uris: "http://b.example".to_owned(), signed_by: KEYRING.to_owned() })
        );
    }
}
