use diskwright_core::Result;
use diskwright_core::profile::{ByteSize, Profile};

use super::element::Element;
use super::fields::{Fields, Findings};
use super::{guest, partitions};
use crate::text::quoted;
use crate::{Image, InstallProfile, TargetFormat};

/// What a request to generate an image asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageRequest {
    /// Whether one downloadable file is wanted; absent: not.
    pub compress: Option<bool>,
    /// Name of the target format: `targetFormat/name`, or what older clients send, the primitive `format/name`.
    pub target_format: Option<String>,
    /// Number of the hardware version, for formats that have an option `hardware-version`.
    pub hardware_type: Option<String>,
    /// The install profile.
    pub profile: Profile,
    /// What was read over, a sentence each; not written.
    pub notes: Vec<String>,
}

impl ImageRequest {
    /// Reads a document, which is XML when it begins with `<` and JSON when it begins with `{`.
    ///
    /// # Errors
    /// All problems of a well-formed document at once, each naming its field as a path below the root:
    /// `ErrorKind::InvalidProfile` for something wrong, `ErrorKind::Unsupported` for something that cannot be done;
    /// `ErrorKind::LimitExceeded` for a document that is too long, deep or large.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let (mut request, notes) = super::read(body, "image", read_image)?;
        request.notes = notes;
        Ok(request)
    }

    /// The document that asks for the same, sizes in MiB.
    ///
    /// The partition table kind GPT has no name in the schema and is left out: it is what absence means.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` naming every field of the profile that the schema cannot express.
    pub fn to_image(&self) -> Result<Image> {
        let mut profile = InstallProfile::from_profile(&self.profile)?;
        profile.hardware_type.clone_from(&self.hardware_type);
        let target = self.target_format.as_ref();
        Ok(Image {
            compress: self.compress,
            target_format: target.map(|name| TargetFormat { name: Some(name.clone()), ..Default::default() }),
            install_profile: Some(profile).filter(|profile| *profile != InstallProfile::default()),
            ..Image::default()
        })
    }
}

fn read_image(fields: &mut Fields<'_>, findings: &mut Findings) -> ImageRequest {
    let mut request = ImageRequest { compress: fields.boolean("compress", findings), ..Default::default() };
    let mut primitive =
        fields.one("format", findings).and_then(|format| format_name("format", format, findings));
    if let Some(target) = fields.one("targetFormat", findings) {
        let mut target = Fields::new("targetFormat", target, findings);
        request.target_format = target.short_text("name", findings);
        if let Some(format) = target.one("format", findings) {
            primitive = format_name("targetFormat.format", format, findings).or(primitive);
        }
        target.finish(ECHOED_TARGET_FORMAT, findings);
    }
    request.target_format = request.target_format.or(primitive);
    if let Some(profile) = fields.one("installProfile", findings) {
        read_install_profile(profile, &mut request, findings);
    }
    fields.refuse_when(true, &["ebs", "forceCheckingDeps", "updateTools"], findings);
    fields.refuse(&["credAccount", "entrypoint"], findings);
    if fields.number("ebsVolumeSize", findings).is_some_and(|size| size != 0) {
        findings.unsupported("ebsVolumeSize", "is not supported");
    }
    fields.finish(ECHOED_IMAGE, findings);
    request
}

fn format_name(path: &str, format: &Element, findings: &mut Findings) -> Option<String> {
    let mut fields = Fields::new(path, format, findings);
    let name = fields.short_text("name", findings);
    fields.finish(&["access", "active", "preselected"], findings);
    name
}

fn read_install_profile(element: &Element, request: &mut ImageRequest, findings: &mut Findings) {
    let mut fields = Fields::new("installProfile", element, findings);
    let profile = &mut request.profile;
    profile.memory = fields.mib("memorySize", findings);
    profile.disk_size = fields.mib("diskSize", findings).filter(|size| {
        // Clients that leave the choice to the service send it as 0.
        let is_chosen = *size != ByteSize::ZERO;
        if !is_chosen {
            findings.note("request: installProfile.diskSize 0 is no size: one is found".to_owned());
        }
        is_chosen
    });
    profile.swap_size = fields.mib("swapSize", findings);
    match fields.text("kernelParameters", findings).map(kernel_parameters).transpose() {
        Ok(parameters) => profile.kernel_parameters = parameters,
        Err(message) => findings.invalid(&fields.place("kernelParameters"), message),
    }
    request.hardware_type = hardware_type(&mut fields, findings);
    if let Some(table) = fields.one("partitionTable", findings) {
        partitions::read(&fields.place("partitionTable"), table, profile, findings);
    }
    guest::read(&mut fields, profile, findings);
    // "Automatic" false means a question at the first start.
    let automatic = ["firewallAuto", "internetSettingsAuto", "keyboardAuto", "partitionAuto", "timezoneAuto"];
    fields.refuse_when(false, &automatic, findings);
    fields.refuse_when(true, &["runSysprep", "updateTools"], findings);
    fields.refuse(UNSUPPORTED_PROFILE, findings);
    fields.finish(ECHOED_PROFILE, findings);
}

/// `13`, `vmx-13` and `vmx-07` are all in use; the number is what is meant.
fn hardware_type(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<String> {
    let text = fields.text("hwType", findings)?;
    let has_prefix = text.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("vmx-"));
    let number = if has_prefix { text.get(4..).unwrap_or_default() } else { text };
    match number.parse::<u8>() {
        Ok(version) if version > 0 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(version.to_string())
        }
        _ => {
            let message = format!("{} is no hardware version: write it as 13 or vmx-13", quoted(text));
            findings.invalid(&fields.place("hwType"), message);
            None
        }
    }
}

/// Parameters separated by blanks or, where there are none, by commas as the API's text has it.
///
/// A comma may also stand within a parameter (`console=ttyS0,115200`): a piece that begins with a digit belongs to the
/// one before. A word after a value could be either and is refused.
pub(crate) fn kernel_parameters(text: &str) -> Result<Vec<String>, String> {
    if text.contains(char::is_whitespace) {
        let words = text.split_whitespace().map(|word| word.trim_end_matches(','));
        return Ok(words.filter(|word| !word.is_empty()).map(str::to_owned).collect());
    }
    let mut parameters: Vec<String> = Vec::new();
    for piece in text.split(',').filter(|piece| !piece.is_empty()) {
        match parameters.last_mut() {
            Some(before) if before.contains('=') && !piece.contains('=') => {
                if !piece.starts_with(|c: char| c.is_ascii_digit()) {
                    return Err(format!(
                        "the comma before {} can be read in two ways: use blanks",
                        quoted(piece)
                    ));
                }
                before.push(',');
                before.push_str(piece);
            }
            _ => parameters.push(piece.to_owned()),
        }
    }
    Ok(parameters)
}

const ECHOED_TARGET_FORMAT: &[&str] = &[
    "logo",
    "category",
    "type",
    "credAccountType",
    "targetPlatformsUri",
    "targetPlatformsUriList",
    "credInfos",
    "imageInfos",
    "publishInfos",
    "access",
    "active",
    "preselected",
];

/// Identifiers, states and results of earlier generations, and the seed version's `applianceUri`.
const ECHOED_IMAGE: &[&str] = &[
    "md5sum",
    "mimeType",
    "sha256sum",
    "size",
    "status",
    "uploaded",
    "uploadedTime",
    "applianceUri",
    "basePublishImagesUri",
    "completeInstalledSize",
    "completeSize",
    "distributionName",
    "downloadKey",
    "downloadUri",
    "fileExtension",
    "fileName",
    "fileSize",
    "fullName",
    "imageCreated",
    "name",
    "orgUri",
    "pkgsUri",
    "publicAccess",
    "registeredCredAccount",
    "registeringName",
    "revision",
    "simulated",
    "statusUri",
    "tag",
    "version",
    "vmDiskSize",
    "vmMemorySize",
];

/// `skipLicenses`: no licence is ever shown.
const ECHOED_PROFILE: &[&str] = &["applianceUri", "groupsUri", "nicsUri", "usersUri", "skipLicenses"];

const UNSUPPORTED_PROFILE: &[&str] = &["activationKey", "groups", "timezoneCity", "vagrantUser"];
