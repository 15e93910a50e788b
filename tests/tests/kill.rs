//! Kill −9 at random points of a loaded run: no acknowledged decision is lost, none is invented, and what is recovered is
//! what the reference model makes of the durable records.
//!
//! The child is this test binary again. It writes what it is about to ask and what was acknowledged to a pipe, one line
//! each; the pipe outlives it. `HAOYUAN_KILLS` says how often it is killed: `HAOYUAN_KILLS=5000 cargo test -p
//! haoyuan-tests --test kill -- --nocapture`.

use haoyuan::engine::{Change, Engine, Fact};
use haoyuan::ids::{BookingId, IdempotencyKey, SlotRef, TicketId};
use haoyuan::instant::{DAY, Instant, MINUTE};
use haoyuan::journal::{Access, Disk, Folder, From, Journal, Options as JournalOptions, Recovery};
use haoyuan::record::{Assembler, Record, Transition};
use haoyuan::request::{Settle, Ticket, Wish};
use haoyuan::state::Published;
use haoyuan::terms::{Channel, Class};
use haoyuan::{Ack, Actor, Durability, Options, Refusals, Registry, rebuild};
use haoyuan_tests::drive::{ROOMY, alike};
use haoyuan_tests::generate::{FIRST_DAY, World, patient};
use haoyuan_tests::model::{Model, slots};
use haoyuan_tests::random::Random as Drawn;
use haoyuan_tests::recorded;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

const FOLDER: &str = "HAOYUAN_KILL_FOLDER";
/// Which folder, and for which time in it.
const SEED: &str = "HAOYUAN_KILL_SEED";
const THREADS: u64 = 4;
const PATIENTS: u8 = 120;
/// Decisions of a thread that wait for the disk at once.
const FLYING: usize = 16;
/// Recoveries recover what recoveries left.
const IN_A_ROW: u64 = 10;
/// Commands of a thread between two movements of the clock. Within a round all threads have the same instant.
const ROUND: u64 = 40;

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn of<'a, V>(&mut self, values: &'a [V]) -> &'a V {
        &values[usize::try_from(self.below(values.len() as u64)).unwrap()]
    }
}

fn world(folder: u64) -> World {
    World::drawn(8, &mut Drawn::new(folder, 0))
}

fn tickets() -> Vec<Ticket> {
    let classes = Class::ALL.iter().filter(|class| class.needs_ticket());
    (0..PATIENTS)
        .zip(classes.cycle())
        .map(|(number, class)| Ticket {
            id: TicketId::new(u128::from(number) + 1).unwrap(),
            patient: patient(number),
            class: *class,
            institution: world(0).plans[0].session.institution,
            department: None,
            expires: Instant::MAX,
        })
        .collect()
}

fn places(plans: &[haoyuan::plan::Plan]) -> Vec<SlotRef> {
    let sessions = (0..).filter_map(haoyuan::ids::SessionId::new);
    plans
        .iter()
        .zip(sessions)
        .flat_map(|(plan, session)| slots(plan).map(move |slot| SlotRef { session, slot }))
        .collect()
}

/// The claim with this number: everything about it but its instant follows from the number.
fn asked(number: u64, places: &[SlotRef]) -> (Wish, bool) {
    let mut random = Random(number);
    let who = u8::try_from(random.below(u64::from(PATIENTS))).unwrap();
    let wish = Wish {
        patient: patient(who),
        slot: *random.of(places),
        class: if random.below(2) == 0 { Class::Public } else { *random.of(Class::ALL) },
        channel: *random.of(&Channel::ALL[..3]),
        ticket: TicketId::new(u128::from(who) + 1).filter(|_| random.below(4) > 0),
        key: IdempotencyKey::new(u128::from(number) + 1),
    };
    (wish, random.below(2) == 0)
}

/// Half a day a life: ten lives pass openings and fences, and outages are long enough for holds to run out.
fn clock(life: u64, round: u64) -> Instant {
    let hours = i64::try_from(life).unwrap() * 12;
    FIRST_DAY.midnight().plus(-5 * DAY + hours * 60 * MINUTE + i64::try_from(round).unwrap() * 7 * MINUTE)
}

fn options() -> Options {
    let durability = Durability::Synced { max_delay: Duration::from_millis(1) };
    let mut options = Options { durability, limits: Some(ROOMY), ..Options::default() };
    // Short segments: some are begun, some are prepared, when the end comes.
    options.journal.segment_bytes = 256 << 10;
    options.journal.preallocate = 32 << 10;
    options
}

/// One line, in one write: the pipe keeps it whole.
fn tell(line: &str) {
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// Not a test by itself: the child that is killed.
#[test]
fn the_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let number: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let (family, life) = (number / IN_A_ROW, number % IN_A_ROW);
    let world = world(family);
    let mut registry = Registry::open(folder, options()).unwrap();
    for plan in &world.plans {
        if registry.engine().find(&plan.session.code).is_none() {
            registry.publish(plan, clock(0, 0)).unwrap().durable().unwrap();
        }
    }
    for ticket in tickets() {
        registry.issue_ticket(&ticket, clock(0, 0)).unwrap().durable().unwrap().unwrap();
    }
    if life % 3 == 1 {
        registry.snapshot().unwrap();
    }
    let places = places(&world.plans);
    tell("\n= ready\n");
    let (next, barrier) = (AtomicU64::new(0), Barrier::new(usize::try_from(THREADS).unwrap()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (registry, places, next, barrier) = (&registry, &places, &next, &barrier);
            scope.spawn(move || work(registry, places, (number, thread), next, barrier));
        }
    });
}

fn work(
    registry: &Registry,
    places: &[SlotRef],
    (number, thread): (u64, u64),
    next: &AtomicU64,
    barrier: &Barrier,
) {
    let mut random = Random(number << 8 | thread);
    let mut mine: Vec<Settle> = Vec::new();
    // Decided and not acknowledged yet, with what is told when they are.
    let mut flying: VecDeque<(Ack, String)> = VecDeque::new();
    let mut fly = |ack: Ack, line: String| {
        flying.push_back((ack, line));
        if flying.len() > FLYING {
            let (ack, line) = flying.pop_front().unwrap();
            ack.wait().unwrap();
            tell(&line);
        }
    };
    for round in 0.. {
        barrier.wait();
        let now = clock(number % IN_A_ROW, round);
        if thread == 0 && round % 8 == 7 {
            registry.tick(now).unwrap().ack.wait().unwrap();
        }
        for _ in 0..ROUND {
            let claim = number * 1_000_000 + next.fetch_add(1, Ordering::Relaxed);
            let (wish, held) = asked(claim, places);
            tell(&format!("? {claim} {}\n", now.ms()));
            let decided = if held { registry.hold(&wish, now) } else { registry.book(&wish, now) }.unwrap();
            if let Ok(grant) = decided.answer {
                let booking = grant.booking;
                let line = format!("+ {:x} {} {}\n", booking.get(), booking.sequence().0, u8::from(!held));
                fly(decided.ack, line);
                mine.push(Settle { patient: wish.patient, booking, key: None });
            }
            // Holds are confirmed and seats go back, so that there is always something to take.
            if mine.len() > 2 {
                let confirms = random.below(3) == 0;
                let place = usize::try_from(random.below(3)).unwrap();
                let settle = if confirms { mine[place] } else { mine.remove(place) };
                let deed = if confirms { 2 } else { 3 };
                tell(&format!("! {:x} {deed}\n", settle.booking.get()));
                let decided =
                    if confirms { registry.confirm(&settle, now) } else { registry.cancel(&settle, now) };
                let decided = decided.unwrap();
                if let Ok(done) = decided.answer {
                    let line = format!("+ {:x} {} {deed}\n", done.booking.get(), done.sequence.0);
                    fly(decided.ack, if done.changed { line } else { String::new() });
                }
            }
        }
    }
}

/// What the killed children of one folder have told.
#[derive(Default)]
struct Told {
    /// Claims, with their instants.
    claims: HashMap<u64, i64>,
    /// Confirmations and cancellations.
    settles: HashSet<(u64, u8)>,
    /// Acknowledged: booking, sequence, what.
    acknowledged: Vec<(u64, u32, u8)>,
    ready: u64,
}

impl Told {
    fn line(&mut self, line: &str) {
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["=", "ready"] => self.ready += 1,
            ["?", number, at] => {
                self.claims.insert(number.parse().unwrap(), at.parse().unwrap());
            }
            ["!", booking, deed] => {
                self.settles.insert((hex(booking), deed.parse().unwrap()));
            }
            ["+", booking, sequence, deed] => {
                self.acknowledged.push((hex(booking), sequence.parse().unwrap(), deed.parse().unwrap()));
            }
            _ => {}
        }
    }
}

fn run_and_kill(folder: &Path, number: u64, after: Duration, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_child", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(SEED, number.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Every fifth is killed wherever it is, be it in the middle of its recovery; the others under load.
    if number % 5 != 0 {
        for line in lines.by_ref() {
            let line = line.unwrap();
            told.line(&line);
            if line == "= ready" {
                break;
            }
        }
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    for line in lines {
        told.line(&line.unwrap());
    }
    child.wait().unwrap();
}

const fn deed(change: Change) -> u8 {
    match change {
        Change::Held => 0,
        Change::Booked => 1,
        Change::Confirmed => 2,
        Change::Cancelled => 3,
        Change::Expired => 4,
        Change::Withdrawn => 5,
    }
}

/// Nothing is invented: a fact is what a command that was given wants.
fn was_asked(fact: &Fact, told: &Told, places: &[SlotRef]) -> bool {
    match fact.change {
        Change::Held | Change::Booked => fact.key.is_some_and(|key| {
            let number = u64::try_from(key.get() - 1).unwrap_or(u64::MAX);
            let (wish, held) = asked(number, places);
            let Fact { patient, slot, class, channel, ticket, key, .. } = *fact;
            told.claims.get(&number) == Some(&fact.at.ms())
                && wish == Wish { patient, slot, class, channel, ticket, key }
                && held == (fact.change == Change::Held)
        }),
        Change::Confirmed | Change::Cancelled => {
            told.settles.contains(&(fact.booking.get(), deed(fact.change)))
        }
        Change::Expired => fact.at >= fact.expires,
        // Nobody asks for this here.
        Change::Withdrawn => false,
    }
}

/// The journal of a folder, checked against what was told and by the model; how many transitions it has.
fn check(folder: &Path, told: &Told) -> Result<usize, String> {
    let disk: Arc<dyn Disk> = Arc::new(Folder::open(folder).unwrap());
    // Where a block is; it decides nothing, and nothing of the registry's own recovery is used.
    let shelf = Engine::new(ROOMY);
    let mut model = Model::default();
    let mut places_of = Vec::new();
    let mut assembler = Assembler::default();
    let mut found = HashSet::new();
    let mut last = clock(0, 0);
    let mut recovery = Recovery::begin(Arc::clone(&disk), From::Start, Access::Read).unwrap();
    while let Some(recovered) = recovery.next().map_err(|error| error.to_string())? {
        let entry = recovered.entry;
        match Record::decode(entry).map_err(|error| error.to_string())? {
            Record::Published(part) => {
                let Some(bytes) = assembler.take(entry.kind, &part).unwrap() else { continue };
                for session in Published::all_from_bytes(&bytes).unwrap() {
                    let shelved = shelf.publish(&session.plan, session.at).unwrap();
                    if model.publish(&session.plan) != Ok(shelved) {
                        return Err("the model publishes something else".to_owned());
                    }
                    places_of.push(session.plan);
                }
            }
            Record::Ticket { ticket, at, .. } => {
                model.issue_ticket(&ticket, at).map_err(|why| format!("{why:?}"))?;
            }
            Record::Transition(transition) => {
                let slot = shelf.slot_of(transition.booking).ok_or("no session has this block")?;
                let fact = transition.fact(slot);
                recorded::tell(&mut model, &fact)?;
                if !was_asked(&fact, told, &places(&places_of)) {
                    return Err(format!("nobody asked for {fact:?}"));
                }
                found.insert((fact.booking.get(), fact.sequence.0, deed(fact.change)));
                last = last.max(fact.at);
            }
            _ => {}
        }
    }
    let report = recovery.finish().map_err(|error| error.to_string())?.into_report();
    if !report.dangling.is_empty() {
        return Err(format!("{:?} follow a gap", report.dangling));
    }
    // Nothing acknowledged is lost.
    if let Some(lost) = told.acknowledged.iter().find(|done| !found.contains(done)) {
        return Err(format!("{lost:?} was acknowledged and is lost"));
    }
    // Recovered from the snapshot or from the first segment: the state that the model has, and of nothing else.
    for from in [From::Snapshot, From::Start] {
        let rebuilt =
            rebuild(&disk, from, Access::Read, Some(ROOMY), &Refusals::All).map_err(|e| e.to_string())?;
        for at in [last, last.plus(DAY)] {
            alike(rebuilt.platform().engine(), &model, (0..PATIENTS).map(patient), at)
                .map_err(|difference| format!("{from:?}: {difference}"))?;
        }
    }
    Ok(found.len())
}

/// As many lives in a row as are left, in a folder of their own.
fn family(number: u64, lives: u64, longest: Duration, told: &mut Told) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(number);
    for life in 0..lives {
        let after = Duration::from_micros(random.below(u64::try_from(longest.as_micros()).unwrap()));
        run_and_kill(folder.path(), number * IN_A_ROW + life, after, told);
    }
    folder
}

#[test]
fn scenario_9_no_acknowledged_decision_is_lost_and_none_invented_by_a_kill_at_any_point() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    let kills: u64 = std::env::var("HAOYUAN_KILLS").map_or(200, |kills| kills.parse().unwrap());
    let (mut done, mut transitions, mut acknowledged, mut ready) = (0, 0, 0, 0);
    for number in 0..kills.div_ceil(IN_A_ROW) {
        let mut told = Told::default();
        let lives = IN_A_ROW.min(kills - done);
        let folder = family(number, lives, Duration::from_millis(80), &mut told);
        done += lives;
        match check(folder.path(), &told) {
            Ok(count) => transitions += count,
            Err(wrong) => panic!("family {number} in `{}`: {wrong}", folder.keep().display()),
        }
        acknowledged += told.acknowledged.len();
        ready += told.ready;
        if done % 500 == 0 {
            println!("{done} kills so far");
        }
    }
    println!(
        "{done} kills, {ready} under load, {transitions} transitions, {acknowledged} acknowledged, 0 lost, 0 invented"
    );
    assert!(ready * 2 > done && acknowledged > 0, "the children were at work when they were killed");
}

/// The canary: what the check above is for must make it fail.
#[test]
fn the_check_sees_a_lost_and_an_invented_decision_and_another_state() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    let mut told = Told::default();
    let folder = family(1, 2, Duration::from_millis(50), &mut told);
    assert!(check(folder.path(), &told).is_ok_and(|count| count > 0));
    let mut lost = Told { acknowledged: vec![(1 << 40, 99, 1)], ..Told::default() };
    lost.claims.clone_from(&told.claims);
    lost.settles.clone_from(&told.settles);
    assert!(check(folder.path(), &lost).is_err_and(|wrong| wrong.contains("is lost")));
    let claims = std::mem::take(&mut told.claims);
    assert!(check(folder.path(), &told).is_err_and(|wrong| wrong.contains("nobody asked")));
    told.claims = claims;

    // One more transition, well formed, next of its block, of a patient who asked: but not what the rules decide.
    let disk: Arc<dyn Disk> = Arc::new(Folder::open(folder.path()).unwrap());
    let mut forged = None;
    let mut recovery = Recovery::begin(Arc::clone(&disk), From::Start, Access::Read).unwrap();
    while let Some(recovered) = recovery.next().unwrap() {
        if let Ok(Record::Transition(transition)) = Record::decode(recovered.entry) {
            forged = Some(transition);
        }
    }
    let finished = recovery.finish().unwrap();
    let last = forged.unwrap();
    let block = last.booking.block();
    let sequence = finished.frontier().get(block.get()) + 1;
    drop(finished);
    let seat = haoyuan::ids::SeatIndex::new(62).unwrap();
    let forged = Transition {
        change: Change::Booked,
        sequence: haoyuan::ids::Sequence(sequence),
        booking: BookingId::pack(block, seat, haoyuan::ids::Sequence(sequence)),
        actor: Actor::default(),
        ..last
    };
    let journal =
        Journal::open(disk, JournalOptions { segment_bytes: 256 << 10, ..JournalOptions::default() })
            .unwrap();
    journal.append(Record::Transition(forged).to_entry()).wait().unwrap();
    journal.close().unwrap();
    assert!(check(folder.path(), &told).is_err_and(|wrong| wrong.contains("the model")));
}
