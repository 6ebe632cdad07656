use super::names::Names;
use crate::Result;
use crate::boot::files::{BootFiles, Found, Owner, names};

/// What starts the machine under UEFI, by preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Loader {
    /// GRUB, with a shim before it where there is a signed pair.
    Grub {
        shim: Option<Found>,
        grub: Found,
        mok_manager: Option<Found>,
        /// Directory below `/EFI` that is built into GRUB.
        vendor: Option<String>,
    },
    /// systemd-boot, which reads kernels from FAT only.
    SystemdBoot(Found),
    /// What the machine's own EFI system partition has at the removable path.
    Scanned,
}

/// Finds the loader of the tree, else the donor's. `esp` is where the tree keeps its EFI system partition.
pub(super) fn find(files: &BootFiles<'_>, names: &Names, esp: Option<&str>) -> Result<Option<Loader>> {
    for (owner, tree) in files.owners() {
        let donors = super::esp_directory(tree);
        let esp = match owner {
            Owner::Tree => esp,
            Owner::Donor => donors.as_deref(),
        };
        if let Some((shim, grub, mok_manager)) = signed_pair(files, owner, names, esp) {
            let vendor = built_in_vendor(&files.read(&grub)?);
            return Ok(Some(Loader::Grub { shim: Some(shim), grub, mok_manager, vendor }));
        }
        if let Some((grub, vendor)) = lone_grub(files, owner, names, esp)? {
            return Ok(Some(Loader::Grub { shim: None, grub, mok_manager: None, vendor }));
        }
        if let Some(found) = files.find(owner, &systemd_boot_paths(names, esp)) {
            return Ok(Some(Loader::SystemdBoot(found)));
        }
        if let Some(esp) = esp.filter(|_| owner == Owner::Tree)
            && files.find(owner, &[format!("{esp}/EFI/BOOT/{}", names.removable)]).is_some()
        {
            return Ok(Some(Loader::Scanned));
        }
    }
    Ok(None)
}

/// A shim with a GRUB that it verifies, both of one origin, and the key manager beside it.
fn signed_pair(
    files: &BootFiles<'_>,
    owner: Owner,
    names: &Names,
    esp: Option<&str>,
) -> Option<(Found, Found, Option<Found>)> {
    let (shim, grub, mok) = (names.file("shim"), names.file("grub"), names.file("mm"));
    let mut pairs: Vec<[Vec<String>; 3]> = Vec::new();
    let debian_grub = format!("usr/lib/grub/{}-signed/{grub}.signed", names.grub_platform);
    let debian_mok =
        ["usr/lib/shim/", ""].map(|folder| [format!("{folder}{mok}.signed"), format!("{folder}{mok}")]);
    for folder in ["usr/lib/shim/", ""] {
        let shims = ["signed.latest", "signed", "dualsigned"].map(|end| format!("{folder}{shim}.{end}"));
        let platform = names.grub_platform;
        let grubs = vec![
            debian_grub.clone(),
            format!("{platform}-signed/{grub}.signed"),
            format!("{folder}{grub}.signed"),
        ];
        pairs.push([shims.to_vec(), grubs, debian_mok.concat()]);
    }
    for folder in vendor_folders(files, owner, esp) {
        let beside = |name: &String| vec![format!("{folder}/{name}")];
        pairs.push([beside(&shim), beside(&grub), beside(&mok)]);
    }
    for folder in ["usr/share/efi", "usr/lib64/efi"] {
        let at = |name: &str| vec![format!("{folder}/{}/{name}", names.machine)];
        pairs.push([at("shim.efi"), at("grub.efi"), at("MokManager.efi")]);
    }
    pairs.push([vec![shim], vec![grub], vec![mok]]);
    pairs.into_iter().find_map(|[shim, grub, mok]| {
        let find = |paths: &[String]| files.find(owner, paths);
        Some((find(&shim)?, find(&grub)?, find(&mok)))
    })
}

/// A GRUB that stands alone. One of the machine's own partition counts only if it looks for its configuration on the
/// partition that it came from: any other has the old disk built in.
fn lone_grub(
    files: &BootFiles<'_>,
    owner: Owner,
    names: &Names,
    esp: Option<&str>,
) -> Result<Option<(Found, Option<String>)>> {
    let grub = names.file("grub");
    let platform = names.grub_platform;
    let mut paths = vec![
        format!("usr/lib/grub/{platform}/monolithic/{grub}"),
        format!("usr/share/efi/{}/grub.efi", names.machine),
        format!("usr/share/grub2/{platform}/grub.efi"),
        format!("usr/lib/grub/{platform}-signed/{grub}.signed"),
        format!("{platform}/monolithic/{grub}"),
        format!("{platform}-signed/{grub}.signed"),
        format!("monolithic/{grub}"),
    ];
    paths.extend(vendor_folders(files, owner, esp).map(|folder| format!("{folder}/{grub}")));
    paths.push(grub);
    for path in paths {
        let Some(found) = files.find(owner, &[path]) else { continue };
        let vendor = built_in_vendor(&files.read(&found)?);
        let is_scanned = esp.is_some_and(|esp| found.path.starts_with(esp.as_bytes()));
        if vendor.is_some() || !is_scanned {
            return Ok(Some((found, vendor)));
        }
    }
    Ok(None)
}

fn systemd_boot_paths(names: &Names, esp: Option<&str>) -> Vec<String> {
    let name = names.file("systemd-boot");
    let packaged = ["usr/lib/systemd/boot/efi/", "lib/systemd/boot/efi/", ""];
    let mut paths: Vec<String> = packaged
        .iter()
        .flat_map(|folder| [format!("{folder}{name}.signed"), format!("{folder}{name}")])
        .collect();
    paths.extend(esp.map(|esp| format!("{esp}/EFI/systemd/{name}")));
    paths
}

/// Directories that hold the files of one vendor's `/EFI/<vendor>`.
fn vendor_folders<'a>(
    files: &BootFiles<'a>,
    owner: Owner,
    esp: Option<&str>,
) -> impl Iterator<Item = String> + use<'a> {
    let tree = files.tree_of(owner);
    let mut parents: Vec<String> = esp.map(|esp| format!("{esp}/EFI")).into_iter().collect();
    parents.extend(["usr/lib/ostree-boot/efi/EFI", "usr/lib/bootupd/updates/EFI", "EFI"].map(str::to_owned));
    parents.into_iter().flat_map(move |parent| {
        let vendors = names(tree, &parent).into_iter().filter(|name| !name.eq_ignore_ascii_case("BOOT"));
        vendors.map(move |vendor| format!("{parent}/{vendor}")).collect::<Vec<_>>()
    })
}

/// The directory below `/EFI` in which an image of GRUB looks for its configuration.
pub(super) fn built_in_vendor(image: &[u8]) -> Option<String> {
    let mut left = image;
    while let Some(at) = left.windows(PREFIX.len()).position(|window| window == PREFIX) {
        left = &left[at + PREFIX.len()..];
        let name = left.split(|byte| *byte == 0).next().unwrap_or_default();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=32).contains(&name.len()) && name.iter().all(plain) && name != b"BOOT" {
            return String::from_utf8(name.to_vec()).ok();
        }
    }
    None
}

const PREFIX: &[u8] = b"/EFI/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendor_is_what_grub_has_built_in() {
        assert_eq!(
            built_in_vendor(b"..(/EFI/BOOT\0..$x/EFI/a b\0/EFI/debian\0..").as_deref(),
            Some("debian")
        );
        assert_eq!(built_in_vendor(b"/EFI/"), None);
        assert_eq!(built_in_vendor(b"(,gpt2)/boot/grub\0"), None);
    }
}
