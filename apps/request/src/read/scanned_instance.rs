use diskwright_core::Result;

use super::fields::{Fields, Findings};

/// What a request to register a machine states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScannedInstanceRequest {
    /// Name: 1 to 255 characters.
    pub name: String,
    /// Its operating system.
    pub distribution: DistributionRequest,
    /// A group that its owner puts it in.
    pub group: Option<String>,
    /// What it runs on.
    pub platform_type: Option<String>,
    /// MiB of memory.
    pub ram_size: Option<i32>,
    /// Whether its scans will carry the files of the machine.
    pub overlay_included: Option<bool>,
    /// What was read over, a sentence each.
    pub notes: Vec<String>,
}

/// The operating system of a machine, as its owner calls it.
///
/// [`DistributionName::of_os`](crate::DistributionName::of_os) and
/// [`Architecture::of_machine`](crate::Architecture::of_machine) find the schema's names, if it has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DistributionRequest {
    /// Name: `Debian`.
    pub name: String,
    /// Version: `12`.
    pub version: String,
    /// Architecture: `x86_64`.
    pub arch: String,
}

impl ScannedInstanceRequest {
    /// Reads a `scannedInstance` document, XML or JSON.
    ///
    /// # Errors
    /// As [`ImageRequest::parse`](crate::ImageRequest::parse).
    pub fn parse(body: &[u8]) -> Result<Self> {
        let (mut request, notes) = super::read(body, "scannedInstance", read)?;
        request.notes = notes;
        Ok(request)
    }
}

fn read(fields: &mut Fields<'_>, findings: &mut Findings) -> ScannedInstanceRequest {
    let request = ScannedInstanceRequest {
        name: fields.needed("name", findings),
        distribution: read_distribution(fields, findings),
        group: fields.short_text("group", findings),
        platform_type: fields.short_text("platformType", findings),
        ram_size: fields.int("ramSize", findings),
        overlay_included: fields.boolean("overlayIncluded", findings),
        notes: Vec::new(),
    };
    fields.finish(&["scans", "scansUri", "totalScans"], findings);
    request
}

fn read_distribution(fields: &mut Fields<'_>, findings: &mut Findings) -> DistributionRequest {
    let Some(element) = fields.one("distribution", findings) else {
        findings.invalid(&fields.place("distribution"), "is missing");
        return DistributionRequest::default();
    };
    let mut fields = Fields::new(fields.place("distribution"), element, findings);
    let request = DistributionRequest {
        name: fields.needed("name", findings),
        version: fields.needed("version", findings),
        arch: fields.needed("arch", findings),
    };
    fields.finish(ECHOED_DISTRIBUTION, findings);
    request
}

const ECHOED_DISTRIBUTION: &[&str] = &[
    "active",
    "baseMilestonesUri",
    "basePkgsUri",
    "baseProfilesUri",
    "baseRepositoriesUri",
    "baseProhibitedFormatsUri",
    "baseProhibitedTargetFormatsUri",
    "baseServicesUri",
    "baseGoldensUri",
    "company",
    "completeProfileUri",
    "description",
    "family",
    "lastPkgBuildDate",
    "license",
    "milestoneUris",
    "pkgType",
    "preselected",
    "profiles",
    "profileUris",
    "prohibitedFormats",
    "prohibitedTargetFormats",
    "releaseDate",
    "serviceUris",
    "size",
    "skeletonSize",
    "versionId",
    "visible",
    "welcomeMsg",
];
