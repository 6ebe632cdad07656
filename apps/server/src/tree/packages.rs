use crate::store::ScanPackage;

/// The installed packages of dpkg's status file, in its order.
///
/// # Reference
/// deb-control(5), dpkg-query(1): the third word of `Status` is the state.
pub(super) fn parse(status: &[u8]) -> Vec<ScanPackage> {
    let text = String::from_utf8_lossy(status);
    let mut packages = Vec::new();
    let mut paragraph = Paragraph::default();
    for line in text.lines().chain(std::iter::once("")) {
        if line.is_empty() {
            packages.extend(std::mem::take(&mut paragraph).package());
            if packages.len() >= MAX_PACKAGES {
                break;
            }
        } else if let Some((name, value)) = line.split_once(':') {
            paragraph.put(name, value.trim());
        }
    }
    packages
}

#[derive(Default)]
struct Paragraph {
    package: ScanPackage,
    is_installed: bool,
}

impl Paragraph {
    fn put(&mut self, name: &str, value: &str) {
        match name {
            "Package" => self.package.name = value.to_owned(),
            "Version" => self.package.version = value.to_owned(),
            "Architecture" => self.package.arch = value.to_owned(),
            // KiB.
            "Installed-Size" => {
                self.package.size = value.parse().map_or(0, |size: i64| size.saturating_mul(1024).max(0));
            }
            "Status" => self.is_installed = value.split_whitespace().nth(2) == Some("installed"),
            _ => {}
        }
    }

    fn package(self) -> Option<ScanPackage> {
        (self.is_installed && !self.package.name.is_empty()).then_some(self.package)
    }
}

/// More than any system has.
const MAX_PACKAGES: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_is_listed() {
        let status = b"Package: adduser\nStatus: install ok installed\nInstalled-Size: 686\nArchitecture: all\n\
            Version: 3.134\nDescription: add\n Package: not-this\n\nPackage: gone\nStatus: deinstall ok config-files\n\
            Version: 1\n\nPackage: zlib1g\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 1:1.2.13";
        let found = parse(status);
        let shown: Vec<_> = found.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.size)).collect();
        assert_eq!(shown, [("adduser", "3.134", 686 * 1024), ("zlib1g", "1:1.2.13", 0)]);
        assert!(parse(b"").is_empty());
    }
}
