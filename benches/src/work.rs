//! The work that every system is given: which decisions are asked for, in which order, and what was answered.
//!
//! INVARIANT (the same work): a client asks by its trace and by what it was told, nothing else. One client is therefore told the
//! same by every system that keeps the rules, and [`Client::digest`] is equal.
//!
//! With `depth` decisions on their way a client of the rush asks the next one as soon as any is answered, as a host with so many
//! callers does. The others ask `depth` at once and wait for all, because what they release depends on what they are told.
//!
//! The rules: a slot has seats, and each privileged class a guarantee in it; a class may book while the slot has room beyond
//! the unmet guarantees of others. A patient has one live booking per practitioner and day, and one at a time. Refusals in
//! order of precedence: [`Why::Full`], [`Why::Protected`], [`Why::Overlap`], [`Why::DepartmentDay`].

use crate::hospital::{HALF_HOUR_SLOTS, LARGE, RUSH, Slots};
use crate::trace::{PATIENTS, Request, SEED, morning_rush, one_slot, slot, uniform};
use haoyuan_core::ids::SlotRef;
use haoyuan_core::terms::Class;

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What each slot is like.
    pub slots: Slots,
    /// Practitioners, each with a session of their own.
    pub practitioners: u32,
    /// Half-hours of each.
    pub half_hours: u32,
    /// The most patients who come to a seat that is free: of a rush, where nobody gives a seat back, as many as there are seats, which
    /// is what [`haoyuan_engine::Limits::for_seats`] reckons with. So many have room in the tables of every system in the process
    /// (in haoyuan's, as there, 64 more, who came to a seat and lost it).
    pub patients: u32,
}

impl Shape {
    /// How many slots.
    #[must_use]
    pub const fn places(&self) -> u32 {
        self.practitioners * self.half_hours
    }

    /// The slot of a request, counted from 0.
    #[inline]
    #[must_use]
    pub const fn place(&self, request: &Request) -> u32 {
        request.slot.session.get() * self.half_hours + request.slot.slot.get() as u32
    }

    /// The slot that is counted so: the inverse of [`Shape::place`].
    #[must_use]
    pub fn slot(&self, place: u32) -> SlotRef {
        slot(place / self.half_hours, place % self.half_hours)
    }

    /// What each pool is guaranteed, in the order of [`pool`]; the public last.
    #[must_use]
    pub const fn guarantees(&self) -> [u8; 4] {
        let [a, b, c] = self.slots.reserves;
        [a, b, c, 0]
    }
}

/// The pool of a request's class, in the order of [`crate::hospital::POOLS`].
#[inline]
#[must_use]
pub const fn pool(request: &Request) -> usize {
    match request.class {
        Class::ReferralSecondary => 0,
        Class::ReferralPrimary => 1,
        Class::OnSite => 2,
        _ => 3,
    }
}

/// One of the workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// One slot, booked until it refuses, then all is released.
    HotSlot,
    /// The same slot, full: every request is refused.
    FullSlot,
    /// 200,000 requests for 16,000 seats.
    Rush,
    /// 2,000 slots at random; a slot that refuses is released.
    Churn,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HotSlot, Self::FullSlot, Self::Rush, Self::Churn];

    /// The name on the command line and in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HotSlot => "w1",
            Self::FullSlot => "w1-full",
            Self::Rush => "w2",
            Self::Churn => "w3",
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::HotSlot => "W1, hot slot: 63 seats, booked until refused, then released",
            Self::FullSlot => "W1-full: every seat is booked, every request refused",
            Self::Rush => "W2, morning rush: 200,000 requests for 16,000 seats",
            Self::Churn => "W3, uniform churn: 2,000 slots of 63 seats",
        }
    }

    /// What is published for it.
    #[must_use]
    pub const fn shape(self) -> Shape {
        match self {
            Self::HotSlot | Self::FullSlot => {
                Shape { slots: LARGE, practitioners: 1, half_hours: 1, patients: PATIENTS }
            }
            Self::Rush => {
                let rush =
                    Shape { slots: RUSH, practitioners: 100, half_hours: HALF_HOUR_SLOTS, patients: 0 };
                Shape { patients: rush.places() * RUSH.seats as u32, ..rush }
            }
            Self::Churn => {
                Shape { slots: LARGE, practitioners: 100, half_hours: HALF_HOUR_SLOTS, patients: PATIENTS }
            }
        }
    }

    /// What the clients ask for, a trace each; clients of one slot have patients of their own.
    ///
    /// # Panics
    /// If there are more clients than patients.
    #[must_use]
    pub fn traces(self, clients: usize) -> Vec<Vec<Request>> {
        let count = u32::try_from(clients).expect("a few clients");
        let (shape, share) = (self.shape(), PATIENTS / count);
        let patients = |client: u32| client * share..(client + 1) * share;
        match self {
            Self::HotSlot | Self::FullSlot => {
                (0..count).map(|client| one_slot(SEED, patients(client))).collect()
            }
            Self::Churn => (0..count)
                .map(|client| {
                    let seed = SEED + u64::from(client);
                    uniform(
                        seed,
                        (1 << 20) / clients,
                        patients(client),
                        shape.practitioners,
                        shape.half_hours,
                    )
                })
                .collect(),
            Self::Rush => {
                // Chunks are dealt round robin, so that the clients meet at the same hours of the trace.
                const CHUNK: usize = 64;
                let trace = morning_rush(SEED, PATIENTS, shape.practitioners, shape.half_hours);
                (0..clients)
                    .map(|client| {
                        trace.chunks(CHUNK).skip(client).step_by(clients).flatten().copied().collect()
                    })
                    .collect()
            }
        }
    }
}

/// One decision that is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// A seat for the request.
    Book(&'a Request),
    /// That the request's booking is given back; with the token that it was granted under.
    Release(Request, u64),
}

impl Ask<'_> {
    /// The request that it is about.
    #[inline]
    #[must_use]
    pub const fn request(&self) -> &Request {
        match self {
            Self::Book(request) => request,
            Self::Release(request, _) => request,
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Why {
    /// A seat was granted, or given back.
    Done,
    /// Every seat of the slot is taken.
    Full,
    /// What is left is guaranteed to other classes.
    Protected,
    /// The patient is somewhere else at that time.
    Overlap,
    /// The patient has a booking with this practitioner on this day.
    DepartmentDay,
    /// Another command of the same patient is being decided: ask again.
    Busy,
}

impl Why {
    /// By its number on the wire of a peer.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Done,
            1 => Self::Full,
            2 => Self::Protected,
            3 => Self::Overlap,
            4 => Self::DepartmentDay,
            5 => Self::Busy,
            _ => return None,
        })
    }
}

/// The answer to one ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What was decided.
    pub why: Why,
    /// The seat in its slot, if one was granted.
    pub seat: u8,
    /// What names the booking to the system that granted it.
    pub token: u64,
}

impl Told {
    /// A refusal, or a release that was done.
    #[inline]
    #[must_use]
    pub const fn plain(why: Why) -> Self {
        Self { why, seat: 0, token: 0 }
    }

    /// A grant of a system that needs no token.
    #[inline]
    #[must_use]
    pub const fn seat(seat: u8) -> Self {
        Self { why: Why::Done, seat, token: 0 }
    }

    /// As peers write it into one number: a seat from 0, or a refusal below 0.
    ///
    /// # Errors
    /// If no peer can have said this.
    pub fn from_wire(number: i32) -> Result<Self, String> {
        if let Ok(seat) = u8::try_from(number) {
            return Ok(Self::seat(seat));
        }
        Why::from_number(-number).map(Self::plain).ok_or_else(|| format!("a peer answered {number}"))
    }
}

/// A booking that a client has live, by the slot that it is in. A quarter of a cache line, and all that giving it back needs: a client
/// that looked into its trace again, or kept the key and not the number that it is made of, would wait for memory more often,
/// whatever it asks.
#[derive(Clone, Copy, Debug)]
struct Live {
    token: u64,
    number: u32,
    class: Class,
    referral: u8,
}

const _: () = assert!(size_of::<Live>() == 16);

impl Live {
    const fn of(request: &Request, token: u64) -> Self {
        Self { token, number: request.number, class: request.class, referral: request.referral }
    }

    fn request(&self, slot: SlotRef) -> Request {
        Request { referral: self.referral, ..Request::of(self.number, slot, self.class) }
    }
}

/// What a client does with a slot that refuses it for want of seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Releases all that it has of it, and goes round its trace for ever.
    Release,
    /// Nothing, and goes round its trace for ever.
    Insist,
    /// Nothing, and asks its trace once.
    Once,
}

/// The odd number next to 2⁶⁴ divided by the golden ratio: multiplying by it scatters.
const FIBONACCI: u64 = 0x9e37_79b9_7f4a_7c15;

/// One client of a workload. Its counters are on cache lines of their own, or clients side by side would wait for each other.
#[derive(Debug)]
#[repr(align(128))]
pub struct Client<'a> {
    shape: Shape,
    trace: &'a [Request],
    next: usize,
    manner: Manner,
    live: Vec<Vec<Live>>,
    /// What is to be given back, the next one last; with the token that it was granted under.
    due: Vec<(Request, u64)>,
    batch: Vec<Ask<'a>>,
    told: Vec<Told>,
    answers_to: Vec<(usize, Told)>,
    /// Decisions made.
    pub decisions: u64,
    /// Seats granted.
    pub granted: u64,
    /// Seats released.
    pub released: u64,
    /// Answers by [`Why`].
    pub answers: [u64; 6],
    digest: u64,
}

impl<'a> Client<'a> {
    /// A client of this workload with its trace. Every page of the trace and of the room for live bookings is touched here, so that none
    /// is for the first time while a system is asked, whichever it is.
    ///
    /// # Panics
    /// If the trace is empty.
    #[must_use]
    pub fn new(workload: Workload, trace: &'a [Request]) -> Self {
        let shape = workload.shape();
        let seats = usize::from(shape.slots.seats);
        let room = || {
            let mut live = vec![Live { token: 0, number: 0, class: Class::Public, referral: 0 }; seats];
            live.clear();
            live
        };
        std::hint::black_box(trace.iter().fold(0, |touched, request| touched ^ request.patient.get()));
        Self {
            shape,
            trace,
            next: 0,
            manner: match workload {
                Workload::HotSlot | Workload::Churn => Manner::Release,
                Workload::FullSlot => Manner::Insist,
                Workload::Rush => Manner::Once,
            },
            live: (0..shape.places()).map(|_| room()).collect(),
            due: Vec::with_capacity(2 * seats),
            batch: Vec::with_capacity(64),
            told: Vec::with_capacity(64),
            answers_to: Vec::with_capacity(64),
            decisions: 0,
            granted: 0,
            released: 0,
            answers: [0; 6],
            digest: 0,
        }
    }

    /// Asks with `depth` decisions on their way until `decisions` more are made; in the rush until nothing is left to ask.
    ///
    /// # Errors
    /// What the link says.
    #[inline]
    pub fn run<L: Link + ?Sized>(
        &mut self,
        link: &mut L,
        depth: usize,
        decisions: u64,
    ) -> Result<(), String> {
        if self.manner == Manner::Once {
            return if depth == 1 { self.walk(link) } else { self.roll(link, depth) };
        }
        let until = self.decisions + decisions;
        if depth == 1 {
            while self.decisions < until {
                // Each kind by itself: put into one question first, a release would be copied, and waited for, before it is asked.
                let number = self.decisions;
                if let Some((request, token)) = self.due.pop() {
                    let told = link.one(&Ask::Release(request, token))?;
                    self.hear_release(number, (request, token), told)?;
                } else {
                    let request = self.next_request();
                    let told = link.one(&Ask::Book(request))?;
                    self.hear_booking(number, request, told);
                }
                self.decisions += 1;
            }
            return Ok(());
        }
        while self.decisions < until {
            self.step(link, depth)?;
        }
        Ok(())
    }

    /// The next question of who goes round its trace.
    #[inline]
    fn next_ask(&mut self) -> Ask<'a> {
        match self.due.pop() {
            Some((request, token)) => Ask::Release(request, token),
            None => Ask::Book(self.next_request()),
        }
    }

    /// The next request of the trace, round and round.
    #[inline]
    fn next_request(&mut self) -> &'a Request {
        if self.next == self.trace.len() {
            self.next = 0;
        }
        let request = &self.trace[self.next];
        self.next += 1;
        request
    }

    /// Asks the rest of the trace, one after another.
    #[inline]
    fn walk<L: Link + ?Sized>(&mut self, link: &mut L) -> Result<(), String> {
        let trace = self.trace;
        for (number, request) in trace.iter().enumerate().skip(self.next) {
            let told = link.one(&Ask::Book(request))?;
            self.hear_booking(number as u64, request, told);
        }
        self.decisions += (trace.len() - self.next) as u64;
        self.next = trace.len();
        Ok(())
    }

    /// Asks the rest of the trace; whenever one of `depth` is answered, the next one is asked.
    fn roll<L: Link + ?Sized>(&mut self, link: &mut L, depth: usize) -> Result<(), String> {
        let mut flying = 0;
        while flying > 0 || self.next < self.trace.len() {
            while flying < depth && self.next < self.trace.len() {
                link.send(self.next, &Ask::Book(&self.trace[self.next]), &mut self.answers_to)?;
                self.next += 1;
                flying += 1;
            }
            if self.answers_to.is_empty() {
                link.hear(&mut self.answers_to)?;
            }
            if self.answers_to.is_empty() {
                return Err("no answer came".to_owned());
            }
            for at in 0..self.answers_to.len() {
                let (number, told) = self.answers_to[at];
                self.decisions += 1;
                self.hear_booking(number as u64, &self.trace[number], told);
            }
            flying -= self.answers_to.len();
            self.answers_to.clear();
        }
        Ok(())
    }

    /// Asks `depth` decisions, going round the trace, and hears the answers.
    ///
    /// # Errors
    /// What the link says.
    #[inline]
    pub fn step<L: Link + ?Sized>(&mut self, link: &mut L, depth: usize) -> Result<(), String> {
        self.batch.clear();
        self.told.clear();
        while self.batch.len() < depth {
            let ask = self.next_ask();
            self.batch.push(ask);
        }
        link.ask(&self.batch, &mut self.told)?;
        if self.told.len() != self.batch.len() {
            return Err(format!("{} answers to {} questions", self.told.len(), self.batch.len()));
        }
        for at in 0..self.batch.len() {
            let ask = self.batch[at];
            self.hear(self.decisions, &ask, self.told[at])?;
            self.decisions += 1;
        }
        Ok(())
    }

    #[inline]
    fn hear(&mut self, number: u64, ask: &Ask<'a>, told: Told) -> Result<(), String> {
        match *ask {
            Ask::Book(request) => self.hear_booking(number, request, told),
            Ask::Release(request, token) => self.hear_release(number, (request, token), told)?,
        }
        Ok(())
    }

    /// Counts the answer to a request and does what follows from it.
    #[inline]
    fn hear_booking(&mut self, number: u64, request: &Request, told: Told) {
        self.note(number, told);
        // Who releases nothing has nothing to do after a refusal.
        if self.manner == Manner::Release || told.why == Why::Done {
            self.after_booking(request, told);
        }
    }

    /// Counts an answer.
    #[inline]
    fn note(&mut self, number: u64, told: Told) {
        self.answers[told.why as usize] += 1;
        // What was decided on which question, in whatever order it is heard; a token is the system's own.
        let said = (number << 16 | u64::from(told.seat) << 8 | told.why as u64).wrapping_mul(FIBONACCI);
        self.digest = self.digest.wrapping_add((said ^ said >> 32).wrapping_mul(FIBONACCI));
    }

    /// What follows from the answer to a request for what is asked next.
    #[inline(never)]
    fn after_booking(&mut self, request: &Request, told: Told) {
        let place = self.shape.place(request) as usize;
        match told.why {
            Why::Done => {
                self.granted += 1;
                self.live[place].push(Live::of(request, told.token));
            }
            Why::Full | Why::Protected if self.manner == Manner::Release => {
                while let Some(live) = self.live[place].pop() {
                    self.due.push((live.request(request.slot), live.token));
                }
            }
            _ => {}
        }
    }

    /// Counts the answer to a release and does what follows from it.
    #[inline]
    fn hear_release(&mut self, number: u64, release: (Request, u64), told: Told) -> Result<(), String> {
        self.note(number, told);
        match told.why {
            Why::Done => self.released += 1,
            Why::Busy => self.due.push(release),
            why => {
                let slot = release.0.slot;
                return Err(format!("a live booking of slot {slot:?} could not be released: {why:?}"));
            }
        }
        Ok(())
    }

    /// Books the slot full for [`Workload::FullSlot`]: every seat of every class.
    ///
    /// # Errors
    /// If a seat is refused.
    pub fn fill<L: Link + ?Sized>(&mut self, link: &mut L) -> Result<(), String> {
        let [a, b, c] = self.shape.slots.reserves.map(usize::from);
        let public = usize::from(self.shape.slots.seats) - a - b - c;
        let classes = [
            (Class::ReferralSecondary, a),
            (Class::ReferralPrimary, b),
            (Class::OnSite, c),
            (Class::Public, public),
        ];
        // Each patient is in the trace once, so nobody asks twice.
        let of = |class| self.trace.iter().filter(move |request| request.class == class);
        let first: Vec<_> = classes.into_iter().flat_map(|(class, count)| of(class).take(count)).collect();
        for request in first {
            let told = link.one(&Ask::Book(request))?;
            if told.why != Why::Done {
                return Err(format!("the slot could not be filled: {told:?}"));
            }
            self.hear_booking(self.decisions, request, told);
            self.decisions += 1;
        }
        Ok(())
    }

    /// A number over all answers, each with its question: equal where all were equal.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// What it has live, a release that is still due included.
    pub fn live(&self) -> impl Iterator<Item = Request> {
        let due = self.due.iter().map(|(request, _)| *request);
        let shape = self.shape;
        let live = (0..).zip(&self.live);
        live.flat_map(move |(place, live)| live.iter().map(move |live| live.request(shape.slot(place))))
            .chain(due)
    }
}

/// A way to a system: one client's.
pub trait Link: Send {
    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// What the world did: a refusal is an answer.
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String>;

    /// Asks all of `asks` in order and appends an answer for each. They are on their way together where the system can do that.
    ///
    /// # Errors
    /// As [`Link::one`].
    #[inline]
    fn ask(&mut self, asks: &[Ask<'_>], told: &mut Vec<Told>) -> Result<(), String> {
        for ask in asks {
            told.push(self.one(ask)?);
        }
        Ok(())
    }

    /// Asks without waiting. The answer, under this number, comes now or by [`Link::hear`], before or after those to other
    /// questions. Not to be mixed with [`Link::ask`] while one is missing.
    ///
    /// # Errors
    /// As [`Link::one`].
    fn send(&mut self, number: usize, ask: &Ask<'_>, told: &mut Vec<(usize, Told)>) -> Result<(), String> {
        told.push((number, self.one(ask)?));
        Ok(())
    }

    /// Waits until an answer that is missing has come, and takes with it all others that have.
    ///
    /// # Errors
    /// As [`Link::one`].
    fn hear(&mut self, _told: &mut Vec<(usize, Told)>) -> Result<(), String> {
        Ok(())
    }
}

/// What the rules say of a slot with these live bookings by pool: a seat, or why not. The one place where the baselines
/// and the reference have them; the engine has its own.
#[inline]
#[must_use]
pub fn verdict(slots: Slots, live: [u8; 4], pool: usize) -> Option<Why> {
    let [a, b, c] = slots.reserves;
    let reserves = [a, b, c, 0];
    let occupied: u8 = (0..4).map(|at| live[at].max(reserves[at])).sum();
    if live[pool] < reserves[pool] || occupied < slots.seats {
        None
    } else if live.iter().sum::<u8>() == slots.seats {
        Some(Why::Full)
    } else {
        Some(Why::Protected)
    }
}
