//! The kit on trial: a format that keeps the contract passes every trial, and for each fault a named trial rejects it.

mod toy;

use diskwright_conformance::{CountingHeap, Identifiers, Look, Sectors, Subject, Trial, Verdict, Zeros};
use toy::{Fault, subject};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap {};

/// The trial rejects the subject for a reason that has these words.
#[track_caller]
fn rejected(trial: Trial, subject: &Subject, words: &str) {
    match trial.run(subject) {
        Err(failure) => {
            assert_eq!(failure.trial, trial);
            assert!(failure.reason.contains(words), "{failure}");
        }
        Ok(verdict) => panic!("{trial} lets it pass: {verdict:?}"),
    }
}

macro_rules! faults {
    ($($name:ident: $fault:ident => $trial:ident, $words:literal;)+) => {
        $(
            #[test]
            fn $name() {
                rejected(Trial::$trial, &subject(Some(Fault::$fault)), $words);
            }
        )+

        /// The trials that reject a fault.
        const PROVEN: &[Trial] = &[$(Trial::$trial),+];
    };
}

faults! {
    a_default_that_is_no_value_is_rejected: DefaultOutOfRange => Description, "default";
    reading_while_planning_is_rejected: ReadsWhilePlanning => PurePlan, "read the disk";
    plans_that_differ_are_rejected: PlansTwiceDifferently => PurePlan, "differ";
    a_dropped_last_chunk_is_rejected: DropsTheLastChunk => RoundTrip, "byte 0x";
    a_flipped_byte_is_rejected: FlipsAByte => RoundTrip, "byte 0x30064 is";
    a_panic_is_rejected: Panics => RoundTrip, "a worker panicked: a format that panics";
    stored_zeros_are_rejected: StoresKnownZeros => KnownZeros, "of zeros cost";
    stored_zeros_that_only_reading_shows_are_rejected: StoresFoundZeros => FoundZeros, "of zeros cost";
    a_rounded_size_is_rejected: RoundsTheSize => EdgeSizes, "it came back with";
    a_size_that_is_taken_against_its_declaration_is_rejected: TakesEverySize => EdgeSizes, "declares as refused";
    a_size_refused_as_a_defect_is_rejected: RefusesASizeAsInternal => EdgeSizes, "neither Unsupported nor";
    a_size_refused_without_a_field_is_rejected: RefusesASizeWithoutAField => EdgeSizes, "without a field";
    indexes_that_wrap_at_4_gib_are_rejected: ShortensIndexes => LargeSparse, "the reader refuses it";
    a_random_identifier_is_rejected: DrawsIdentifiers => SameBytes, "differs at offset";
    bytes_in_the_order_of_workers_are_rejected: CountsInItsCodec => SameBytes, "differs at offset";
    an_ignored_seed_is_rejected: IgnoresTheSeed => Identifiers, "two seeds give the same";
    an_output_that_was_not_planned_is_rejected: WritesWhatIsNotPlanned => OutputsAsPlanned, "was not planned";
    a_passed_bound_is_rejected: PassesItsBound => OutputsAsPlanned, "passes the planned";
    a_name_that_is_not_the_machines_is_rejected: NamesFilesItsOwnWay => OutputsAsPlanned, "is not m with an ending";
    a_stream_that_goes_back_is_rejected: GoesBack => StreamOrder, "goes back";
    a_swallowed_failure_of_the_source_is_rejected: ReadsBehindTheEngine => FailingSource, "all is well";
    a_swallowed_failure_of_the_sink_is_rejected: SwallowsErrors => FailingSink, "all is well";
    a_format_that_waits_is_rejected: Waits => Cancellation, "ended only after";
    a_format_that_keeps_the_disk_is_rejected: KeepsEverything => Memory, "bytes of heap";
    a_panic_at_an_options_bound_is_rejected: PanicsAtABound => Options, "level 9 was forgotten";
    a_bound_refused_as_a_defect_is_rejected: RefusesABoundAsInternal => Options, "not as the option toy.level";
    an_option_without_any_value_is_rejected: RefusesEveryValue => Options, "no value of its own table";
    forgotten_disks_are_rejected: ForgetsOtherDisks => SeveralDisks, "disk 3";
    sectors_that_are_taken_against_their_declaration_are_rejected: TakesEverySector => SectorSizes, "declares as refused";
    sectors_refused_without_a_field_are_rejected: RefusesSectorsWithoutAField => SectorSizes, "by sector_size";
    a_format_that_looks_like_another_is_rejected: LooksLikeGzip => Probes, "looks like Gzip";
}

#[test]
fn every_trial_rejects_a_fault() {
    for trial in Trial::ALL {
        // Progress is counted by the engine, out of a format's reach: its own tests judge numbers made for them.
        assert!(PROVEN.contains(&trial) || trial == Trial::Progress, "{trial}");
    }
}

#[test]
fn a_format_that_keeps_the_contract_passes_every_trial() {
    for trial in Trial::ALL {
        assert_eq!(trial.run(&subject(None)), Ok(Verdict::Passed));
    }
}

#[test]
fn declarations_that_are_not_true_are_rejected() {
    rejected(Trial::Identifiers, &subject(None).with_identifiers(Identifiers::None), "no identifiers");
    rejected(Trial::Probes, &subject(None).with_look(Look::Vdi), "no output looks like Vdi");
    rejected(Trial::Memory, &subject(None).with_memory(1 << 20), "bytes of heap");
    rejected(Trial::SectorSizes, &subject(None).with_sectors(Sectors::Also4096), "sectors of 512 bytes");
    let any = subject(Some(Fault::TakesEverySector)).with_sectors(Sectors::Also4096);
    assert_eq!(Trial::SectorSizes.run(&any), Ok(Verdict::Passed));
    let stored = subject(Some(Fault::StoresKnownZeros)).with_zeros(Zeros::Stored);
    assert_eq!(Trial::KnownZeros.run(&stored), Ok(Verdict::Passed));
}

#[test]
fn every_trial_is_one_of_the_tests_that_the_macro_makes() {
    let macros = include_str!("../src/macros.rs");
    for trial in Trial::ALL {
        assert!(macros.contains(&format!("=> {trial},")), "{trial}");
    }
}
