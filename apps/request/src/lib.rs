//! The documents of the scan-image API.
