use std::sync::Arc;

use crate::format::{DiskController, TargetFormat};
use crate::profile::{MachineReport, Profile};
use crate::readiness::InitramfsPolicy;
use crate::scan::ScanSource;
use crate::tree::{Strictness, Whiteouts};
use crate::{Seed, Timestamp};

/// One generation: one tree, one profile, one or several targets that share one layout and one read of the source.
#[derive(Clone)]
#[non_exhaustive]
pub struct Order {
    /// The sources in order, later over earlier; at least one.
    pub scans: Vec<Arc<dyn ScanSource>>,
    /// What `.wh.…` files of the second and later sources are. Default: plain files.
    pub whiteouts: Whiteouts,
    /// What the scan's machine was. Default: nothing is known.
    pub machine: Option<MachineReport>,
    /// What command line flags ask for.
    pub flags: Profile,
    /// What an API request asks for.
    pub request: Profile,
    /// What a profile file asks for.
    pub profile: Profile,
    /// What is written; at least one.
    pub targets: Vec<Arc<dyn TargetFormat>>,
    /// Stem of the outputs' names: `[A-Za-z0-9._-]{1,64}`; a name in flags, request or profile counts before it.
    pub name: String,
    /// Where every new identifier comes from.
    pub seed: Seed,
    /// The build's time: creation times, times of edited files.
    pub timestamp: Timestamp,
    /// What warnings and normalisations of the scan do. Default: they are recorded.
    pub strictness: Strictness,
    /// A tree that may supply boot files which the scan lacks. Default: none.
    pub donor: Option<Arc<dyn ScanSource>>,
    /// What there is to know about what was asked, a sentence each: the report tells it. Default: nothing.
    pub notes: Vec<String>,
    /// What may be done to initial RAM disks that would not find the disk. Default: what they lack is appended.
    pub initramfs: InitramfsPolicy,
    /// Controllers on which the disk must be found besides those that the targets' machines have: what is foretold and what
    /// initial RAM disks lack is for these, too. Default: none.
    pub controllers: Vec<DiskController>,
    /// Which outputs get a plain SHA-256 in place of the tree digest. Default: those that are downloaded.
    pub digests: Digests,
}

/// Which outputs get a plain SHA-256; all others get a tree digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digests {
    /// Packages and compressed images that are written from front to back.
    #[default]
    Downloadable,
    /// All.
    All,
}

impl Order {
    /// An order for `targets` from one scan, with every default.
    pub fn new(
        scan: Arc<dyn ScanSource>,
        targets: Vec<Arc<dyn TargetFormat>>,
        name: impl Into<String>,
        seed: Seed,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            scans: vec![scan],
            whiteouts: Whiteouts::default(),
            machine: None,
            flags: Profile::default(),
            request: Profile::default(),
            profile: Profile::default(),
            targets,
            name: name.into(),
            seed,
            timestamp,
            strictness: Strictness::default(),
            donor: None,
            notes: Vec::new(),
            initramfs: InitramfsPolicy::default(),
            controllers: Vec::new(),
            digests: Digests::default(),
        }
    }

    /// Sets what is asked of the machine.
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }
}
