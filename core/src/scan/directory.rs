//! Directory trees of this host.
