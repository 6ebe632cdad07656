//! What the server counts, for Prometheus.
//!
//! The recorder is a value of the server's: what an application that mounts the router counts is its own matter.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// The figures of one server: clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    crowd: OnceLock<Box<dyn Fn() -> (usize, usize) + Send + Sync>>,
    counted: Mutex<HashMap<Key, Gauge>>,
    /// Samples of histograms so far.
    samples: AtomicU64,
}

/// A figure that is counted when the figures are read.
pub(crate) struct Figure<'label> {
    pub(crate) name: &'static str,
    pub(crate) labels: Vec<(&'static str, &'label str)>,
    pub(crate) value: f64,
}

impl Metrics {
    /// # Errors
    /// None as long as every histogram has buckets.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), &REQUEST_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(DATABASE_WAIT_SECONDS.to_owned()), &DATABASE_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(IMAGE_SECONDS.to_owned()), &IMAGE_BUCKETS)?
            .build_recorder();
        let handle = recorder.handle();
        for (name, about) in COUNTERS {
            recorder.describe_counter(KeyName::from_const_str(name), None, SharedString::const_str(about));
        }
        for (name, about) in GAUGES {
            recorder.describe_gauge(KeyName::from_const_str(name), None, SharedString::const_str(about));
        }
        for (name, about) in HISTOGRAMS {
            recorder.describe_histogram(KeyName::from_const_str(name), None, SharedString::const_str(about));
        }
        let (crowd, counted, samples) = (OnceLock::new(), Mutex::default(), AtomicU64::new(0));
        Ok(Self { shared: Arc::new(Shared { recorder, handle, crowd, counted, samples }) })
    }

    /// Asks `count` for connections, and those of them that wait for a request, whenever the figures are read.
    pub(crate) fn watch_crowd(&self, count: impl Fn() -> (usize, usize) + Send + Sync + 'static) {
        // A server has one crowd for the public, and keeps the first.
        let _ = self.shared.crowd.set(Box::new(count));
    }

    /// A request was read.
    pub(crate) fn request_begins(&self) {
        self.gauge(REQUESTS_NOW, &[]).increment(1.0);
    }

    /// A request's answer is over.
    pub(crate) fn request_ends(
        &self,
        route: &str,
        method: &'static str,
        status: u16,
        took: Duration,
        bytes: u64,
    ) {
        self.gauge(REQUESTS_NOW, &[]).decrement(1.0);
        let status = status.to_string();
        self.counter(REQUESTS, &[("route", route), ("method", method), ("status", &status)]).increment(1);
        self.sample(REQUEST_SECONDS, &[("route", route), ("method", method)], took);
        self.counter(BYTES_SENT, &[("route", route)]).increment(bytes);
    }

    /// A connection found no room.
    pub(crate) fn turned_away(&self) {
        self.counter(TURNED_AWAY, &[]).increment(1);
    }

    /// A change of the database had to wait for so long.
    pub(crate) fn change_waited(&self, took: Duration) {
        self.sample(DATABASE_WAIT_SECONDS, &[], took);
    }

    /// Bytes of a request's body came.
    pub(crate) fn received(&self, route: &str, bytes: u64) {
        self.counter(BYTES_RECEIVED, &[("route", route)]).increment(bytes);
    }

    /// A generation is over: `state` is that of its image.
    pub(crate) fn image_ends(&self, state: &'static str, bytes: u64, took: Duration) {
        self.counter(IMAGES_ENDED, &[("state", state)]).increment(1);
        self.counter(IMAGE_BYTES, &[]).increment(bytes);
        self.sample(IMAGE_SECONDS, &[("state", state)], took);
    }

    /// All figures in the text form of Prometheus; those that are `counted` only now among them.
    pub(crate) fn render(&self, counted: &[Figure<'_>]) -> String {
        let mut gauges = self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner);
        // What there is none of any more is none, and not what it was the last time.
        gauges.values().for_each(|gauge| gauge.set(0.0));
        for figure in counted {
            let key = key(figure.name, &figure.labels);
            let gauge = self.shared.recorder.register_gauge(&key, &METADATA);
            gauge.set(figure.value);
            gauges.insert(key, gauge);
        }
        if let Some(count) = self.shared.crowd.get() {
            let (all, waiting) = count();
            for (state, number) in [("working", all.saturating_sub(waiting)), ("waiting", waiting)] {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                self.gauge(CONNECTIONS, &[("state", state)]).set(f64::from(number));
            }
        }
        self.shared.handle.run_upkeep();
        self.shared.handle.render()
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.shared.recorder.register_counter(&key(name, labels), &METADATA)
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.shared.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    fn sample(&self, name: &'static str, labels: &[(&'static str, &str)], took: Duration) {
        self.shared.recorder.register_histogram(&key(name, labels), &METADATA).record(took);
        // Samples are kept until they are put into buckets, for which nobody may ever ask.
        if self.shared.samples.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLES) {
            self.shared.handle.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<Label> =
        labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(name, labels)
}

static METADATA: Metadata<'static> = Metadata::new("diskwright", Level::INFO, None);

/// Images by state and format.
pub(crate) const IMAGES: &str = "diskwright_images";
/// Scans by state.
pub(crate) const SCANS: &str = "diskwright_scans";
/// Jobs nobody works at yet, by kind.
pub(crate) const JOBS_WAITING: &str = "diskwright_jobs_waiting";
/// Bytes kept, by what they are.
pub(crate) const STORED_BYTES: &str = "diskwright_stored_bytes";

const REQUESTS: &str = "diskwright_requests_total";
const REQUESTS_NOW: &str = "diskwright_requests_in_progress";
const REQUEST_SECONDS: &str = "diskwright_request_seconds";
const BYTES_SENT: &str = "diskwright_sent_bytes_total";
const CONNECTIONS: &str = "diskwright_connections";
const BYTES_RECEIVED: &str = "diskwright_received_bytes_total";
const IMAGES_ENDED: &str = "diskwright_generations_total";
const IMAGE_BYTES: &str = "diskwright_generated_bytes_total";
const IMAGE_SECONDS: &str = "diskwright_generation_seconds";
const TURNED_AWAY: &str = "diskwright_connections_refused_total";
const DATABASE_WAIT_SECONDS: &str = "diskwright_database_wait_seconds";

const COUNTERS: [(&str, &str); 6] = [
    (REQUESTS, "Requests answered"),
    (BYTES_SENT, "Bytes of answers, without heads"),
    (BYTES_RECEIVED, "Bytes of requests, without heads"),
    (IMAGES_ENDED, "Generations that are over, by what became of the image"),
    (IMAGE_BYTES, "Bytes of complete images"),
    (TURNED_AWAY, "Connections refused because all others were at work"),
];
const GAUGES: [(&str, &str); 6] = [
    (REQUESTS_NOW, "Requests being answered"),
    (CONNECTIONS, "Connections"),
    (IMAGES, "Images"),
    (SCANS, "Scans"),
    (JOBS_WAITING, "Jobs that nobody works at yet"),
    (STORED_BYTES, "Bytes in the data directory"),
];
const HISTOGRAMS: [(&str, &str); 3] = [
    (REQUEST_SECONDS, "From a request's head to the last byte of its answer"),
    (IMAGE_SECONDS, "From the beginning of a generation to its end"),
    (DATABASE_WAIT_SECONDS, "How long a change of the database waited for those before it"),
];
/// How many samples are kept before they are put into buckets.
const SAMPLES: u64 = 1024;
/// Seconds.
const REQUEST_BUCKETS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0, 60.0, 600.0];
const DATABASE_BUCKETS: [f64; 10] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0];
const IMAGE_BUCKETS: [f64; 8] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3600.0];
