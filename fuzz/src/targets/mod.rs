//! What is looked at, room by room.

pub(crate) mod container;
pub(crate) mod ext;
pub(crate) mod fat;
pub(crate) mod guest;
pub(crate) mod lint;
pub(crate) mod partition;
pub(crate) mod pax;
pub(crate) mod profile;
pub(crate) mod readers;
pub(crate) mod request;
pub(crate) mod sparse;
pub(crate) mod tar;
