//! Canaries: bugs of each class, planted between the simulator and the system, that the simulator must catch.
//!
//! INVARIANT (nothing in the product): a bug is a wrapper that alters what passes, or a disk that lies. The system behind it
//! is the one that is shipped.

use super::{Keep, Lane, Tape, run};
use crate::drive::{Recorder, System};
use haoyuan_core::ids::{BookingId, PatientKey, Sequence, SlotRef, TicketId};
use haoyuan_core::instant::{Instant, MINUTE};
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Settle, Settled, Ticket, Wish};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{Engine, Fact, LiveBooking, Suspension};
use std::cell::Cell;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// A seat that is given back stays taken.
    LostRelease,
    /// A full slot is granted once more.
    DoubleClaim,
    /// A fence falls a millisecond early.
    FenceOffByOne,
    /// A fence that has passed releases nothing until the next sweep.
    ReleaseNeedsTick,
    /// A pool opens a millisecond early.
    OpensEarly,
    /// A minimum that is kept for others is given away.
    GuaranteeIgnored,
    /// A hold is confirmed at its very end.
    ExpiredHoldConfirmed,
    /// Dead holds are not swept.
    HoldNeverExpires,
    /// A claim that the slot refuses leaves its mark on the patient.
    ForgottenRollback,
    /// Two visits at the same time.
    OverlapMissed,
    /// A ticket serves twice.
    TicketUsedTwice,
    /// A repeated command is decided anew.
    KeyForgotten,
    /// Somebody passes those who wait.
    WaitlistOvertaken,
    /// A stopped slot is sold.
    StoppedSlotSold,
    /// A booking is cancelled after its deadline.
    LateCancelAccepted,
    /// A booking is settled in the name of somebody else.
    ForeignSettle,
    /// Two keys become one person, and what stands under one counts nowhere.
    MergedCountsNowhere,
    /// A seat that the hospital gives looks as if the patient had booked it.
    GivenAsBooked,
    /// A place in the history of a block stays empty.
    SequenceGap,
    /// What was acknowledged was never synced.
    UnsyncedAcknowledgement,
    /// Records come back in another order.
    JournalReordered,
    /// A record does not come back.
    RecordLost,
    /// A restart forgets what was answered under a key.
    KeyForgottenByRestart,
    /// The next in the queue is somebody behind.
    QueueJumped,
    /// A stopped session keeps a patient.
    DisplacedForgotten,
    /// An extra seat over the limit of its session.
    ExtraSeatOverLimit,
    /// A freed seat is offered to the second who waits.
    OfferOvertaken,
    /// Who is moved keeps the seat that the hospital took.
    MoveKeepsOldSeat,
    /// Of the displaced the second is placed before the first.
    RebookedOutOfTurn,
    /// Two keys become one person, and a booking is forgotten.
    MergeForgetsBooking,
    /// What is corrected still suspends.
    CorrectionKeepsPenalty,
    /// A number that is void is let pass.
    VoidNumberLetPass,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::LostRelease,
        Self::DoubleClaim,
        Self::FenceOffByOne,
        Self::ReleaseNeedsTick,
        Self::OpensEarly,
        Self::GuaranteeIgnored,
        Self::ExpiredHoldConfirmed,
        Self::HoldNeverExpires,
        Self::ForgottenRollback,
        Self::OverlapMissed,
        Self::TicketUsedTwice,
        Self::KeyForgotten,
        Self::WaitlistOvertaken,
        Self::StoppedSlotSold,
        Self::LateCancelAccepted,
        Self::ForeignSettle,
        Self::MergedCountsNowhere,
        Self::GivenAsBooked,
        Self::SequenceGap,
        Self::UnsyncedAcknowledgement,
        Self::JournalReordered,
        Self::RecordLost,
        Self::KeyForgottenByRestart,
        Self::QueueJumped,
        Self::DisplacedForgotten,
        Self::ExtraSeatOverLimit,
        Self::OfferOvertaken,
        Self::MoveKeepsOldSeat,
        Self::RebookedOutOfTurn,
        Self::MergeForgetsBooking,
        Self::CorrectionKeepsPenalty,
        Self::VoidNumberLetPass,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::LostRelease => "lost_release",
            Self::DoubleClaim => "double_claim",
            Self::FenceOffByOne => "fence_off_by_one",
            Self::ReleaseNeedsTick => "release_needs_tick",
            Self::OpensEarly => "opens_early",
            Self::GuaranteeIgnored => "guarantee_ignored",
            Self::ExpiredHoldConfirmed => "expired_hold_confirmed",
            Self::HoldNeverExpires => "hold_never_expires",
            Self::ForgottenRollback => "forgotten_rollback",
            Self::OverlapMissed => "overlap_missed",
            Self::TicketUsedTwice => "ticket_used_twice",
            Self::KeyForgotten => "key_forgotten",
            Self::WaitlistOvertaken => "waitlist_overtaken",
            Self::StoppedSlotSold => "stopped_slot_sold",
            Self::LateCancelAccepted => "late_cancel_accepted",
            Self::ForeignSettle => "foreign_settle",
            Self::MergedCountsNowhere => "merged_counts_nowhere",
            Self::GivenAsBooked => "given_as_booked",
            Self::SequenceGap => "sequence_gap",
            Self::UnsyncedAcknowledgement => "unsynced_acknowledgement",
            Self::JournalReordered => "journal_reordered",
            Self::RecordLost => "record_lost",
            Self::KeyForgottenByRestart => "key_forgotten_by_restart",
            Self::QueueJumped => "queue_jumped",
            Self::DisplacedForgotten => "displaced_forgotten",
            Self::ExtraSeatOverLimit => "extra_seat_over_limit",
            Self::OfferOvertaken => "offer_overtaken",
            Self::MoveKeepsOldSeat => "move_keeps_old_seat",
            Self::RebookedOutOfTurn => "rebooked_out_of_turn",
            Self::MergeForgetsBooking => "merge_forgets_booking",
            Self::CorrectionKeepsPenalty => "correction_keeps_penalty",
            Self::VoidNumberLetPass => "void_number_let_pass",
        }
    }

    /// The lane that must catch it.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::UnsyncedAcknowledgement
            | Self::JournalReordered
            | Self::RecordLost
            | Self::KeyForgottenByRestart => Lane::Journal,
            Self::QueueJumped
            | Self::DisplacedForgotten
            | Self::ExtraSeatOverLimit
            | Self::OfferOvertaken
            | Self::MoveKeepsOldSeat
            | Self::RebookedOutOfTurn
            | Self::MergeForgetsBooking
            | Self::CorrectionKeepsPenalty
            | Self::VoidNumberLetPass => Lane::Day,
            _ => Lane::Engine,
        }
    }
}

/// How a bug was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// How many commands it took.
    pub operations: u64,
    /// In which run of the seed.
    pub run: u64,
    /// What was found.
    pub found: String,
}

/// Runs with a bug planted until it is caught, `most` runs at most.
#[must_use]
pub fn catch(bug: Bug, seed: u64, most: u64) -> Option<Caught> {
    let mut tape = Tape::default();
    (0..most).find_map(|number| {
        let seed = seed.wrapping_add(number);
        let found = run(bug.lane(), seed, Some(bug), Keep::All, &mut tape).err()?;
        let caught = Caught { operations: tape.totals.operations, run: seed, found };
        // What is found without the bug is not the bug.
        run(bug.lane(), seed, None, Keep::All, &mut Tape::default()).is_ok().then_some(caught)
    })
}

/// An engine with a bug before it.
pub(super) struct Planted {
    engine: Engine<Recorder>,
    bug: Bug,
    facts: Cell<u64>,
    swept: Cell<Option<Instant>>,
}

impl Planted {
    pub(super) fn new(engine: Engine<Recorder>, bug: Bug) -> Self {
        Self { engine, bug, facts: Cell::new(0), swept: Cell::new(None) }
    }

    /// A claim, and what the bug makes of its refusal.
    fn claim(
        &self,
        wish: &Wish,
        at: Instant,
        decide: impl Fn(&Engine<Recorder>, &Wish, Instant) -> Result<Grant, Refusal>,
        past: impl Fn(&Engine<Recorder>, &Wish, Instant) -> Result<Grant, Refusal>,
    ) -> Result<Grant, Refusal> {
        let engine = &self.engine;
        let keyless = Wish { key: None, ..*wish };
        if self.bug == Bug::KeyForgotten {
            return decide(engine, &keyless, at);
        }
        let swept = self.swept.get().filter(|swept| self.bug == Bug::ReleaseNeedsTick && *swept < at);
        if let Some(Ok(then)) =
            swept.map(|swept| engine.availability(wish.slot, wish.class, wish.channel, swept))
        {
            if let Some(refusal) = then.refusal.filter(|refusal| refusal.code == Code::Protected) {
                return Err(refusal);
            }
        }
        let refusal = match decide(engine, wish, at) {
            Ok(grant) => return Ok(grant),
            Err(refusal) => refusal,
        };
        let again = match (self.bug, refusal.code) {
            (Bug::DoubleClaim, Code::SlotFull) => self.somebodys(wish.slot, at),
            (Bug::FenceOffByOne, Code::Protected) | (Bug::OpensEarly, Code::NotOpen) => {
                decide(engine, &keyless, at.plus(1)).ok()
            }
            (Bug::GuaranteeIgnored, Code::Protected) => Class::ALL.iter().find_map(|class| {
                let other = Wish { class: *class, ..keyless };
                Channel::ALL
                    .iter()
                    .find_map(|channel| decide(engine, &Wish { channel: *channel, ..other }, at).ok())
            }),
            (Bug::ForgottenRollback, Code::SlotFull | Code::Protected | Code::CapReached) => {
                let until = Suspension::Until(at.plus(15 * MINUTE));
                let _ = engine.suspend(wish.patient, Some(until));
                None
            }
            (Bug::OverlapMissed, Code::Overlap) => {
                let shadow = PatientKey::new(wish.patient.get() ^ 1);
                shadow.and_then(|patient| decide(engine, &Wish { patient, ..keyless }, at).ok())
            }
            (Bug::TicketUsedTwice, Code::TicketUsed) => self
                .second(wish, at)
                .and_then(|ticket| decide(engine, &Wish { ticket: Some(ticket), ..keyless }, at).ok()),
            (Bug::WaitlistOvertaken, Code::Waitlisted) => past(engine, &keyless, at).ok(),
            _ => None,
        };
        again.ok_or(refusal)
    }

    /// The grant of whoever is in a slot.
    fn somebodys(&self, slot: SlotRef, at: Instant) -> Option<Grant> {
        let occupied = self.engine.occupants(slot, at).ok()?.into_iter().next()?;
        let live = self.engine.bookings_of(occupied.patient, at).ok()?;
        live.into_iter().map(|booking| booking.grant).find(|grant| grant.booking == occupied.booking)
    }

    /// Another ticket of the same kind.
    fn second(&self, wish: &Wish, at: Instant) -> Option<TicketId> {
        let session = self.engine.session(wish.slot.session)?;
        let id = TicketId::new(wish.ticket?.get() ^ 1 << 100)?;
        let ticket = Ticket {
            id,
            patient: wish.patient,
            class: wish.class,
            institution: session.institution,
            department: None,
            expires: Instant::MAX,
        };
        self.engine.issue_ticket(&ticket, at).ok().map(|()| id)
    }

    /// Whose a booking is.
    fn owner(&self, booking: BookingId, at: Instant) -> Option<PatientKey> {
        let slot = self.engine.slot_of(booking)?;
        let live = self.engine.occupants(slot, at).ok()?;
        live.into_iter().find(|occupied| occupied.booking == booking).map(|occupied| occupied.patient)
    }

    /// A settlement, and what the bug makes of its refusal.
    fn settle(
        &self,
        settle: &Settle,
        at: Instant,
        decide: impl Fn(&Engine<Recorder>, &Settle, Instant) -> Result<Settled, Refusal>,
    ) -> Result<Settled, Refusal> {
        let keyless = Settle { key: None, ..*settle };
        if self.bug == Bug::KeyForgotten {
            return decide(&self.engine, &keyless, at);
        }
        let refusal = match decide(&self.engine, settle, at) {
            Ok(settled) => return Ok(settled),
            Err(refusal) => refusal,
        };
        let again = match (self.bug, refusal.code) {
            (Bug::ForeignSettle, Code::UnknownBooking) => self
                .owner(settle.booking, at)
                .and_then(|patient| decide(&self.engine, &Settle { patient, ..keyless }, at).ok()),
            _ => None,
        };
        again.ok_or(refusal)
    }
}

impl System for Planted {
    type Trace = Recorder;

    fn engine(&self) -> &Engine<Recorder> {
        &self.engine
    }

    fn facts(&self) -> Option<Vec<Fact>> {
        let mut facts = self.engine.trace().take();
        if self.bug == Bug::SequenceGap {
            for fact in &mut facts {
                self.facts.set(self.facts.get() + 1);
                if self.facts.get() > 4 {
                    fact.sequence = Sequence(fact.sequence.0 + 1);
                }
            }
        }
        Some(facts)
    }

    fn hold(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claim(wish, at, Engine::hold, Engine::hold_past_waitlist)
    }

    fn book(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claim(wish, at, Engine::book, Engine::book_past_waitlist)
    }

    fn confirm(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        let settled = self.settle(settle, at, Engine::confirm);
        match settled {
            Err(refusal) if self.bug == Bug::ExpiredHoldConfirmed && refusal.code == Code::HoldExpired => {
                self.engine.confirm(&Settle { key: None, ..*settle }, at.plus(-1))
            }
            settled => settled,
        }
    }

    fn cancel(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        if self.bug == Bug::LostRelease && self.owner(settle.booking, at) == Some(settle.patient) {
            let slot = self.engine.slot_of(settle.booking).expect("it has an owner");
            let sequence = self.engine.sequence(slot).map(|sequence| Sequence(sequence.0 + 1))?;
            return Ok(Settled { booking: settle.booking, sequence, changed: true });
        }
        let settled = self.settle(settle, at, Engine::cancel);
        match settled {
            Err(refusal) if self.bug == Bug::LateCancelAccepted && refusal.code == Code::TooLate => {
                let withdrawn = self.engine.withdraw(settle.booking, at)?;
                Ok(Settled { booking: settle.booking, sequence: withdrawn.sequence, changed: true })
            }
            settled => settled,
        }
    }

    fn assign(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        if self.bug == Bug::GivenAsBooked {
            self.engine.book_past_waitlist(&Wish { key: None, ..*wish }, at)
        } else {
            self.engine.assign(wish, at)
        }
    }

    fn merge(
        &self,
        given_up: PatientKey,
        stays: PatientKey,
        at: Instant,
    ) -> Result<Vec<LiveBooking>, Refusal> {
        if self.bug != Bug::MergedCountsNowhere {
            return self.engine.merge(given_up, stays, at);
        }
        self.engine.suspend(given_up, Some(Suspension::Blocked))?;
        let mut live = self.engine.bookings_of(stays, at)?;
        live.extend(self.engine.bookings_of(given_up, at)?);
        live.sort_by_key(|live| (live.grant.time.from, live.grant.booking));
        live.dedup_by_key(|live| live.grant.booking);
        Ok(live)
    }

    fn set_stopped(&self, slot: SlotRef, on: bool) -> Result<(), Refusal> {
        if self.bug == Bug::StoppedSlotSold && on {
            self.engine.sequence(slot).map(drop)
        } else {
            self.engine.set_stopped(slot, on)
        }
    }

    fn tick(&self, at: Instant) -> u64 {
        self.swept.set(Some(at));
        if self.bug == Bug::HoldNeverExpires { 0 } else { self.engine.tick(at) }
    }
}
