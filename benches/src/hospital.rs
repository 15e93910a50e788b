//! What is published: sessions of half-hours under one pool tree, and tickets for the privileged.

use crate::trace::Request;
use haoyuan_core::ids::{DepartmentId, InstitutionId, Interval, NodeIndex, PractitionerId};
use haoyuan_core::instant::{DAY, Day, HOUR, Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Fence, Node, PoolTree, Route, Routes};
use haoyuan_core::request::Ticket;
use haoyuan_core::rules::Rules;
use haoyuan_core::terms::{Class, Grade, Kind};
use haoyuan_engine::{Engine, Limits};

/// The day of the visits.
pub const VISITS: Day = Day(20_521);
/// The instant of the release: seven days before, at 07:00.
#[must_use]
pub const fn release() -> Instant {
    VISITS.midnight().plus(OPENS)
}

const OPENS: i64 = -7 * DAY + 7 * HOUR;
/// Half-hours of a session from 08:00 to 18:00.
pub const HALF_HOUR_SLOTS: u32 = 20;
const HALF_HOUR: i64 = 30 * MINUTE;

/// The pools, in the order of their nodes after the root.
pub const POOLS: [(&str, Class); 4] = [
    ("REFERRAL_SECONDARY", Class::ReferralSecondary),
    ("REFERRAL_PRIMARY", Class::ReferralPrimary),
    ("STAFF", Class::OnSite),
    ("PUBLIC", Class::Public),
];

/// How many seats a slot has, and how many of them are reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Seats of a slot.
    pub seats: u8,
    /// Reserved for referrals from secondary hospitals, from primary institutions, for staff.
    pub reserves: [u8; 3],
}

/// The slots of the morning rush.
pub const RUSH: Slots = Slots { seats: 8, reserves: [2, 1, 1] };
/// The slots of the hot slot and of uniform churn: as large as a block can be.
pub const LARGE: Slots = Slots { seats: 63, reserves: [19, 10, 3] };

impl Slots {
    /// One tree: the root, a guarantee for each privileged class, and the public. Everything opens at the release; the
    /// guarantees fall to nothing one day before the visits.
    ///
    /// # Panics
    /// If the reserves exceed the seats.
    #[must_use]
    pub fn tree(&self) -> PoolTree {
        let mut nodes = vec![Node::plain("ROOT", NodeIndex::ROOT)];
        let mut routes = Routes::default();
        for ((name, class), number) in POOLS.into_iter().zip(1u8..) {
            let mut node = Node::plain(name, NodeIndex::ROOT);
            node.opens = OPENS;
            if let Some(seats) = self.reserves.get(usize::from(number) - 1) {
                node.guarantee = *seats;
                node.fences = vec![Fence { from: -DAY, seats: 0 }];
            }
            nodes.push(node);
            routes.set_all(class, Route::one(NodeIndex::new(number).expect("five nodes")));
        }
        PoolTree::new(self.seats, nodes, routes).expect("the reserves fit the seats")
    }

    /// A session of this many half-hours.
    ///
    /// # Panics
    /// If there are more half-hours than a day has.
    #[must_use]
    pub fn plan(&self, number: u32, half_hours: u32, tree: &PoolTree, rules: &Rules) -> Plan {
        let slots = half_hours as usize;
        let from = VISITS.midnight().plus(8 * HOUR);
        let to = from.plus(i64::from(half_hours) * HALF_HOUR);
        let session = Session {
            code: format!("S{number}"),
            institution: InstitutionId::default(),
            department: DepartmentId::new(number).expect("a department for each session"),
            practitioner: PractitionerId::new(number).expect("a practitioner for each session"),
            grade: Grade::Expert,
            kind: Kind::Clinic,
            time: Interval { from, to },
            slot_ms: u32::try_from(HALF_HOUR).expect("half an hour in milliseconds"),
            capacity: vec![self.seats; slots],
        };
        Plan { session, blocks: Blocks::PerSlot(vec![tree.clone(); slots]), rules: rules.clone() }
    }
}

/// Whether the privileged classes have to show tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tickets {
    /// They must, and every ticket of the trace is issued beforehand.
    Shown,
    /// They need none.
    NotNeeded,
}

/// The rules about patients: the defaults, which allow one live booking per department and day.
#[must_use]
pub fn rules(tickets: Tickets) -> Rules {
    let ticket_free = if tickets == Tickets::Shown { 0 } else { u8::MAX };
    Rules { ticket_free, ..Rules::default() }
}

/// A published hospital.
#[derive(Debug)]
pub struct Hospital {
    /// The engine.
    pub engine: Engine,
    /// What every slot is like.
    pub slots: Slots,
    /// How many practitioners.
    pub practitioners: u32,
    /// How many half-hours each.
    pub half_hours: u32,
}

impl Hospital {
    /// Publishes, and issues the tickets that the trace shows.
    ///
    /// # Panics
    /// If the engine does not take it: the limits are chosen here.
    #[must_use]
    pub fn open(
        slots: Slots,
        practitioners: u32,
        half_hours: u32,
        tickets: Tickets,
        traces: &[&[Request]],
    ) -> Self {
        let blocks = practitioners * half_hours;
        let seats = blocks * u32::from(slots.seats);
        // Of a rush every patient is in the trace twice.
        let asking = traces.iter().map(|trace| trace.len() / 2).max().unwrap_or(0);
        let asking = u32::try_from(asking).unwrap_or(u32::MAX);
        let limits = Limits {
            blocks,
            seats,
            sessions: practitioners,
            shapes: 16,
            patients: crate::trace::PATIENTS.max(2 * blocks).max(asking),
            // A booking after the patient's first and two kinds of ticket.
            entries: seats + 4 * crate::trace::PATIENTS,
        };
        let engine = Engine::new(limits);
        let (tree, rules) = (slots.tree(), rules(tickets));
        let before = release().plus(-DAY);
        for number in 0..practitioners {
            engine
                .publish(&slots.plan(number, half_hours, &tree, &rules), before)
                .expect("there is room for every session");
        }
        let hospital = Self { engine, slots, practitioners, half_hours };
        if tickets == Tickets::Shown {
            for trace in traces {
                hospital.issue(trace);
            }
        }
        hospital
    }

    /// Issues the tickets that a trace shows.
    ///
    /// # Panics
    /// If there is no room for them.
    pub fn issue(&self, trace: &[Request]) {
        for request in trace {
            if !request.class.needs_ticket() {
                continue;
            }
            let ticket = Ticket {
                id: request.ticket(),
                patient: request.patient,
                class: request.class,
                institution: InstitutionId::default(),
                department: None,
                expires: VISITS.midnight().plus(DAY),
            };
            self.engine.issue_ticket(&ticket, release().plus(-DAY)).expect("there is room for every ticket");
        }
    }
}
