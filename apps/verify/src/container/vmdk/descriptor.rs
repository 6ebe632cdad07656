use super::super::Made;
use crate::bytes::{first_nonzero, len64};
use crate::finding::Findings;

/// Checks a descriptor line by line; identifiers are those that the seed gives.
///
/// # Reference
/// VMware, Virtual Disk Format 5.0, "The Descriptor File".
pub(super) fn check(
    bytes: &[u8],
    sectors: u64,
    create_type: &str,
    extent: &str,
    machine: &Made<'_>,
    findings: &mut Findings,
) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    if let Some(stray) = first_nonzero(bytes.get(end..).unwrap_or_default()) {
        findings.add(
            "vmdk-descriptor",
            "descriptor",
            Some(len64(end + stray)),
            "zeros after the text",
            "bytes",
        );
    }
    let expected = expected_lines(sectors, create_type, extent, text.contains("\"ide\""), machine);
    let found: Vec<&str> = text.split('\n').collect();
    for line in 0..expected.len().max(found.len()) {
        let (wanted, found) =
            (expected.get(line).map_or("", String::as_str), found.get(line).copied().unwrap_or(""));
        if wanted != found {
            let name = format!("descriptor line {}", line + 1);
            let shown: String = found.chars().take(80).flat_map(char::escape_debug).collect();
            findings.add("vmdk-descriptor", name, None, wanted, shown);
            return;
        }
    }
    if found.len() != expected.len() {
        findings.add(
            "vmdk-descriptor",
            "descriptor",
            None,
            format!("{} lines", expected.len()),
            format!("{} lines", found.len()),
        );
    }
}

/// The lines of a descriptor. Which controller the machine has stands in another file.
fn expected_lines(
    sectors: u64,
    create_type: &str,
    extent: &str,
    is_ide: bool,
    machine: &Made<'_>,
) -> Vec<String> {
    let id = |what: &str| machine.uuid(&machine.label("vmdk", what));
    let drawn = machine.number(&machine.label("vmdk", "content"));
    // The two highest mean "none".
    let content = if drawn >= 0xffff_fffe { drawn & 0x7fff_ffff } else { drawn };
    let long: String = id("long content").simple().to_string().chars().take(24).collect();
    let cylinders = |heads: u64, most: u64| (sectors / (heads * 63)).clamp(1, most);
    let geometry = |adapter: &str, heads: u64, most: u64| {
        [
            format!("ddb.adapterType = \"{adapter}\""),
            format!("ddb.geometry.cylinders = \"{}\"", cylinders(heads, most)),
            format!("ddb.geometry.heads = \"{heads}\""),
            "ddb.geometry.sectors = \"63\"".to_owned(),
        ]
    };
    let geometry = if is_ide { geometry("ide", 16, 16_383) } else { geometry("lsilogic", 255, 65_535) };
    let before = [
        "# Disk DescriptorFile".to_owned(),
        "version=1".to_owned(),
        "encoding=\"UTF-8\"".to_owned(),
        format!("CID={content:08x}"),
        "parentCID=ffffffff".to_owned(),
        format!("createType=\"{create_type}\""),
        String::new(),
        "# Extent description".to_owned(),
        extent.to_owned(),
        String::new(),
        "# The Disk Data Base".to_owned(),
        "#DDB".to_owned(),
        String::new(),
    ];
    let after = [
        format!("ddb.longContentID = \"{long}{content:08x}\""),
        "ddb.toolsInstallType = \"4\"".to_owned(),
        "ddb.toolsVersion = \"2147483647\"".to_owned(),
        format!("ddb.uuid.image = \"{}\"", id("image")),
        "ddb.virtualHWVersion = \"4\"".to_owned(),
        String::new(),
    ];
    before.into_iter().chain(geometry).chain(after).collect()
}
