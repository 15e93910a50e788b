//! Every interleaving of two and three transitions of one block, with every reordering that acquire and release allow.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p haoyuan-engine --lib interleavings -- --nocapture`. Two threads
//! are explored without a preemption bound, three with at most two preemptions unless `LOOM_MAX_PREEMPTIONS` says
//! otherwise. After every execution the block is audited: counters equal
//! seats, the sequence is gap-free, and each seat's history in order of sequence alternates between one grant and its end.

use crate::block::{Block, View};
use crate::engine::Row;
use crate::seat::{Occupant, Seat, State};
use crate::sync::AtomicU128;
use haoyuan_core::ids::{NodeIndex, Sequence};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::Code;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::Flag;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Claimed {
        patient: u32,
        hold: bool,
    },
    Confirmed,
    Ended,
    /// The block has so many usable seats from now on.
    Resized {
        seats: u32,
    },
}

type History = Mutex<Vec<(u32, u8, Event)>>;

struct Model {
    /// The block's core; its shape stands for its tree: how many seats are usable.
    row: Row,
    seats: Vec<AtomicU128>,
    history: History,
}

const EARLY: i64 = 1 << 20;
const LATE: i64 = 1 << 22;

fn at(ms: i64) -> Instant {
    Instant::saturating(ms)
}

impl Model {
    fn new(seats: usize) -> Self {
        Self {
            row: Self::row(seats),
            seats: (0..seats).map(|_| AtomicU128::new(0)).collect(),
            history: Mutex::default(),
        }
    }

    fn row(seats: usize) -> Row {
        let row = Row::empty();
        row.assign(0, u32::try_from(seats).unwrap(), 0);
        row
    }

    fn block(&self) -> Block<'_> {
        Block::new(&self.row.core, &self.seats)
    }

    fn log(&self, sequence: Sequence, seat: u8, event: Event) {
        self.history.lock().unwrap().push((sequence.0, seat, event));
    }

    /// Claims a seat, as a hold that ends between `EARLY` and `LATE`, or as a booking.
    fn claim(&self, patient: u32, now: i64, hold: bool) -> Result<(u8, Sequence), Code> {
        // As a slot is resolved: the tree before the word.
        let resolved = self.row.shape();
        let decide = |view: &View| {
            if view.word.has(Flag::Stopped) {
                return Err(Code::Stopped);
            }
            if view.word.has(Flag::Frozen) {
                return Err(Code::ConcurrentRequest);
            }
            let capacity = if view.word.has_flags() { self.row.shape() } else { resolved };
            if view.live.total() >= capacity {
                return Err(Code::SlotFull);
            }
            if view.word.has(Flag::Waiting) {
                return Err(Code::Waitlisted);
            }
            let live = view.live.plus(0).unwrap();
            let occupant = Occupant {
                patient,
                expires: at(now + (LATE - EARLY) / 2),
                node: NodeIndex::ROOT,
                counter: 0,
                class: Class::Public,
                channel: Channel::App,
                spill: true,
                booked: !hold,
                offered: false,
            };
            Ok((live, occupant))
        };
        let range = 0..u8::try_from(self.seats.len()).unwrap();
        let (taken, _) = self.block().claim(
            &range,
            at(now),
            decide,
            |code| code,
            |ended| {
                self.log(ended.sequence, ended.seat, Event::Ended);
            },
        )?;
        self.log(taken.sequence, taken.seat, Event::Claimed { patient, hold });
        Ok((taken.seat, taken.sequence))
    }

    fn confirm(&self, (seat, grant): (u8, Sequence), now: i64) -> Result<bool, Code> {
        let check =
            |_: &View, record: Seat| if record.is_due(at(now)) { Err(Code::HoldExpired) } else { Ok(()) };
        let done = self.block().confirm(seat, grant, at(now), check, |code| code)?;
        if let Some(done) = &done {
            self.log(done.sequence, seat, Event::Confirmed);
        }
        Ok(done.is_some())
    }

    fn cancel(&self, (seat, grant): (u8, Sequence)) -> Result<(), Code> {
        let done = self.block().release(seat, grant, at(EARLY), |_| Ok(()), |code| code)?;
        self.log(done.expect("a live seat is counted").sequence, seat, Event::Ended);
        Ok(())
    }

    /// Stops the block and counts who is in it.
    fn stop(&self) -> usize {
        self.block().set_flag(Flag::Stopped, true);
        let (_, records) = self.block().settled_records();
        records.iter().filter(|record| !record.is_free()).count()
    }

    fn resize(&self, seats: u32) -> Result<(), Code> {
        let fits = |view: &View| {
            if view.live.total() > seats { Err(Code::BelowLive) } else { Ok(()) }
        };
        let ended = |ended: crate::block::Ended| self.log(ended.sequence, ended.seat, Event::Ended);
        let sequence = self.block().replace_tree(at(EARLY), fits, &ended, || self.row.reshape(seats))?;
        self.log(sequence, 0, Event::Resized { seats });
        Ok(())
    }

    fn sweep(&self, now: i64) {
        self.block().sweep(at(now), &|ended| self.log(ended.sequence, ended.seat, Event::Ended));
    }

    /// The laws that hold whenever nobody is inside.
    fn audit(&self) {
        let (word, records) = self.block().records();
        let live = records.iter().filter(|r| matches!(r.state(), State::Held | State::Booked)).count();
        assert!(records.iter().all(|r| r.state() != State::Claimed), "a seat was left half written");
        assert_eq!(word.live().total() as usize, live, "the counter equals its seats");
        let mut history = self.history.lock().unwrap().clone();
        history.sort_unstable();
        let sequences: Vec<u32> = history.iter().map(|h| h.0).collect();
        let expected: Vec<u32> = (1..=word.sequence().0).collect();
        assert_eq!(sequences, expected, "the sequence is gap-free");
        for seat in 0..u8::try_from(self.seats.len()).unwrap() {
            let mut owner = None;
            for (_, _, event) in history.iter().filter(|h| h.1 == seat) {
                match event {
                    Event::Claimed { patient, .. } => {
                        assert_eq!(owner.replace(*patient), None, "one seat, one owner");
                    }
                    Event::Confirmed => assert!(owner.is_some()),
                    Event::Resized { .. } => {}
                    Event::Ended => assert!(owner.take().is_some(), "a seat ends once"),
                }
            }
            let record = records[usize::from(seat)];
            assert_eq!(owner, (!record.is_free()).then(|| record.patient()));
        }
        let (mut live, mut usable) = (0, u32::try_from(self.seats.len()).unwrap());
        for (_, _, event) in &history {
            match event {
                Event::Claimed { .. } => live += 1,
                Event::Ended => live -= 1,
                Event::Resized { seats } => usable = *seats,
                Event::Confirmed => {}
            }
            assert!(live <= usable, "at every sequence the live seats are usable ones");
        }
    }
}

/// Runs `threads` at once in every interleaving, after `prepare`; `finish` sees what each thread returned.
fn explore<P: Copy + Send + Sync + 'static>(
    name: &str,
    seats: usize,
    prepare: fn(&Model) -> P,
    threads: &'static [fn(&Model, P) -> Result<bool, Code>],
    finish: fn(&Model, &[Result<bool, Code>]),
) {
    let explored = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&explored);
    let mut builder = loom::model::Builder::new();
    if threads.len() > 2 && builder.preemption_bound.is_none() {
        builder.preemption_bound = Some(2);
    }
    builder.max_branches = 100_000;
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let model = Arc::new(Model::new(seats));
        let prepared = prepare(&model);
        let running: Vec<_> = threads[1..]
            .iter()
            .map(|run| {
                let (run, model) = (*run, Arc::clone(&model));
                loom::thread::spawn(move || run(&model, prepared))
            })
            .collect();
        let mut answers = vec![threads[0](&model, prepared)];
        answers.extend(running.into_iter().map(|thread| thread.join().unwrap()));
        model.audit();
        finish(&model, &answers);
    });
    println!("{name}: {} executions", explored.load(Ordering::Relaxed));
}

fn wins(answers: &[Result<bool, Code>]) -> usize {
    answers.iter().filter(|answer| **answer == Ok(true)).count()
}

type Held = (u8, Sequence);

fn one_hold(model: &Model) -> Held {
    model.claim(1, EARLY, true).unwrap()
}

fn one_booking(model: &Model) -> Held {
    model.claim(1, EARLY, false).unwrap()
}

#[test]
fn of_two_claims_for_one_seat_exactly_one_wins() {
    explore(
        "claim + claim",
        1,
        |_| (),
        &[
            |model, ()| model.claim(1, EARLY, true).map(|_| true),
            |model, ()| model.claim(2, EARLY, false).map(|_| true),
        ],
        |_, answers| {
            assert_eq!(wins(answers), 1);
            assert!(answers.contains(&Err(Code::SlotFull)));
        },
    );
}

#[test]
fn two_claims_for_two_seats_both_win() {
    explore(
        "claim + claim, two seats",
        2,
        |_| (),
        &[
            |model, ()| model.claim(1, EARLY, true).map(|_| true),
            |model, ()| model.claim(2, EARLY, true).map(|_| true),
        ],
        |_, answers| assert_eq!(wins(answers), 2),
    );
}

#[test]
fn of_a_confirmation_and_an_expiry_exactly_one_wins() {
    explore(
        "confirm + expire",
        1,
        one_hold,
        &[
            |model, held| model.confirm(held, EARLY),
            |model, _| {
                model.sweep(LATE);
                Ok(false)
            },
        ],
        |model, answers| {
            let booked = model.block().word().live().total() == 1;
            assert_eq!(answers[0].is_ok(), booked);
        },
    );
}

#[test]
fn of_two_cancellations_exactly_one_wins() {
    explore(
        "cancel + cancel",
        1,
        one_booking,
        &[|model, held| model.cancel(held).map(|()| true), |model, held| model.cancel(held).map(|()| true)],
        |_, answers| assert_eq!(wins(answers), 1),
    );
}

#[test]
fn a_returned_seat_goes_to_one_claimant() {
    explore(
        "cancel + claim",
        1,
        one_booking,
        &[
            |model, held| model.cancel(held).map(|()| true),
            |model, _| model.claim(2, EARLY, false).map(|_| true),
        ],
        |model, answers| {
            assert_eq!(answers[0], Ok(true));
            assert_eq!(model.block().word().live().total() == 1, answers[1].is_ok());
        },
    );
}

#[test]
fn a_dead_hold_is_swept_by_a_claim_or_confirmed_but_not_both() {
    explore(
        "confirm + claim that finds the hold dead",
        1,
        one_hold,
        &[|model, held| model.confirm(held, EARLY), |model, _| model.claim(2, LATE, false).map(|_| true)],
        |_, answers| assert_eq!(wins(answers), 1),
    );
}

#[test]
fn a_withdrawal_wins_over_a_confirmation_and_gives_the_seat_to_one_claimant() {
    explore(
        "withdraw + confirm + claim",
        1,
        one_hold,
        &[
            |model, held| model.cancel(held).map(|()| true),
            |model, held| model.confirm(held, EARLY),
            |model, _| model.claim(2, EARLY, false).map(|_| true),
        ],
        |model, answers| {
            assert_eq!(answers[0], Ok(true));
            assert_eq!(model.block().word().live().total() == 1, answers[2].is_ok());
        },
    );
}

#[test]
fn after_a_stop_nothing_is_accepted_and_nobody_is_missed() {
    explore(
        "stop + claim",
        2,
        one_booking,
        &[
            |model, _| match model.stop() {
                1 => Ok(false),
                2 => Ok(true),
                other => panic!("{other} are in the block"),
            },
            |model, _| model.claim(2, EARLY, true).map(|_| true),
        ],
        |_, answers| {
            // Whoever got in was seen; whoever was not seen was told.
            assert_eq!(answers[0], Ok(answers[1].is_ok()));
            assert!(answers[1].is_ok() || answers[1] == Err(Code::Stopped));
        },
    );
}

#[test]
fn a_stop_between_two_claims_counts_all_of_them() {
    explore(
        "stop + claim + claim",
        2,
        |_| (),
        &[
            |model, ()| {
                let seen = model.stop();
                assert_eq!(seen, model.stop(), "what was seen is all there is");
                Ok(true)
            },
            |model, ()| model.claim(1, EARLY, true).map(|_| true),
            |model, ()| model.claim(2, EARLY, true).map(|_| true),
        ],
        |model, answers| {
            let live = model.block().word().live().total() as usize;
            assert_eq!(live, answers[1..].iter().filter(|answer| answer.is_ok()).count());
        },
    );
}

#[test]
fn while_somebody_waits_no_claim_is_accepted() {
    explore(
        "waiting + claim",
        1,
        |_| (),
        &[
            |model, ()| {
                model.block().set_flag(Flag::Waiting, true);
                Ok(model.block().word().live().total() == 1)
            },
            |model, ()| model.claim(1, EARLY, true).map(|_| true),
        ],
        |_, answers| {
            assert_eq!(answers[0], Ok(answers[1].is_ok()));
            assert!(answers[1].is_ok() || answers[1] == Err(Code::Waitlisted));
        },
    );
}

#[test]
fn a_claim_and_a_reduction_agree_on_the_usable_seats() {
    explore(
        "resize to fewer + claim",
        2,
        one_booking,
        &[|model, _| model.resize(1).map(|()| true), |model, _| model.claim(2, EARLY, true).map(|_| true)],
        |_, answers| {
            let allowed = [
                [Ok(true), Err(Code::SlotFull)],
                [Ok(true), Err(Code::ConcurrentRequest)],
                [Err(Code::BelowLive), Ok(true)],
            ];
            assert!(allowed.iter().any(|pair| pair == answers), "{answers:?}");
        },
    );
}

#[test]
fn a_reduction_among_a_claim_and_a_return() {
    explore(
        "resize to fewer + claim + cancel",
        2,
        one_booking,
        &[
            |model, _| model.resize(1).map(|()| true),
            |model, _| model.claim(2, EARLY, true).map(|_| true),
            |model, held| model.cancel(held).map(|()| true),
        ],
        |_, answers| assert_eq!(answers[2], Ok(true)),
    );
}

#[test]
fn an_increase_is_seen_by_the_next_claim() {
    explore(
        "resize to one + back to two + claim",
        2,
        |model| {
            model.resize(1).unwrap();
            one_booking(model)
        },
        &[|model, _| model.resize(2).map(|()| true), |model, _| model.claim(2, EARLY, true).map(|_| true)],
        |model, answers| {
            assert_eq!(answers[0], Ok(true));
            assert!(matches!(answers[1], Ok(true) | Err(Code::SlotFull | Code::ConcurrentRequest)));
            if answers[1].is_err() {
                model.claim(2, EARLY, true).unwrap();
            }
        },
    );
}

#[test]
fn three_claims_for_two_seats() {
    explore(
        "claim + claim + claim, two seats",
        2,
        |_| (),
        &[
            |model, ()| model.claim(1, EARLY, true).map(|_| true),
            |model, ()| model.claim(2, EARLY, true).map(|_| true),
            |model, ()| model.claim(3, EARLY, false).map(|_| true),
        ],
        |_, answers| assert_eq!(wins(answers), 2),
    );
}

#[test]
fn confirm_cancel_and_claim_at_once() {
    explore(
        "confirm + cancel + claim",
        1,
        one_hold,
        &[
            |model, held| model.confirm(held, EARLY),
            |model, held| model.cancel(held).map(|()| true),
            |model, _| model.claim(2, EARLY, false).map(|_| true),
        ],
        |_, answers| assert_eq!(answers[1], Ok(true)),
    );
}

#[test]
fn confirm_expire_and_claim_at_once() {
    explore(
        "confirm + expire + claim",
        1,
        one_hold,
        &[
            |model, held| model.confirm(held, EARLY),
            |model, _| {
                model.sweep(LATE);
                Ok(false)
            },
            |model, _| model.claim(2, LATE, false).map(|_| true),
        ],
        |_, answers| assert_eq!(wins(answers), 1),
    );
}
