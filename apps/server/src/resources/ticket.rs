//! Images as documents.

use diskwright::profile::Profile;
use diskwright_request::{Common, ImageFormat, InstallProfile, Status, Time, Upload};

use super::formats::Offer;
use crate::build::Recipe;
use crate::hexadecimal::hexadecimal;
use crate::server::Server;
use crate::store::{Image, ImageState};

/// The document of an image, from its first moment on: it is the ticket of its generation, too.
pub(super) fn image(server: &Server, image: &Image) -> diskwright_request::Image {
    let place = uri(image);
    let target = Offer::kept(server.registry(), &image.format).map(Offer::document);
    let is_complete = image.state == ImageState::Complete;
    let download = image.file_name.as_ref().filter(|_| is_complete).map(|name| {
        let key = download_key(server, image);
        (name.clone(), key.clone(), format!("{place}/downloads/{name}?downloadId={key}"))
    });
    let (file_name, key, download_uri) = match download {
        Some((name, key, uri)) => (Some(name), Some(key), Some(uri)),
        None => (None, None, None),
    };
    let profile = profile(image);
    diskwright_request::Image {
        common: common(image),
        upload: Upload {
            sha256sum: image.sha256.clone().filter(|_| is_complete),
            size: Some(bytes(image.total_size)),
            status: Some(status(image)),
            ..Upload::default()
        },
        parent_uri: Some(scan_uri(image)),
        base_publish_images_uri: Some(format!("{place}/pimages")),
        compress: Some(image.compress),
        download_key: key,
        download_uri,
        file_extension: file_name.as_deref().map(extension).map(str::to_owned),
        file_name,
        file_size: Some(bytes(image.file_size)),
        format: target.as_ref().and_then(|target| {
            let name = target.format.as_ref()?.name;
            Some(ImageFormat { name, ..ImageFormat::default() })
        }),
        target_format: target,
        image_created: Some(is_complete),
        vm_disk_size: profile.disk_size,
        vm_memory_size: profile.memory_size.and_then(|mib| i32::try_from(mib).ok()),
        install_profile: Some(profile),
        name: Some(image.name.clone()),
        revision: i32::try_from(image.revision).ok(),
        status_uri: Some(format!("{place}/status")),
        uri: Some(place),
        version: Some("1.0".to_owned()),
        ..diskwright_request::Image::default()
    }
}

/// How far an image is.
pub(super) fn status(image: &Image) -> Status {
    let percentage = i32::try_from(image.percentage).unwrap_or(0);
    let message = message(image);
    let told = match image.state {
        ImageState::Queued | ImageState::Running => Status::running(message, percentage),
        ImageState::Complete => Status::complete(message),
        ImageState::Cancelled => Status::cancelled(message, percentage),
        ImageState::Failed => {
            let reason = image.error.clone().unwrap_or_else(|| "the reason is not known".to_owned());
            Status::failed(message, percentage, reason, image.error_detail.clone())
        }
    };
    Status {
        common: common(image),
        bytes_loaded: Some(bytes(image.bytes_done)),
        bytes_total: Some(bytes(image.bytes_total)),
        parent_uri: Some(uri(image)),
        uri: Some(format!("{}/status", uri(image))),
        ..told
    }
}

/// Where an image stands.
pub(super) fn uri(image: &Image) -> String {
    format!("{}/images/{}", scan_uri(image), image.id)
}

/// What lets the next download of an image through, once: nobody can make it without the server's secret, and it is another one
/// after each download that was begun with it.
pub(super) fn download_key(server: &Server, image: &Image) -> String {
    hexadecimal(&server.folder().key(&format!("download:{}:{}", image.id, image.downloads)))
}

fn scan_uri(image: &Image) -> String {
    format!("users/{}/scannedinstances/{}/scans/{}", image.login, image.instance_id, image.scan_id)
}

fn common(image: &Image) -> Common {
    Common {
        created: Time::from_milliseconds(image.created),
        db_id: Some(image.id),
        digest: None,
        last_modified: Time::from_milliseconds(image.modified),
    }
}

/// What is done, and what of the request was read over.
fn message(image: &Image) -> String {
    let notes: Vec<String> = serde_json::from_str(&image.notes).unwrap_or_default();
    let mut message = image.message.clone();
    for note in notes.iter().take(SHOWN_NOTES) {
        message.push_str("; ");
        message.push_str(note);
    }
    if let Some(more) = notes.len().checked_sub(SHOWN_NOTES).filter(|more| *more > 0) {
        message.push_str(&format!("; {more} more notes stand in the report"));
    }
    message
}

/// The profile in effect, as far as it is known.
fn profile(image: &Image) -> InstallProfile {
    let profile = image.profile.as_deref().unwrap_or("{}");
    let profile: Profile = serde_json::from_str(profile).unwrap_or_default();
    let recipe: Option<Recipe> = serde_json::from_str(&image.request).ok();
    InstallProfile {
        hardware_type: recipe.as_ref().and_then(Recipe::hardware_type).map(str::to_owned),
        ..InstallProfile::of_profile(&profile)
    }
}

/// `raw.gz` of `name.raw.gz`, `ova` of `my.name.ova`.
fn extension(name: &str) -> &str {
    let (stem, last) = name.rsplit_once('.').unwrap_or((name, ""));
    match stem.rsplit_once('.') {
        Some((before, inner)) if matches!(last, "gz" | "zst") && !before.is_empty() => {
            name.get(name.len().saturating_sub(inner.len() + 1 + last.len())..).unwrap_or(last)
        }
        _ => last,
    }
}

fn bytes(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const SHOWN_NOTES: usize = 8;
