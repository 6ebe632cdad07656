//! Uploads: a request's body, streamed into a private file, counted, checked.
//!
//! ```text
//! body ─┐                  ┌─> what is it (tar, report, document)
//! part ─┴─> Incoming (peek)┴─> Spool (file, digests) ─> Checksum ─> the scan's tree
//! ```

mod checksum;
mod incoming;
mod parts;
mod receive;
mod report;
mod sniff;
mod spool;

pub(crate) use checksum::Checksum;
pub(crate) use incoming::{Incoming, announced_length};
pub(crate) use parts::{Parts, UPLOAD_LENGTH, with_version};
pub(crate) use receive::{Place, STEP, checksum, receive};
pub(crate) use report::receive_report;
pub(crate) use sniff::{Kind, is_archive};
pub(crate) use spool::Sums;
