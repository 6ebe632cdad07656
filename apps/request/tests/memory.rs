//! No body makes the reader take much more memory than the body has.

use diskwright_hostile::bodies;
use diskwright_request::ImageRequest;
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

#[test]
fn reading_takes_at_most_sixteen_mebibytes() {
    let bodies = bodies();
    for body in &bodies {
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        let found = ImageRequest::parse(&body.bytes);
        let taken = HEAP.peak_usage().saturating_sub(before);
        assert!(taken <= 16 << 20, "{}: {taken} bytes for {:.80?}", body.name, found.is_ok());
    }
}
