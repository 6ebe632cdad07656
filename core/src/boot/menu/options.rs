use std::collections::BTreeSet;

use crate::lvm::LogicalVolumeName;

/// What happens to the options of a kernel's command line, wherever they stand.
#[derive(Debug)]
pub(super) struct OptionRules<'a> {
    /// The root file system: `UUID=…`, or the path of a logical volume.
    root: String,
    /// The same of the swap space, if there is one.
    swap: Option<String>,
    /// The logical volume of the root file system.
    root_volume: Option<LogicalVolumeName>,
    /// Device specifications that are true on the new disks.
    known: BTreeSet<String>,
    /// Those of them that name the root file system.
    roots: BTreeSet<String>,
    /// Those that name swap space.
    swaps: BTreeSet<String>,
    /// Identifiers that change: old, new.
    renamed: &'a [(String, String)],
    /// Options to append where they are missing.
    appended: &'a [String],
}

/// What becomes of one option.
enum Fate {
    Kept,
    Replaced(String),
    Dropped,
}

impl<'a> OptionRules<'a> {
    pub(super) fn new(
        root_uuid: &str,
        swap_uuid: Option<&str>,
        known: &[String],
        renamed: &'a [(String, String)],
        appended: &'a [String],
    ) -> Self {
        let root = format!("UUID={root_uuid}");
        let swap = swap_uuid.map(|uuid| format!("UUID={uuid}"));
        let known = known.iter().chain([&root]).chain(&swap).map(|spec| normal_spec(spec)).collect();
        let (roots, swaps) =
            ([normal_spec(&root)].into(), swap.iter().map(|spec| normal_spec(spec)).collect());
        Self { root, swap, root_volume: None, known, roots, swaps, renamed, appended }
    }

    /// The same where these, which are known, name the root file system and swap space, too. What another volume is called
    /// is no name for them, though it is true on the new disk: partitions get other numbers, and so other PARTUUIDs, on an MBR
    /// disk.
    pub(super) fn with_names(mut self, roots: &[String], swaps: &[String]) -> Self {
        for (known, names) in [(&mut self.roots, roots), (&mut self.swaps, swaps)] {
            known.extend(names.iter().map(|spec| normal_spec(spec)));
        }
        self
    }

    /// The same with the paths of logical volumes for root and swap.
    ///
    /// An initial RAM disk activates the volumes whose paths it is given; one that is named by its UUID it may wait for
    /// in vain.
    pub(super) fn with_logical_volumes(mut self, root: Option<&str>, swap: Option<&str>) -> Self {
        let places =
            [(Some(&mut self.root), &mut self.roots, root), (self.swap.as_mut(), &mut self.swaps, swap)];
        for (place, names, device) in places {
            if let (Some(place), Some(device)) = (place, device) {
                for known in [&mut self.known, names] {
                    known.remove(&normal_spec(place));
                    known.insert(normal_spec(device));
                }
                device.clone_into(place);
            }
        }
        self.root_volume = root.and_then(LogicalVolumeName::of_device);
        self
    }

    /// Options without the profile's parameters appended.
    pub(super) fn without_appended(&self) -> OptionRules<'_> {
        let Self { root, swap, root_volume, known, roots, swaps, renamed, .. } = self;
        OptionRules {
            root: root.clone(),
            swap: swap.clone(),
            root_volume: root_volume.clone(),
            known: known.clone(),
            roots: roots.clone(),
            swaps: swaps.clone(),
            renamed,
            appended: &[],
        }
    }

    /// The options made true for the new disk, and those that are missing appended. White space and whatever is true
    /// stay as they are.
    pub(super) fn fixed(&self, options: &str) -> String {
        self.fixed_beside(options, "")
    }

    /// The same of options that the kernel gets together with `others`, which say as well which volumes become active.
    pub(super) fn fixed_beside(&self, options: &str, others: &str) -> String {
        let renamed = self.renamed(options);
        let resumes_from_file = renamed.split_whitespace().any(|option| option.starts_with("resume_offset="));
        let activates_root = self.activates_root(&renamed) || self.activates_root(&self.renamed(others));
        let mut fixed = String::with_capacity(renamed.len());
        let mut left = renamed.as_str();
        while !left.is_empty() {
            let space = left.len() - left.trim_start().len();
            let (space, rest) = left.split_at(space);
            let (option, rest) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
            match self.fate(option, resumes_from_file, activates_root) {
                Fate::Kept => fixed.extend([space, option]),
                Fate::Replaced(new) => fixed.extend([space, &new]),
                // What follows an option that stood first is first now.
                Fate::Dropped if fixed.is_empty() && space.is_empty() => {
                    left = rest.trim_start_matches([' ', '\t']);
                    continue;
                }
                Fate::Dropped => {}
            }
            left = rest;
        }
        for option in self.appended {
            if !fixed.split_whitespace().any(|known| known.trim_matches(['"', '\'']) == option) {
                let end = fixed.trim_end().len();
                let space = if end == 0 { "" } else { " " };
                fixed.insert_str(end, &format!("{space}{option}"));
            }
        }
        fixed
    }

    /// The text with every identifier that changes replaced, where it stands as a word of its own.
    pub(super) fn renamed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (old, new) in self.renamed {
            text = replace_words(&text, old, new);
        }
        text
    }

    /// Whether a device specification (`UUID=…`, `LABEL=…`, a path below `/dev/disk`) is true on the new disk.
    pub(super) fn is_known(&self, spec: &str) -> bool {
        self.known.contains(&normal_spec(spec))
    }

    /// Whether options of dracut name the root's logical volume or its group: without such an option all volumes become
    /// active, with others the root's does not.
    fn activates_root(&self, options: &str) -> bool {
        let Some(root) = &self.root_volume else { return false };
        let volume = root.to_string();
        options.split_whitespace().any(|option| {
            option.strip_prefix("rd.lvm.lv=") == Some(&volume)
                || option.strip_prefix("rd.lvm.vg=") == Some(&root.group)
        })
    }

    /// Whether an option of dracut names a logical volume or group of the new disk.
    fn is_new_volume(&self, name: &str, value: &str) -> bool {
        match name {
            "rd.lvm.lv" => self.known.contains(&normal_spec(&format!("/dev/{value}"))),
            "rd.lvm.vg" => {
                let group = |path: &str| LogicalVolumeName::of_device(path).map(|name| name.group);
                self.known.iter().any(|path| group(path).as_deref() == Some(value))
            }
            _ => false,
        }
    }

    fn fate(&self, option: &str, resumes_from_file: bool, activates_root: bool) -> Fate {
        let Some((name, value)) = option.split_once('=') else { return Fate::Kept };
        if value.contains('$') {
            return Fate::Kept;
        }
        match name {
            "root" if self.root_volume.is_some() && normal_spec(value) != self.root => {
                Fate::Replaced(format!("root={}", self.root))
            }
            "root" if !self.roots.contains(&normal_spec(value)) => {
                Fate::Replaced(format!("root={}", self.root))
            }
            "resume" if resumes_from_file => Fate::Dropped,
            "resume" if self.swaps.contains(&normal_spec(value)) => Fate::Kept,
            "resume" => match &self.swap {
                Some(swap) => Fate::Replaced(format!("resume={swap}")),
                None => Fate::Dropped,
            },
            "resume_offset" => Fate::Dropped,
            "rootfstype" if !value.starts_with("ext") => Fate::Dropped,
            "rootflags" => without_subvolume(value),
            _ if activates_root && self.is_new_volume(name, value) => Fate::Kept,
            "rd.lvm" if value == "0" && self.root_volume.is_some() => Fate::Dropped,
            _ if STACKED_DEVICES.contains(&name) => Fate::Dropped,
            _ => Fate::Kept,
        }
    }
}

/// Root flags of a file system that has no subvolumes.
fn without_subvolume(flags: &str) -> Fate {
    let is_subvolume = |flag: &&str| flag.starts_with("subvol=") || flag.starts_with("subvolid=");
    if !flags.split(',').any(|flag| is_subvolume(&flag)) {
        return Fate::Kept;
    }
    let left: Vec<&str> = flags.split(',').filter(|flag| !is_subvolume(flag)).collect();
    if left.is_empty() { Fate::Dropped } else { Fate::Replaced(format!("rootflags={}", left.join(","))) }
}

/// One form for all ways to write a device specification: UUIDs in lower case, `/dev/disk/by-uuid/X` as `UUID=X`, a
/// logical volume by its path of the device mapper.
pub(super) fn normal_spec(spec: &str) -> String {
    let spec = spec.trim_matches(['"', '\'']);
    let by_path = [
        ("/dev/disk/by-uuid/", "UUID"),
        ("/dev/disk/by-label/", "LABEL"),
        ("/dev/disk/by-partuuid/", "PARTUUID"),
        ("/dev/disk/by-partlabel/", "PARTLABEL"),
    ];
    for (directory, tag) in by_path {
        if let Some(value) = spec.strip_prefix(directory) {
            return normal_spec(&format!("{tag}={value}"));
        }
    }
    if let Some(name) = LogicalVolumeName::of_device(spec) {
        return name.mapper_path();
    }
    match spec.split_once('=') {
        Some((tag @ ("UUID" | "PARTUUID"), value)) => format!("{tag}={}", value.to_ascii_lowercase()),
        _ => spec.to_owned(),
    }
}

/// Replaces `old` by `new` where no letter or digit stands beside it, nor a hyphen unless `old` is a whole UUID (menus
/// make names like `gnulinux-simple-UUID`); letters match without case.
pub(super) fn replace_words(text: &str, old: &str, new: &str) -> String {
    if old.is_empty() || old == new {
        return text.to_owned();
    }
    let (lower, wanted) = (text.to_ascii_lowercase(), old.to_ascii_lowercase());
    let is_word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || (*byte == b'-' && old.len() < UUID_LEN))
    };
    let mut replaced = String::with_capacity(text.len());
    let mut done = 0;
    for (at, found) in lower.match_indices(&wanted) {
        let end = at + found.len();
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        if at < done || is_word(before) || is_word(text.as_bytes().get(end)) {
            continue;
        }
        replaced.push_str(&text[done..at]);
        replaced.push_str(new);
        done = end;
    }
    replaced.push_str(&text[done..]);
    replaced
}

const UUID_LEN: usize = 36;

/// Options that make an initial RAM disk wait for volumes of LVM, LUKS or RAID, which the new disk does not have.
const STACKED_DEVICES: &[&str] = &[
    "rd.lvm.lv",
    "rd.lvm.vg",
    "rd.luks.uuid",
    "rd.luks.name",
    "rd.luks.key",
    "rd.luks.options",
    "luks.uuid",
    "luks.name",
    "luks.key",
    "luks.options",
    "rd.md.uuid",
    "cryptdevice",
    "cryptkey",
];

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "11111111-2222-3333-4444-555555555555";
    const SWAP: &str = "99999999-2222-3333-4444-555555555555";

    fn fixed(options: &str) -> String {
        rules().fixed(options)
    }

    fn rules() -> OptionRules<'static> {
        let names = ["LABEL=system".to_owned(), "PARTUUID=11223344-03".to_owned()];
        OptionRules::new(ROOT, Some(SWAP), &["PARTUUID=11223344-02".to_owned()], &[], &[])
            .with_names(&names, &[])
    }

    #[test]
    fn a_name_that_another_volume_has_now_is_none_of_the_root_or_of_swap() {
        assert!(rules().is_known("PARTUUID=11223344-02"));
        assert_eq!(fixed("root=PARTUUID=11223344-02 ro"), format!("root=UUID={ROOT} ro"));
        assert_eq!(fixed("root=PARTUUID=11223344-03 ro"), "root=PARTUUID=11223344-03 ro");
        assert_eq!(fixed("resume=PARTUUID=11223344-02"), format!("resume=UUID={SWAP}"));
        assert_eq!(fixed("resume=LABEL=system"), format!("resume=UUID={SWAP}"));
    }

    #[test]
    fn true_options_stay_to_the_byte() {
        for options in [
            "",
            "  quiet \t splash ",
            "root=UUID=11111111-2222-3333-4444-555555555555 ro",
            "root=/dev/disk/by-uuid/11111111-2222-3333-4444-555555555555",
            "root=LABEL=system resume=UUID=99999999-2222-3333-4444-555555555555",
            "root=${rootspec} $kernelopts rootflags=noatime rd.lvm=0",
        ] {
            assert_eq!(fixed(options), options);
        }
    }

    #[test]
    fn options_of_the_old_disk_are_replaced_or_dropped() {
        let root = format!("root=UUID={ROOT}");
        assert_eq!(fixed("a root=/dev/mapper/rhel-root rd.lvm.lv=rhel/root b"), format!("a {root} b"));
        assert_eq!(fixed("root=UUID=1-2 rootflags=subvol=@ ro"), format!("{root} ro"));
        assert_eq!(fixed("rootflags=noatime,subvol=@"), "rootflags=noatime");
        assert_eq!(fixed("x resume=/dev/sda5"), format!("x resume=UUID={SWAP}"));
        assert_eq!(fixed("x resume=UUID=11111111-2222-3333-4444-555555555555 resume_offset=34816 y"), "x y");
        assert_eq!(fixed("rootfstype=xfs quiet"), "quiet");
        let without_swap = OptionRules::new(ROOT, None, &[], &[], &[]);
        assert_eq!(without_swap.fixed("x resume=/dev/sda5"), "x");
    }

    #[test]
    fn a_root_on_a_logical_volume_is_named_by_its_path() {
        let known = ["/dev/mapper/vg0-root".to_owned(), "/dev/mapper/vg0-swap".to_owned()];
        let fixed = |options: &str| {
            OptionRules::new(ROOT, Some(SWAP), &known, &[], &[])
                .with_names(&known[..1], &known[1..])
                .with_logical_volumes(Some(&known[0]), Some(&known[1]))
                .fixed(options)
        };
        for options in [
            "root=/dev/mapper/vg0-root ro resume=/dev/vg0/swap rd.lvm.lv=vg0/root rd.lvm.lv=vg0/swap quiet",
            "root=/dev/vg0/root rd.lvm.vg=vg0",
        ] {
            assert_eq!(fixed(options), options);
        }
        assert_eq!(
            fixed(&format!("root=UUID={ROOT} resume=UUID={SWAP}")),
            "root=/dev/mapper/vg0-root resume=/dev/mapper/vg0-swap"
        );
        assert_eq!(
            fixed("root=/dev/mapper/a-root rd.lvm.lv=a/root rd.lvm.lv=vg0/swap rd.lvm=0"),
            "root=/dev/mapper/vg0-root"
        );
    }

    #[test]
    fn parameters_are_appended_once() {
        let appended = ["console=tty0".to_owned(), "console=ttyS0".to_owned()];
        let rules = OptionRules::new(ROOT, None, &[], &[], &appended);
        assert_eq!(rules.fixed("quiet console=tty0 \n"), "quiet console=tty0 console=ttyS0 \n");
        assert_eq!(rules.fixed(""), "console=tty0 console=ttyS0");
        let once = rules.fixed("x");
        assert_eq!(rules.fixed(&once), once);
    }

    #[test]
    fn identifiers_are_replaced_as_whole_words_only() {
        assert_eq!(
            replace_words("UUID=ab-12 xab-12 ab-123 'AB-12'", "ab-12", "N"),
            "UUID=N xab-12 ab-123 'N'"
        );
        assert_eq!(replace_words("é ab-12", "ab-12", "ab-12-3"), "é ab-12-3");
        assert_eq!(replace_words("text", "", "N"), "text");
        assert_eq!(
            replace_words(&format!("gnulinux-simple-{ROOT}'"), ROOT, SWAP),
            format!("gnulinux-simple-{SWAP}'")
        );
    }
}
