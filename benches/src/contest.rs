//! Systems side by side on the same work: timed in turns, and believed only when their verdicts check.
//!
//! INVARIANT (a figure has been checked): a [`Cell`] comes out of [`Race::finish`] alone, and that only if
//! - one client was told exactly what the sequential reference tells it, answer by answer, seats included;
//! - several clients hold exactly the seats that the system says are taken, each seat once, no class beyond what it may have,
//!   no patient twice with a practitioner or at a time; and in the rush as many as the reference grants, give or take what the
//!   order of arrival explains.

use crate::drive::{Spent, together};
use crate::peers::books::Lean;
use crate::peers::maps::OneLock;
use crate::peers::{System, Taken};
use crate::trace::Request;
use crate::work::{Client, Shape, Workload, pool};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// What kind of system it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// The physical limit.
    Floor,
    /// haoyuan.
    Haoyuan,
    /// A baseline in the client's own process, by the same rules.
    InProcess,
    /// The same by no more rules than the workload asks about.
    Lean,
    /// Redis.
    Redis,
    /// PostgreSQL.
    Postgres,
}

/// What one system did on one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// Its kind.
    pub family: Family,
    /// Its name and settings.
    pub system: String,
    /// What it was given.
    pub workload: String,
    /// Threads, or connections.
    pub clients: usize,
    /// Decisions on their way at once, for each client.
    pub depth: usize,
    /// Decisions per second of each round, lowest first.
    pub rates: Vec<f64>,
    /// Nanoseconds that the clients' threads were on a processor for each decision; what a server needs is not in it.
    pub on_cpu_ns: f64,
    /// Decisions of all rounds, warm-up included.
    pub decisions: u64,
    /// Seats granted in them.
    pub granted: u64,
}

impl Cell {
    /// Decisions per second, the median of the rounds.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.rates.get(self.rates.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The slowest and the quickest round.
    #[must_use]
    pub fn spread(&self) -> (f64, f64) {
        let end = |rate: Option<&f64>| rate.copied().unwrap_or(f64::NAN);
        (end(self.rates.first()), end(self.rates.last()))
    }

    /// Nothing yet.
    #[must_use]
    pub fn new((family, system): (Family, &str), workload: Workload, clients: usize, depth: usize) -> Self {
        let (system, workload) = (system.to_owned(), workload.name().to_owned());
        Self {
            family,
            system,
            workload,
            clients,
            depth,
            rates: Vec::new(),
            on_cpu_ns: 0.0,
            decisions: 0,
            granted: 0,
        }
    }

    /// Adds a round.
    #[expect(clippy::cast_precision_loss, reason = "a figure to print")]
    pub fn add(&mut self, spent: Spent, decisions: u64) {
        let rounds = self.rates.len() as f64;
        let on_cpu = spent.cpu.as_nanos() as f64 / decisions.max(1) as f64;
        self.on_cpu_ns = (self.on_cpu_ns * rounds + on_cpu) / (rounds + 1.0);
        self.rates.push(decisions as f64 / spent.wall.as_secs_f64().max(1e-9));
        self.rates.sort_by(f64::total_cmp);
        self.decisions += decisions;
    }
}

/// How thoroughly it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How long a round takes, about.
    pub round: Duration,
    /// Requests of the rush; all of them if there are more.
    pub rush: usize,
    /// Decisions before a churn is as full as it stays.
    pub warm_up: u64,
}

impl Effort {
    /// For figures.
    pub const FULL: Self = Self { round: Duration::from_millis(200), rush: usize::MAX, warm_up: 180_000 };
    /// To see that everybody is told the same.
    pub const QUICK: Self = Self { round: Duration::from_millis(5), rush: 1_000, warm_up: 4_000 };

    /// The traces of a workload's clients.
    #[must_use]
    pub fn traces(&self, workload: Workload, clients: usize) -> Vec<Vec<Request>> {
        let mut traces = workload.traces(clients);
        if workload == Workload::Rush {
            for trace in &mut traces {
                trace.truncate((self.rush / clients).max(1));
            }
        }
        traces
    }
}

/// A system on its way through the rounds.
pub trait Race {
    /// Runs one round and returns the time it took.
    ///
    /// # Errors
    /// What the world did, or an answer that differs from the reference's.
    fn round(&mut self) -> Result<Duration, String>;

    /// Checks the verdicts of all rounds.
    ///
    /// # Errors
    /// What is wrong with them.
    fn finish(self: Box<Self>) -> Result<Cell, String>;
}

/// The reference that walks beside a single client.
#[derive(Debug)]
struct Beside<'t> {
    reference: OneLock<Lean>,
    client: Client<'t>,
}

/// A system, its clients, and what they did.
#[derive(Debug)]
pub struct Entrant<'t, S> {
    system: S,
    workload: Workload,
    traces: &'t [Vec<Request>],
    clients: Vec<Client<'t>>,
    beside: Option<Beside<'t>>,
    depth: usize,
    per_round: u64,
    /// Grants of the reference on the whole rush; with several clients the order of arrival changes a few.
    expected: u64,
    cell: Cell,
}

/// How much the grants of several clients may differ from those of one, in parts of a thousand, and at least.
const INTERLEAVING: (u64, u64) = (1, 16);

impl<'t, S: System> Entrant<'t, S> {
    /// Publishes, warms up, and finds out how many decisions make a round.
    ///
    /// # Errors
    /// What the world did.
    pub fn new(
        mut system: S,
        (family, name): (Family, &str),
        workload: Workload,
        traces: &'t [Vec<Request>],
        depth: usize,
        effort: Effort,
    ) -> Result<Self, String> {
        let shape = workload.shape();
        system.publish(shape)?;
        let mut clients: Vec<Client<'t>> = traces.iter().map(|trace| Client::new(workload, trace)).collect();
        let mut beside = match traces {
            [trace] => Some(Beside { reference: OneLock::new(shape), client: Client::new(workload, trace) }),
            _ => None,
        };
        let mut expected = 0;
        let count = clients.len() as u64;
        match workload {
            Workload::Rush => {
                let whole: Vec<Request> = interleaved(traces);
                let mut alone = Client::new(workload, &whole);
                alone.run(&mut &OneLock::<Lean>::new(shape), 1, u64::MAX / 2)?;
                expected = alone.granted;
            }
            Workload::FullSlot => {
                clients[0].fill(&mut system.loader()?)?;
                if let Some(Beside { reference, client }) = &mut beside {
                    client.fill(&mut &*reference)?;
                }
            }
            Workload::Churn | Workload::HotSlot => {
                let warm_up = if workload == Workload::Churn { effort.warm_up / count } else { 200 };
                for client in &mut clients {
                    client.run(&mut system.loader()?, 64, warm_up)?;
                }
                if let Some(Beside { reference, client }) = &mut beside {
                    client.run(&mut &*reference, 64, warm_up)?;
                }
            }
        }
        let cell = Cell::new((family, name), workload, traces.len(), depth);
        let per_round = 16 * depth as u64;
        let mut entrant =
            Self { system, workload, traces, clients, beside, depth, per_round, expected, cell };
        if workload != Workload::Rush {
            entrant.calibrate(effort.round)?;
        }
        Ok(entrant)
    }

    /// Rounds that grow until they take about as long as wanted; they are the last of the warm-up.
    fn calibrate(&mut self, wanted: Duration) -> Result<(), String> {
        loop {
            let took = self.run()?.wall.max(Duration::from_nanos(1));
            if took * 2 > wanted {
                return Ok(());
            }
            let more = (wanted.as_secs_f64() / took.as_secs_f64()).clamp(1.5, 8.0);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a few million"
            )]
            let next = (self.per_round as f64 * more) as u64;
            self.per_round = next;
        }
    }

    fn run(&mut self) -> Result<Spent, String> {
        let (depth, per_round) = (self.depth, self.per_round);
        let links = self.clients.iter().map(|_| self.system.link()).collect::<Result<Vec<_>, String>>()?;
        let mut states: Vec<_> = self.clients.iter_mut().zip(links).map(|(c, l)| (c, l, Ok(()))).collect();
        let spent =
            together(&mut states, |(client, link, result)| *result = client.run(link, depth, per_round));
        states.into_iter().try_for_each(|(_, _, result)| result)?;
        if let (Some(Beside { reference, client }), [only]) = (&mut self.beside, self.clients.as_slice()) {
            client.run(&mut &*reference, depth, per_round)?;
            if (client.digest(), client.decisions) != (only.digest(), only.decisions) {
                let answers = (client.answers, only.answers);
                return Err(format!(
                    "{} was told otherwise than the reference: {answers:?}",
                    self.cell.system
                ));
            }
        }
        Ok(spent)
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.cell.system;
        let wrong = |what: String| format!("{name} on {}: {what}", self.workload.name());
        let live: Vec<Request> = self.clients.iter().flat_map(Client::live).collect();
        let taken = self.system.taken()?;
        check(self.workload.shape(), &live, &taken).map_err(wrong)?;
        let sums = self.clients.iter().fold((0, 0), |sum, c| (sum.0 + c.granted, sum.1 + c.released));
        if sums.0 - sums.1 != live.len() as u64 {
            return Err(wrong(format!("{} grants, {} releases, {} live", sums.0, sums.1, live.len())));
        }
        let most = (self.expected * INTERLEAVING.0 / 1_000).max(INTERLEAVING.1);
        if self.workload == Workload::Rush && sums.0.abs_diff(self.expected) > most {
            return Err(wrong(format!("{} grants; the reference has {}", sums.0, self.expected)));
        }
        Ok(())
    }
}

/// The traces of several clients as one, chunk by chunk, as they were dealt.
fn interleaved(traces: &[Vec<Request>]) -> Vec<Request> {
    let mut chunks: Vec<_> = traces.iter().map(|trace| trace.chunks(64)).collect();
    let mut whole = Vec::with_capacity(traces.iter().map(Vec::len).sum());
    loop {
        let before = whole.len();
        for chunk in chunks.iter_mut().filter_map(Iterator::next) {
            whole.extend_from_slice(chunk);
        }
        if whole.len() == before {
            return whole;
        }
    }
}

impl<S: System> Race for Entrant<'_, S> {
    fn round(&mut self) -> Result<Duration, String> {
        let shape = self.workload.shape();
        if self.workload == Workload::Rush {
            self.system.publish(shape)?;
            self.clients = self.traces.iter().map(|trace| Client::new(self.workload, trace)).collect();
            if let ([trace], Some(beside)) = (self.traces, &mut self.beside) {
                *beside =
                    Beside { reference: OneLock::new(shape), client: Client::new(self.workload, trace) };
            }
            self.per_round = u64::MAX / 2;
        }
        let before: u64 = self.clients.iter().map(|client| client.decisions).sum();
        let spent = self.run()?;
        let after: u64 = self.clients.iter().map(|client| client.decisions).sum();
        self.cell.add(spent, after - before);
        if self.workload == Workload::Rush {
            self.check()?;
            self.cell.granted += self.clients.iter().map(|client| client.granted).sum::<u64>();
        }
        Ok(spent.wall)
    }

    fn finish(mut self: Box<Self>) -> Result<Cell, String> {
        self.check()?;
        if self.workload != Workload::Rush {
            self.cell.granted = self.clients.iter().map(|client| client.granted).sum();
            self.cell.decisions = self.clients.iter().map(|client| client.decisions).sum();
        }
        Ok(self.cell)
    }
}

/// Whether these live bookings and these taken seats are the same and legal.
///
/// # Errors
/// What is not.
pub fn check(shape: Shape, live: &[Request], taken: &[Taken]) -> Result<(), String> {
    let mut seats = HashSet::new();
    for (place, seat, _) in taken {
        if !seats.insert((place, seat)) {
            return Err(format!("seat {seat} of slot {place} was sold twice"));
        }
        if *seat >= shape.slots.seats || *place >= shape.places() {
            return Err(format!("seat {seat} of slot {place} does not exist"));
        }
    }
    let theirs: BTreeSet<(u32, u128)> = taken.iter().map(|(place, _, patient)| (*place, *patient)).collect();
    let ours: BTreeSet<(u32, u128)> = live.iter().map(|r| (shape.place(r), r.patient.get())).collect();
    if ours.len() != live.len() || theirs.len() != taken.len() {
        return Err("a patient has a slot twice".to_owned());
    }
    if ours != theirs {
        let (lost, invented) = (ours.difference(&theirs).count(), theirs.difference(&ours).count());
        return Err(format!("{lost} bookings are lost and {invented} invented, of {}", ours.len()));
    }
    let mut slots: BTreeMap<u32, [u8; 4]> = BTreeMap::new();
    let mut patients: HashSet<(u128, bool, u32)> = HashSet::new();
    for request in live {
        slots.entry(shape.place(request)).or_default()[pool(request)] += 1;
        let patient = request.patient.get();
        let alone = patients.insert((patient, false, request.slot.session.get()))
            && patients.insert((patient, true, u32::from(request.slot.slot.get())));
        if !alone {
            return Err("a patient has a practitioner twice, or two visits at a time".to_owned());
        }
    }
    for (place, live) in slots {
        let over =
            live.iter().zip(shape.guarantees()).map(|(live, own)| live.saturating_sub(own)).sum::<u8>();
        if over > shape.slots.seats - shape.guarantees().iter().sum::<u8>() {
            return Err(format!("slot {place} gave reserved seats away: {live:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::books::Ruled;
    use crate::peers::maps::{Dash, Sharded};
    use crate::peers::ours::Embedded;
    use crate::work::{Ask, Link, Told, Why};

    #[track_caller]
    fn checked<S: System>(system: S) {
        let effort = Effort::QUICK;
        let mut published = Some(system);
        for workload in Workload::ALL {
            for (clients, depth) in [(1, 1), (1, 64), (2, 1), (2, 64)] {
                let traces = effort.traces(workload, clients);
                let mut system = published.take().expect("given back below");
                let entrant = Entrant::new(
                    &mut system,
                    (Family::InProcess, "under test"),
                    workload,
                    &traces,
                    depth,
                    effort,
                );
                let mut race = Box::new(entrant.expect("it starts"));
                race.round().expect("it keeps the rules");
                let cell = race.finish().expect("its verdicts check");
                assert!(cell.granted > 0 && cell.median() > 0.0, "{cell:?}");
                published = Some(system);
            }
        }
    }

    #[test]
    fn the_engine_and_every_baseline_give_the_verdicts_of_the_reference() {
        checked(Embedded::new(Workload::HotSlot.shape()).expect("it opens"));
        let shape = Workload::HotSlot.shape();
        checked(Sharded::<Lean>::new(shape));
        checked(Dash::<Lean>::new(shape));
        checked(OneLock::<Ruled>::new(shape));
        checked(Sharded::<Ruled>::new(shape));
        checked(Dash::<Ruled>::new(shape));
    }

    /// Sells every third seat a second time.
    struct Seller(OneLock<Lean>, u64);

    impl Link for &mut Seller {
        fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
            let told = (&self.0).one(ask)?;
            if told.why == Why::Full {
                self.1 += 1;
                if self.1.is_multiple_of(3) {
                    return Ok(Told::seat(0));
                }
            }
            Ok(told)
        }
    }

    #[test]
    fn a_system_that_sells_a_seat_twice_is_found_out() {
        let shape = Workload::FullSlot.shape();
        let traces = Workload::FullSlot.traces(1);
        let mut seller = Seller(OneLock::new(shape), 0);
        let mut client = Client::new(Workload::FullSlot, &traces[0]);
        client.fill(&mut &mut seller).expect("63 seats");
        client.run(&mut &mut seller, 1, 10).expect("it answers");
        let live: Vec<Request> = client.live().collect();
        let taken = seller.0.taken().expect("a map");
        assert!(live.len() > taken.len(), "more bookings than seats");
        check(shape, &live, &taken).expect_err("a seat has two owners");
    }
}
