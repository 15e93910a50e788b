//! What a host chooses: how much one caller may ask, how long the server waits, and where pages come from.
//!
//! Every bound has a default that is right for one hospital behind a reverse proxy; each is named once, here.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// The most bytes of a patient's request, or of one without a token: a command is far smaller.
pub const BODY_BYTES_MOST: usize = 64 << 10;
/// The most bytes of a request of staff: a roster, as long as a line of the command language may be, and an array around it.
pub const STAFF_BODY_BYTES_MOST: usize = haoyuan::command::LINE_BYTES_MAX + (64 << 10);
/// The most commands of one request.
pub const BATCH_MOST: usize = 1_000;
/// The most bytes of a request's head.
pub const HEAD_BYTES_MOST: usize = 16 << 10;
/// The most header fields of a request.
pub const HEADERS_MOST: usize = 64;
/// How many records may wait for the disk before new commands are told to come again: half of what the journal's queue takes, so
/// that no thread of the server ever has to wait for room in it.
pub const JOURNAL_QUEUE_MOST: u64 = 1 << 14;
/// How many changes are remembered for those who reconnect to the stream of events.
pub const CHANGES_KEPT: usize = 1 << 16;

/// How often somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run, a second.
    pub per_second: NonZeroU32,
    /// At once, after a rest.
    pub burst: NonZeroU32,
}

impl Rate {
    /// `per_second` in the long run, `burst` at once.
    #[must_use]
    pub const fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { per_second, burst }
    }
}

const fn rate(per_second: u32, burst: u32) -> Option<Rate> {
    match (NonZeroU32::new(per_second), NonZeroU32::new(burst)) {
        (Some(per_second), Some(burst)) => Some(Rate { per_second, burst }),
        _ => None,
    }
}

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Requests of one address; `None` for no limit. An IPv6 network of 64 bits is one address.
    pub peer_rate: Option<Rate>,
    /// Commands of one patient.
    pub patient_rate: Option<Rate>,
    /// Commands of one token of staff.
    pub staff_rate: Option<Rate>,
    /// Connections at once; more are told to come again.
    pub connections: usize,
    /// Connections at once of one address.
    pub connections_of_peer: usize,
    /// Open streams of events at once.
    pub streams: usize,
    /// How long the head of a request may take, and how long a connection may say nothing between two requests.
    pub head_time: Duration,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// How long the other end may take to read what is written to it.
    pub write_time: Duration,
    /// How long an open stream lives; a client connects again and goes on where it was.
    pub stream_time: Duration,
    /// How long requests that are under way may take when the server ends.
    pub end_time: Duration,
    /// Proxies whose `X-Forwarded-For` says who asks; for them the limit on connections of one address does not hold.
    pub proxies: Vec<IpAddr>,
    /// Origins of other sites whose pages may ask, such as `https://www.hospital.example`.
    pub origins: Vec<String>,
    /// A folder of pages to serve at `/`.
    pub page: Option<PathBuf>,
    /// Whether `/` shows the demonstration, and whoever asks is given the token of a made-up patient.
    pub demo: bool,
    /// How often holds that are due are swept, offers passed on and closed days settled.
    pub tick: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            peer_rate: rate(200, 400),
            patient_rate: rate(10, 30),
            staff_rate: rate(2_000, 4_000),
            connections: 4_096,
            connections_of_peer: 128,
            streams: 1_024,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(15),
            write_time: Duration::from_secs(30),
            stream_time: Duration::from_secs(3_600),
            end_time: Duration::from_secs(20),
            proxies: Vec::new(),
            origins: Vec::new(),
            page: None,
            demo: false,
            tick: Duration::from_secs(1),
        }
    }
}
