use axum::http::Method;

/// What a request or an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Nothing,
    /// Bytes of no particular form.
    Bytes,
    /// A file, alone or as a part.
    Upload,
    /// The document with this root element.
    Document(&'static str),
}

/// Status and payload of a successful answer.
pub(super) fn answer(method: &Method, path: &str) -> (&'static str, Payload) {
    match *method {
        Method::POST => ("201", one(path).unwrap_or(Payload::Nothing)),
        // A part of an upload.
        Method::PATCH => ("204", Payload::Nothing),
        // What is cancelled tells what became of it.
        Method::DELETE if path.ends_with("/status") => ("200", Payload::Document("status")),
        Method::DELETE => ("204", Payload::Nothing),
        _ => ("200", listed(path).or(one(path)).unwrap_or(Payload::Nothing)),
    }
}

/// Payload of a request.
pub(super) fn request(method: &Method, path: &str) -> Option<Payload> {
    match (method.as_str(), last(path)) {
        ("POST", "scans" | "overlay") => Some(Payload::Upload),
        ("PATCH", "overlay") => Some(Payload::Bytes),
        ("POST" | "PUT", _) => one(path).filter(|payload| *payload != Payload::Bytes),
        _ => None,
    }
}

/// What a path that names many things lists.
fn listed(path: &str) -> Option<Payload> {
    let root = match last(path) {
        "status"
            if ["images/status", "imports/status", "goldens/status"]
                .iter()
                .any(|end| path.ends_with(end)) =>
        {
            "statuses"
        }
        "scannedinstances" => "scannedInstances",
        "scans" => "scans",
        "images" => "images",
        "pimages" => "publishImages",
        "imports" | "goldens" => "scanImports",
        "packages" => "scannedPackages",
        "files" => "scannedFiles",
        "formats" => "imageFormats",
        "targetformats" => "targetFormats",
        "roles" => "roles",
        "orgs" => "orgs",
        "users" => "users",
        "sshkeys" => "sshKeys",
        "apikeys" => "apiKeyPairs",
        _ if path.ends_with("/platformtools/{tfid}") => "softwareBundles",
        _ => return None,
    };
    Some(Payload::Document(root))
}

/// What a path names, or what is made in it.
fn one(path: &str) -> Option<Payload> {
    let root = match last(path) {
        "overlay" | "downloads" | "{file}" => {
            return Some(Payload::Bytes);
        }
        "status" if path == "/status" => "serviceStatus",
        "status" => "status",
        "scannedinstances" | "{siid}" => "scannedInstance",
        "scans" | "{sid}" => "scan",
        "images" | "{itid}" => "image",
        "pimages" | "{pitid}" => "publishImage",
        "installProfile" | "installprofile" => "installProfile",
        "{tfid}" => "targetFormat",
        "{uid}" => "user",
        "{oid}" => "org",
        _ => return None,
    };
    Some(Payload::Document(root))
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
