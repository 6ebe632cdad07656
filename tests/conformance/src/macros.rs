/// Makes one test of each trial for a subject, and sets the counting allocator that the memory trial needs.
///
/// `tests!(subject)` takes the name of a function without arguments that gives a [`Subject`](crate::Subject);
/// `tests! { plain: plain_subject, compressed: compressed_subject }` takes several, each for a module of tests. It stands
/// once in a test program, whose other tests must not allocate much while the memory trial runs: leave them to files
/// of their own, or hold them small.
#[macro_export]
macro_rules! tests {
    ($subject:ident) => {
        #[global_allocator]
        static HEAP: $crate::CountingHeap = $crate::CountingHeap {};

        $crate::trials!($subject);
    };
    ($($name:ident: $subject:ident),+ $(,)?) => {
        #[global_allocator]
        static HEAP: $crate::CountingHeap = $crate::CountingHeap {};

        $(
            mod $name {
                use super::$subject;

                $crate::trials!($subject);
            }
        )+
    };
}

/// One test of each trial, without the allocator; see [`tests!`](crate::tests).
#[macro_export]
macro_rules! trials {
    ($subject:ident) => {
        $crate::trials! {
            $subject:
            its_description_is_complete => Description,
            a_plan_reads_nothing_and_is_the_same_twice => PurePlan,
            what_was_written_reads_back => RoundTrip,
            known_zeros_cost_nothing => KnownZeros,
            zeros_that_only_reading_shows_cost_nothing => FoundZeros,
            sizes_at_the_edges_work_or_are_refused => EdgeSizes,
            a_sparse_disk_past_4_gib_reads_back => LargeSparse,
            any_number_of_threads_gives_the_same_bytes => SameBytes,
            identifiers_follow_from_the_seed => Identifiers,
            outputs_are_as_planned => OutputsAsPlanned,
            streams_are_written_from_front_to_back => StreamOrder,
            a_failing_source_fails_the_run => FailingSource,
            a_failing_sink_fails_the_run => FailingSink,
            a_cancelled_run_ends_soon_and_leaves_nothing => Cancellation,
            memory_stays_within_its_limit => Memory,
            options_are_taken_within_their_bounds => Options,
            progress_rises_to_its_total => Progress,
            several_disks_read_back_or_are_refused => SeveralDisks,
            sectors_of_4096_bytes_are_taken_or_refused => SectorSizes,
            it_looks_like_no_other_format => Probes,
        }
    };
    ($subject:ident: $($name:ident => $trial:ident,)+) => {
        $(
            #[test]
            fn $name() {
                $crate::Trial::$trial.assert(&$subject());
            }
        )+
    };
}
