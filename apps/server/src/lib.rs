//! The scan-image API over HTTP: a router to mount in any axum application, and a server to run.
//!
//! ```text
//! request ─> net ─> routes (who may) ─> resources ─> store (SQL)      folder (uploads, images)
//!                                          └─ jobs ─> build ─> Engine ──────────┘
//! ```

mod accounts;
mod artefacts;
mod build;
mod commands;
mod failure;
mod folder;
mod hexadecimal;
mod metrics;
mod net;
mod openapi;
mod page;
mod random;
mod resources;
mod routes;
mod server;
mod settings;
mod store;
mod tidy;
mod tree;
mod upload;

pub use commands::{main, run};
/// The crate whose stores can keep [`Settings::images`].
pub use object_store;

pub use net::{ConnectionLimits, Door, Tls};
pub use server::Server;
pub use settings::{Limits, Quota, Settings};

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod trial;

/// The guide's examples compile.
#[doc = include_str!("../../../docs/operating.md")]
#[cfg(doctest)]
pub struct OperatingGuide;
