//! The raw disk container.
