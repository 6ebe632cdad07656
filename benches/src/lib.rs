//! Criterion scenarios with verified digests.
