//! What all requests share, and the one way in which a command is carried out.
//!
//! INVARIANT (answered is acknowledged): an answer leaves only after every record that it rests on is acknowledged as the
//! durability of the registry asks; the waiting blocks no thread.
//!
//! INVARIANT (carried out to the end): a command that has begun is finished in a task of its own, whether or not the client is
//! still there; the end of the server waits for it.

use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::events::{Change, Events, follows};
use crate::feed::Feeds;
use crate::metrics::Metrics;
use crate::options::{JOURNAL_QUEUE_MOST, Options};
use crate::problem::{Kind, Problem};
use crate::rates::Rates;
use axum::http::header;
use haoyuan::actor::{self, Actor};
use haoyuan::answer::Answer;
use haoyuan::command::Command;
use haoyuan::said;
use haoyuan::{Ack, Decided, Registry, journal};
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot, watch};

/// What all requests share.
pub(crate) struct App {
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    pub(crate) events: Events,
    pub(crate) feeds: Feeds,
    pub(crate) rates: Rates,
    pub(crate) streams: Arc<Semaphore>,
    /// Whether an answer waits for the disk.
    pub(crate) is_synced: bool,
    /// Becomes true when the server ends.
    pub(crate) closing: watch::Sender<bool>,
    credentials: RwLock<Arc<Credentials>>,
    /// How many commands that take long may be under way at once.
    long: Semaphore,
}

/// A command that may be carried out, and in whose name.
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) actor: Actor,
}

/// What came of one command, before it is acknowledged.
struct Carried {
    answer: Answer,
    ack: Ack,
    change: Option<Change>,
    noticed: bool,
}

impl App {
    pub(crate) fn new(registry: Registry, credentials: Credentials, options: Options, clock: Clock) -> Self {
        let is_synced = registry.journal().is_some_and(|journal| !journal.is_async());
        let epoch = clock.now().bits();
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
        let (closing, _) = watch::channel(false);
        Self {
            registry,
            clock,
            metrics: Metrics::new(),
            events: Events::new(epoch),
            feeds: Feeds::default(),
            rates: Rates::new(&options),
            streams: Arc::new(Semaphore::new(options.streams)),
            options,
            is_synced,
            closing,
            credentials: RwLock::new(Arc::new(credentials)),
            long: Semaphore::new(2 * threads),
        }
    }

    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials.read())
    }

    pub(crate) fn set_credentials(&self, credentials: Credentials) {
        *self.credentials.write() = Arc::new(credentials);
    }

    /// That changes can be decided now.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if *self.closing.borrow() {
            let detail = said!("the server is going down; ask again", "服务正在停止,请重试");
            return Err(Problem::new(Kind::Unavailable, detail).with(header::RETRY_AFTER, "5"));
        }
        if self.has_failed() {
            let detail = said!(
                "the journal takes no changes any more, so nothing is decided; the operator has to look at its disk",
                "日志不再接受变更,未作任何裁决;请管理员检查存储"
            );
            return Err(Problem::new(Kind::Unavailable, detail).with(header::RETRY_AFTER, "60"));
        }
        let stats = self.registry.journal().map(haoyuan::journal::Journal::stats).unwrap_or_default();
        if stats.queued + stats.held_back > JOURNAL_QUEUE_MOST {
            let detail = said!("the disk is behind; ask again in a moment", "存储繁忙,请稍后重试");
            return Err(Problem::new(Kind::Unavailable, detail).with(header::RETRY_AFTER, "1"));
        }
        Ok(())
    }

    /// Whether the journal has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.registry.journal().is_some_and(|journal| journal.failure().is_some())
    }

    /// Carries commands out, in order, and waits for their acknowledgement. Questions are answered whatever the journal does.
    pub(crate) async fn carry_out(self: &Arc<Self>, orders: Vec<Order>) -> Result<Vec<Answer>, Problem> {
        if !orders.iter().all(|order| order.command.is_question()) {
            self.check()?;
        }
        let app = Arc::clone(self);
        let done = tokio::spawn(async move { app.to_the_end(orders).await }).await;
        // What panics ends here, with one answer; everybody else goes on.
        done.unwrap_or_else(|_| Err(internal()))
    }

    async fn to_the_end(self: Arc<Self>, orders: Vec<Order>) -> Result<Vec<Answer>, Problem> {
        let carried = if orders.iter().any(|order| is_long(&order.command)) {
            let _permit = self.long.acquire().await.map_err(|_| internal())?;
            let app = Arc::clone(&self);
            tokio::task::spawn_blocking(move || app.decide(&orders)).await.map_err(|_| internal())?
        } else {
            self.decide(&orders)
        };
        if self.is_synced {
            let began = Instant::now();
            // The last first: mostly it covers the others.
            for one in carried.iter().rev() {
                durable(&one.ack).await.map_err(|error| not_durable(&error))?;
            }
            self.metrics.durable(began.elapsed());
        }
        if carried.iter().any(|one| one.noticed) {
            self.events.look();
        }
        let (changes, answers): (Vec<_>, Vec<_>) =
            carried.into_iter().map(|one| (one.change, one.answer)).unzip();
        self.events.changed(changes.into_iter().flatten().collect());
        Ok(answers)
    }

    fn decide(&self, orders: &[Order]) -> Vec<Carried> {
        let one = |Order { command, actor }: &Order| {
            let began = Instant::now();
            let Decided { answer, ack } = actor::by(actor, || self.registry.submit_command(command));
            self.metrics.command(command.word(), &answer, began.elapsed());
            let (change, noticed) = follows(self, command, &answer);
            Carried { answer, ack, change, noticed }
        };
        orders.iter().map(one).collect()
    }

    /// Asks a question that changes nothing, away from the threads of the runtime.
    pub(crate) async fn ask(self: &Arc<Self>, command: Command) -> Result<Answer, Problem> {
        let _permit = self.long.acquire().await.map_err(|_| internal())?;
        let app = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || app.registry.platform().decide(&command));
        asked.await.map_err(|_| internal())
    }
}

/// Whether a command may take longer than a thread of the runtime should be kept: it takes the lock of the hospital's day or
/// of administration whatever it is about, or looks at many sessions. (A claim takes the day's lock only where somebody waits or
/// a returned seat is kept back; a cancellation under every policy that keeps returned seats back, which is each preset.)
const fn is_long(command: &Command) -> bool {
    !matches!(
        command,
        Command::Availability(_)
            | Command::Hold(_)
            | Command::Book(_)
            | Command::Confirm(_)
            | Command::Bookings(_)
            | Command::Session(_)
            | Command::Ticket(_)
    )
}

/// Waits for an acknowledgement without keeping a thread.
async fn durable(ack: &Ack) -> Result<(), journal::Error> {
    if let Some(outcome) = ack.poll() {
        return outcome;
    }
    let (tell, told) = oneshot::channel();
    ack.on_durable(move |outcome| {
        // Nobody waits any more only if the runtime is gone.
        let _ = tell.send(outcome);
    });
    told.await.unwrap_or(Err(journal::Error::Closed))
}

fn not_durable(error: &journal::Error) -> Problem {
    let detail = said!(
        "this was decided, and whether it survives a restart is unknown: {error}; ask for the bookings after the restart",
        "已作裁决,但重启后是否保留未知:{error};请在重启后查询预约",
        error
    );
    Problem::new(Kind::NotDurable, detail)
}

pub(crate) fn internal() -> Problem {
    let detail = said!("this is a mistake of the server's; it has been counted", "服务器出错,已记录");
    Problem::new(Kind::Internal, detail)
}
