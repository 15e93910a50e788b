//! What the server counts and measures, in the form that Prometheus reads.
//!
//! INVARIANT (nobody in it): labels are words of the command language, codes, routes and statuses; never a patient, a token or an
//! address.

use axum::http::StatusCode;
use haoyuan::Registry;
use haoyuan::answer::Answer;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry as Names;
use std::time::Duration;

/// The form of the metrics.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCommand {
    command: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCode {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByRoute {
    route: String,
    status: u16,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    names: Names,
    commands: Family<ByCommand, Counter>,
    refusals: Family<ByCode, Counter>,
    requests: Family<ByRoute, Counter>,
    decided: Histogram,
    durable: Histogram,
    answered: Histogram,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Connections that were told to come again.
    pub(crate) turned_away: Counter,
    /// Streams of events that are open.
    pub(crate) streams: Gauge,
    journal_queued: Gauge,
    journal_held_back: Gauge,
    journal_failed: Gauge,
    journal_records: Gauge,
    journal_groups: Gauge,
    journal_syncs: Gauge,
    journal_bytes: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // From a microsecond to four seconds, doubling.
        let histogram = || Histogram::new(exponential_buckets(1e-6, 2.0, 23));
        let metrics = Self {
            names: Names::default(),
            commands: Family::default(),
            refusals: Family::default(),
            requests: Family::default(),
            decided: histogram(),
            durable: histogram(),
            answered: histogram(),
            connections: Gauge::default(),
            turned_away: Counter::default(),
            streams: Gauge::default(),
            journal_queued: Gauge::default(),
            journal_held_back: Gauge::default(),
            journal_failed: Gauge::default(),
            journal_records: Gauge::default(),
            journal_groups: Gauge::default(),
            journal_syncs: Gauge::default(),
            journal_bytes: Gauge::default(),
        };
        metrics.named()
    }

    fn named(mut self) -> Self {
        let mut names = Names::with_prefix("haoyuan");
        names.register("commands", "Commands that were carried out", self.commands.clone());
        names.register("refusals", "Refusals by their code", self.refusals.clone());
        names.register("requests", "Requests by route and status", self.requests.clone());
        names.register("decision_seconds", "Time of one decision", self.decided.clone());
        names.register(
            "durable_seconds",
            "Time from the decision until it was durable",
            self.durable.clone(),
        );
        names.register(
            "request_seconds",
            "Time from the head of a request to its answer",
            self.answered.clone(),
        );
        names.register("connections", "Open connections", self.connections.clone());
        names.register("connections_turned_away", "Connections over the limit", self.turned_away.clone());
        names.register("streams", "Open streams of events", self.streams.clone());
        names.register("journal_queued", "Records in the journal's queue", self.journal_queued.clone());
        names.register("journal_held_back", "Records that wait for another", self.journal_held_back.clone());
        names.register(
            "journal_failed",
            "1 once the journal takes no changes any more",
            self.journal_failed.clone(),
        );
        names.register("journal_records", "Durable records since the start", self.journal_records.clone());
        names.register("journal_groups", "Groups they were written in", self.journal_groups.clone());
        names.register("journal_syncs", "Syncs of data", self.journal_syncs.clone());
        names.register("journal_bytes", "Bytes of these groups", self.journal_bytes.clone());
        self.names = names;
        self
    }

    /// One command was carried out.
    pub(crate) fn command(&self, command: &'static str, answer: &Answer, took: Duration) {
        let outcome = match answer {
            Answer::Granted(_) => "granted",
            Answer::Refused(_) => "refused",
            Answer::Done(_) => "done",
            Answer::Error(_) => "error",
        };
        self.commands.get_or_create(&ByCommand { command, outcome }).inc();
        if let Answer::Refused(refused) = answer {
            self.refusals.get_or_create(&ByCode { code: refused.reason.code.text() }).inc();
        }
        self.decided.observe(took.as_secs_f64());
    }

    /// What was decided is durable.
    pub(crate) fn durable(&self, took: Duration) {
        self.durable.observe(took.as_secs_f64());
    }

    /// A request was answered.
    pub(crate) fn request(&self, route: &str, status: StatusCode, took: Duration) {
        self.requests.get_or_create(&ByRoute { route: route.to_owned(), status: status.as_u16() }).inc();
        self.answered.observe(took.as_secs_f64());
    }

    /// The text.
    pub(crate) fn text(&self, registry: &Registry) -> String {
        if let Some(journal) = registry.journal() {
            let stats = journal.stats();
            let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            set(&self.journal_queued, stats.queued);
            set(&self.journal_held_back, stats.held_back);
            set(&self.journal_failed, u64::from(journal.failure().is_some()));
            set(&self.journal_records, stats.records);
            set(&self.journal_groups, stats.groups);
            set(&self.journal_syncs, stats.syncs);
            set(&self.journal_bytes, stats.bytes);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.names);
        text
    }
}
