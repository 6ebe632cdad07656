//! The fuzzer of the target that `DISKWRIGHT_FUZZ_TARGET` names.
#![no_main]

use std::sync::OnceLock;

use diskwright_fuzz::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("DISKWRIGHT_FUZZ_TARGET").unwrap_or_default();
        Target::named(&name).expect("DISKWRIGHT_FUZZ_TARGET names a target")
    });
    let _ = target.run(data);
});
