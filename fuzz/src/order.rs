//! Orders: what is laid out is read again and compared with the scan.

use std::sync::Arc;

use diskwright::engine::{Engine, Order};
use diskwright::profile::Profile;
use diskwright::tree::Whiteouts;
use diskwright::{ErrorKind, Monitor, Seed, Timestamp};
use diskwright_verify::{ImageReport, OwnDigests, Scan, Verifier};

use crate::disk::LaidOut;
use crate::target::Reach;
use crate::tree::Tree;

/// Lays the tree out as the profile says; what is not refused must be found as it was meant.
pub(crate) fn check(tree: Tree, profile: Profile) -> Reach {
    let source = Arc::new(tree);
    let target = diskwright::builtin_registry().unwrap().configure("raw", false, &[]).unwrap();
    let (seed, timestamp) = (Seed::from_text("fuzz"), Timestamp::from_seconds(1_700_000_000));
    let order =
        Order::new(Arc::clone(&source) as _, vec![target], "fuzz", seed, timestamp).with_profile(profile);
    let plan = match Engine::new().with_threads(1).plan(&order, &Monitor::new()) {
        Ok(plan) => plan,
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
            return Reach::Refused;
        }
    };
    let json = plan.report(&order).to_json().unwrap();
    let report = ImageReport::from_json(&json).unwrap();
    let scan = Scan::new(vec![source], Whiteouts::Plain);
    let verifier = Verifier::new(report).with_own_digests(OwnDigests::Skip).with_scan(&scan).unwrap();
    let disk = LaidOut(plan.disks()[0].clone());
    let outcome = match verifier.verify_disk("disk", &disk) {
        Ok(outcome) => outcome,
        Err(error) => {
            panic!("what was laid out cannot be read: {error}: {:?}", std::error::Error::source(&error))
        }
    };
    let first: Vec<String> = outcome.findings.iter().take(5).map(ToString::to_string).collect();
    assert!(outcome.is_clean(), "{first:#?}\n{}", String::from_utf8_lossy(&json));
    Reach::Whole
}
