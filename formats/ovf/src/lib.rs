//! OVF envelopes and OVA packages.
