//! The lane of the engine: one world, several clients, every answer compared.

use super::canary::{Bug, Planted};
use super::{Delivery, Keep, Random, Swarm, Tape};
use crate::check::{self, Finding};
use crate::drive::{Pair, ROOMY, Recorder, System};
use crate::fold::Core;
use crate::generate::{Command, Step, World, any_workload, any_world, drawn, resolve, time_of};
use crate::model::slots;
use haoyuan_core::ids::{SessionId, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_engine::Engine;

/// How many steps are drawn for a run; the swarm takes about a third of them away.
const MOST: usize = 240;

/// Steps between two looks at everything.
const LOOK: u64 = 48;

/// The steps of a seed.
pub(super) fn steps(seed: u64) -> Vec<(Step, Delivery)> {
    let mut random = Random::new(seed, 1);
    let swarm = Swarm::of(&mut random);
    let mut workload = drawn(&any_workload(MOST), random.any());
    workload.retain(|step| swarm.has(step));
    workload.into_iter().map(|step| (step, Delivery::any(&mut random, swarm))).collect()
}

/// The world of a seed.
pub(super) fn world(seed: u64) -> World {
    let mut random = Random::new(seed, 2);
    let most = 1 + random.below(4);
    drawn(&any_world(usize::try_from(most).unwrap_or(1)), random.any())
}

pub(super) fn run(seed: u64, bug: Option<Bug>, keep: Keep<'_>, tape: &mut Tape) -> Finding {
    let engine = Engine::with_trace(ROOMY, Recorder::default());
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
            tape.totals.operations += 1;
            tape.tell(|| format!("{number}: at {} {command:?}", now.ms()));
            pair.run(&command, now)
                .and_then(|()| touched(&pair, &command, now))
                .map_err(|found| format!("step {number}, {command:?} at {}: {found}", now.ms()))?;
        }
        if looks {
            tape.totals.looks += 1;
            pair.look(now).map_err(|found| format!("after step {number}, at {}: {found}", now.ms()))?;
            let place = random.any();
            pools(&pair, place, now, now >= latest)
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

/// I1 and I2 of the slot that a command was about, asked of the system and not of the model.
fn touched<S: System>(pair: &Pair<S>, command: &Command, at: Instant) -> Finding {
    let (Command::Hold(wish) | Command::Book(wish) | Command::Offer(wish, _)) = command else {
        return Ok(());
    };
    let Ok(live) = pair.system.engine().occupants(wish.slot, at) else { return Ok(()) };
    let seats: Vec<u8> = live.iter().map(|occupied| occupied.booking.seat().get()).collect();
    let (first, all) = pair.model.seats(wish.slot);
    let free = u8::try_from(pair.model.free_seats(wish.slot, at).len()).unwrap_or(u8::MAX);
    check::i1_i2_conserved(first, all, &seats, free)
}

/// What is said of the pools of one block: I5, I7, I8, I9, I11, I23; and while the clock has not gone back, I4.
fn pools<S: System>(pair: &Pair<S>, place: u64, at: Instant, forward: bool) -> Finding {
    let plans: Vec<_> = pair.model.plans().zip((0..).filter_map(SessionId::new)).collect();
    let Some((plan, session)) = plans.get(usize::try_from(place % plans.len().max(1) as u64).unwrap_or(0))
    else {
        return Ok(());
    };
    let Some(slot) = slots(plan).nth(usize::try_from(place >> 32).unwrap_or(0) % slots(plan).count()) else {
        return Ok(());
    };
    let slot = SlotRef { session: *session, slot };
    let Some(tree) = pair.system.engine().tree(slot) else { return Ok(()) };
    let core = Core::new(tree.clone());
    let b = pair.model.counts(slot, at);
    let t = at.ms() - plan.session.origin().ms();
    core.said(&b, t)?;
    if forward && pair.seen.resized == 0 {
        check::i4_redeemable(&core, &b, t)?;
    }
    Ok(())
}
