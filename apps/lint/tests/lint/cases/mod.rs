//! Deliberately broken files; each breaks one rule, and such others as cannot be kept apart from it.

mod gce;
mod ova;
mod ovf;
mod packed;
mod qcow2;
mod vagrant;
mod vbox;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod vmx;

use crate::support::Package;

/// A broken file.
pub(crate) struct Case {
    /// The rule that it breaks.
    pub(crate) rule: &'static str,
    /// Rules that are broken along with it.
    pub(crate) also: &'static [&'static str],
    pub(crate) package: Package,
}

impl Case {
    fn new(rule: &'static str, package: Package) -> Self {
        Self { rule, also: &[], package }
    }

    fn also(mut self, rules: &'static [&'static str]) -> Self {
        self.also = rules;
        self
    }
}

pub(crate) fn all() -> Vec<Case> {
    [vmdk::cases(), ova::cases(), ovf::cases(), vmx::cases(), vbox::cases(), vdi::cases(), qcow2::cases()]
        .into_iter()
        .chain([vhd::cases(), vhdx::cases(), vagrant::cases(), gce::cases(), packed::cases()])
        .flatten()
        .collect()
}
