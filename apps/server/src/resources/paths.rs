//! Paths of resources, as the table of routes has them: what stands below an account, a machine, a scan, an image.

macro_rules! user {
    ($below:literal) => {
        concat!("/users/{uid}", $below)
    };
}

macro_rules! machine {
    ($below:literal) => {
        concat!("/users/{uid}/scannedinstances/{siid}", $below)
    };
}

macro_rules! scan {
    ($below:literal) => {
        concat!("/users/{uid}/scannedinstances/{siid}/scans/{sid}", $below)
    };
}

macro_rules! image {
    ($below:literal) => {
        concat!("/users/{uid}/scannedinstances/{siid}/scans/{sid}/images/{itid}", $below)
    };
}

pub(in crate::resources) use {image, machine, scan, user};
