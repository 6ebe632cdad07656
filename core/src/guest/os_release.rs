use super::workspace::GuestWorkspace;
use crate::Result;

/// What the tree calls its system.
///
/// # Reference
/// os-release(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`: `debian`, `rhel`, `alpine` …; empty when the tree does not say.
    pub id: String,
    /// `ID_LIKE`: systems that it derives from, nearest first.
    pub id_like: Vec<String>,
    /// `VERSION_ID`: `12`, `22.04`; empty for rolling systems.
    pub version_id: String,
    /// `PRETTY_NAME`, for people.
    pub pretty_name: String,
}

impl OsRelease {
    /// Reads `/etc/os-release`, else `/usr/lib/os-release`, else the older release files of Red Hat, SUSE and Debian.
    ///
    /// # Errors
    /// As [`GuestWorkspace::read`].
    pub fn of(workspace: &GuestWorkspace<'_>) -> Result<Option<Self>> {
        for path in ["/etc/os-release", "/usr/lib/os-release"] {
            if let Some(text) = workspace.read(path.as_bytes())? {
                return Ok(Some(Self::parse(&text)));
            }
        }
        for (path, id) in OLDER {
            if let Some(text) = workspace.read(path.as_bytes())? {
                let text = String::from_utf8_lossy(&text);
                let line = text.lines().next().unwrap_or_default().trim();
                return Ok(Some(Self {
                    id: id.to_owned(),
                    version_id: first_number(line),
                    pretty_name: line.to_owned(),
                    ..Self::default()
                }));
            }
        }
        Ok(None)
    }

    /// Reads the text of an os-release file; lines that are no assignments are passed over.
    pub fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut release = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.trim().split_once('=') else { continue };
            let value = shell_word(value);
            match name {
                "ID" => release.id = value,
                "ID_LIKE" => release.id_like = value.split_whitespace().map(str::to_owned).collect(),
                "VERSION_ID" => release.version_id = value,
                "PRETTY_NAME" => release.pretty_name = value,
                _ => {}
            }
        }
        release
    }

    /// Whether it is, or derives from, the system of this id.
    pub fn is_like(&self, id: &str) -> bool {
        self.id == id || self.id_like.iter().any(|like| like == id)
    }

    /// The first two numbers of the version; 0 where they are missing.
    pub fn version(&self) -> (u32, u32) {
        let mut numbers = self.version_id.split('.').map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// A value with its quotes and backslashes taken off, as a shell reads a single word.
fn shell_word(value: &str) -> String {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = value.trim().chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            _ => word.push(c),
        }
    }
    word
}

fn first_number(line: &str) -> String {
    let start = line.find(|c: char| c.is_ascii_digit()).unwrap_or(line.len());
    let rest = line.get(start..).unwrap_or_default();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().trim_end_matches('.').to_owned()
}

/// Release files from before os-release(5), and the id that they stand for.
const OLDER: [(&str, &str); 4] = [
    ("/etc/redhat-release", "rhel"),
    ("/etc/SuSE-release", "sles"),
    ("/etc/debian_version", "debian"),
    ("/etc/alpine-release", "alpine"),
];
