//! The lane of the engine: one world, several clients, every answer compared.

use super::canary::{Bug, Planted};
use super::{Delivery, Keep, Swarm, Tape};
use crate::check::{self, Finding};
use crate::drive::{Pair, Recorder, SNUG, System};
use crate::fold::Core;
use crate::generate::{Command, PATIENTS, Step, World, drawn_workload, edges, patient, resolve, time_of};
use crate::model::slots;
use crate::random::Random;
use haoyuan_core::ids::SlotRef;
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::Refusal;
use haoyuan_core::request::{Availability, Settle, Wish};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::Engine;

/// How many steps are drawn for a run; the swarm takes about a third of them away.
const MOST: usize = 240;

/// Steps between two looks at everything. What the pools must hold, what a sweep leaves and what a seat given back leaves cost
/// as much as hundreds of commands each, so a look asks for one of the three or for none.
const LOOK: u64 = 64;

/// The steps of a seed.
pub(super) fn steps(seed: u64) -> Vec<(Step, Delivery)> {
    let mut random = Random::new(seed, 1);
    let swarm = Swarm::of(&mut random);
    let mut workload = drawn_workload(MOST, &mut random);
    workload.retain(|step| swarm.has(step));
    workload.into_iter().map(|step| (step, Delivery::any(&mut random, swarm))).collect()
}

/// The world of a seed.
pub(super) fn world(seed: u64) -> World {
    let mut random = Random::new(seed, 2);
    World::drawn(4, &mut random)
}

pub(super) fn run(seed: u64, bug: Option<Bug>, keep: Keep<'_>, tape: &mut Tape) -> Finding {
    let engine = Engine::with_trace(SNUG, Recorder::default());
    match bug {
        None => play(Pair::on(engine), seed, keep, tape),
        Some(bug) => play(Pair::on(Planted::new(engine, bug)), seed, keep, tape),
    }
}

fn play<S: System>(mut pair: Pair<S>, seed: u64, keep: Keep<'_>, tape: &mut Tape) -> Finding {
    let world = world(seed);
    let mut random = Random::new(seed, 3);
    let mut post = Post::default();
    let mut now = world.start();
    let mut latest = now;
    pair.begin(&world)?;
    for (number, (step, delivery)) in steps(seed).iter().enumerate() {
        let looks = random.once_in(LOOK);
        if !keep.has(number) {
            continue;
        }
        now = time_of(step.clock, now, &pair.model);
        let command = resolve(step.action, &world, &pair.model, &pair.keyed, now);
        for command in post.due(number, *delivery, command, tape) {
            give(&mut pair, &command, now, tape)
                .map_err(|found| format!("step {number}, {command:?} at {}: {found}", now.ms()))?;
        }
        if looks {
            tape.totals.looks += 1;
            // Of its own for each step, so that it is the same when others are left out.
            let mut random = Random::new(seed, 200 + number as u64);
            pair.look(now)
                .and_then(|()| match random.below(12) {
                    0 => pools(&pair, &mut random, now, now >= latest),
                    1 | 2 => released(&mut pair, &mut random, now, tape),
                    3 | 4 => undone(&mut pair, &mut random, now, tape),
                    _ => Ok(()),
                })
                .map_err(|found| format!("after step {number}, at {}: {found}", now.ms()))?;
        }
        latest = latest.max(now);
    }
    tape.totals.looks += 1;
    pair.look(now).map_err(|found| format!("at the end, at {}: {found}", now.ms()))
}

/// Commands on their way.
#[derive(Default)]
pub(super) struct Post(Vec<(usize, Command)>);

impl Post {
    /// What arrives with a step: its own command, if it is not late, and those that are due.
    pub(super) fn due(
        &mut self,
        number: usize,
        delivery: Delivery,
        command: Option<Command>,
        tape: &mut Tape,
    ) -> Vec<Command> {
        let mut arriving: Vec<Command> = Vec::with_capacity(2);
        self.0.retain(|(due, command)| {
            let arrives = *due <= number;
            if arrives {
                arriving.push(command.clone());
            }
            !arrives
        });
        tape.totals.disturbed += arriving.len() as u64;
        match (delivery, command) {
            (_, None) => {}
            (Delivery::Now, Some(command)) => arriving.push(command),
            (Delivery::Late(after), Some(command)) => self.0.push((number + after, command)),
            (Delivery::Twice(after), Some(command)) => {
                self.0.push((number + after, command.clone()));
                arriving.push(command);
            }
        }
        arriving
    }
}

/// Gives a command to both, and looks at the block that it was about.
fn give<S: System>(pair: &mut Pair<S>, command: &Command, at: Instant, tape: &mut Tape) -> Finding {
    tape.totals.operations += 1;
    tape.tell(|| format!("at {} {command:?}", at.ms()));
    let granted = pair.model.bookings().len();
    pair.run(command, at)?;
    touched(pair, command, pair.model.bookings().len() > granted, at)
}

/// I1 and I2 of the slot that a claim was about, and I3 of its block if it was granted; the seats are those that the system
/// says are taken, not the model's.
fn touched<S: System>(pair: &Pair<S>, command: &Command, granted: bool, at: Instant) -> Finding {
    let (Command::Hold(wish)
    | Command::Book(wish)
    | Command::Offer(wish, _)
    | Command::Assign(wish)
    | Command::HoldPastWaitlist(wish)
    | Command::BookPastWaitlist(wish)) = command
    else {
        return Ok(());
    };
    let engine = pair.system.engine();
    let Ok(live) = engine.occupants(wish.slot, at) else { return Ok(()) };
    let seats: Vec<u8> = live.iter().map(|occupied| occupied.booking.seat().get()).collect();
    let (first, all) = pair.model.seats(wish.slot);
    let free = u8::try_from(pair.model.free_seats(wish.slot, at).count()).unwrap_or(u8::MAX);
    check::i1_i2_conserved(first, all, &seats, free)?;
    if !granted {
        return Ok(());
    }
    let Some(plan) = pair.model.plans().nth(wish.slot.session.index()) else { return Ok(()) };
    let (pools, block) = (pair.model.pools(wish.slot), pair.model.block(wish.slot));
    let mut b = pools.empty();
    for slot in slots(plan).map(|slot| SlotRef { slot, ..wish.slot }) {
        if pair.model.block(slot) == block {
            for occupied in engine.occupants(slot, at).unwrap_or_default() {
                b[occupied.node.index()] += 1;
            }
        }
    }
    check::i3_outsiders(pools, &b, at.ms() - plan.session.origin().ms())
}

/// Any slot that is published, with the origin of its session.
fn any_slot<S: System>(pair: &Pair<S>, random: &mut Random) -> Option<(SlotRef, Instant)> {
    let all = check::all_slots(&pair.model);
    if all.is_empty() { None } else { Some(*random.of(&all)) }
}

/// What is said of the pools of one block: I5, I7, I8, I9, I11, I23; and while the clock has not gone back, I4.
fn pools<S: System>(pair: &Pair<S>, random: &mut Random, at: Instant, forward: bool) -> Finding {
    let Some((slot, origin)) = any_slot(pair, random) else { return Ok(()) };
    let Some(tree) = pair.system.engine().tree(slot) else { return Ok(()) };
    let core = Core::new(tree.clone());
    let b = pair.model.counts(slot, at);
    let t = at.ms() - origin.ms();
    core.said(&b, t)?;
    if forward && pair.seen.resized == 0 {
        check::i4_redeemable(&core, &b, t)?;
    }
    Ok(())
}

/// What the system says that every class would be told.
fn offered<S: System>(pair: &Pair<S>, slot: SlotRef, at: Instant) -> Vec<Result<Availability, Refusal>> {
    let engine = pair.system.engine();
    Class::ALL.iter().map(|class| engine.availability(slot, *class, Channel::App, at)).collect()
}

/// I10: minima only fall, and what a claim will be told at a later time is known now: nothing need run in between.
fn released<S: System>(pair: &mut Pair<S>, random: &mut Random, at: Instant, tape: &mut Tape) -> Finding {
    let Some((slot, origin)) = any_slot(pair, random) else { return Ok(()) };
    let edges = edges(pair.model.pools(slot));
    check::i10_never_rises(pair.model.pools(slot), &edges)?;
    let later: Vec<Instant> =
        edges.into_iter().map(|edge| origin.plus(edge)).filter(|then| *then >= at).collect();
    let told = |pair: &Pair<S>| -> Vec<_> { later.iter().map(|then| offered(pair, slot, *then)).collect() };
    let before = told(pair);
    give(pair, &Command::Tick, at, tape)?;
    check::i10_no_event(&before, &told(pair))
}

/// I6: a seat that is taken and given back leaves everybody what there was.
fn undone<S: System>(pair: &mut Pair<S>, random: &mut Random, at: Instant, tape: &mut Tape) -> Finding {
    let Some((slot, _)) = any_slot(pair, random) else { return Ok(()) };
    // Somebody of whom the workload knows nothing.
    let visitor = patient(PATIENTS + 1);
    let wish =
        Wish { patient: visitor, slot, class: Class::Public, channel: Channel::App, ticket: None, key: None };
    let before = offered(pair, slot, at);
    give(pair, &Command::Hold(wish), at, tape)?;
    let Some(booking) = pair.model.bookings_of(visitor, at).first().map(|booking| booking.id) else {
        return Ok(());
    };
    give(pair, &Command::Cancel(Settle { patient: visitor, booking, key: None }), at, tape)?;
    check::i6_undone(&before, &offered(pair, slot, at))
}
