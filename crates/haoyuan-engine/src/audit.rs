//! The conservation laws, recounted from the seats.

use crate::Engine;
use crate::fact::Trace;
use crate::seat::State;
use haoyuan_core::ids::{BlockId, NodeIndex};
use haoyuan_core::said;
use haoyuan_core::said::Said;

/// What an audit counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Blocks looked at.
    pub blocks: u64,
    /// Seats there are.
    pub seats: u64,
    /// Seats that are held (due or not).
    pub held: u64,
    /// Seats that are booked.
    pub booked: u64,
    /// Accepted transitions so far.
    pub transitions: u64,
}

impl<T: Trace> Engine<T> {
    /// Recounts every block from its seats: `free + held + booked = capacity`, every counter equals its seats, no counter
    /// without a node, every live seat has a patient. May run beside decisions: each block is judged at one word.
    ///
    /// # Errors
    /// One sentence for each law that does not hold.
    pub fn audit(&self) -> Result<Audit, Vec<Said>> {
        let mut audit = Audit::default();
        let mut broken = Vec::new();
        for number in 0..self.session_count() {
            let Some(row) = self.sessions[number as usize].read() else { continue };
            for id in row.blocks().filter_map(BlockId::new) {
                let Some((_, _, block, tree)) = self.place(id) else {
                    broken.push(said!(
                        "block {block} of session {number} cannot be found",
                        "找不到第 {number} 号班次的区块 {block}",
                        block = id.get(),
                        number
                    ));
                    continue;
                };
                let (word, records) = block.records();
                audit.blocks += 1;
                audit.seats += records.len() as u64;
                audit.transitions += u64::from(word.sequence().0);
                let mut counted = [0u32; haoyuan_core::word::COUNTERS];
                for (record, seat) in records.iter().zip(0u8..) {
                    match record.state() {
                        // A claimed seat is one whose owner is still writing.
                        State::Free | State::Claimed => continue,
                        State::Held => audit.held += 1,
                        State::Booked => audit.booked += 1,
                    }
                    counted[usize::from(record.counter())] += 1;
                    if record.sequence() > word.sequence() {
                        broken.push(said!(
                            "seat {seat} of block {block} is ahead of its block",
                            "区块 {block} 的号 {seat} 的流水号超前于区块",
                            seat,
                            block = id.get()
                        ));
                    }
                    if self.patients.key(record.patient()).is_none() {
                        broken.push(said!(
                            "seat {seat} of block {block} is live and has no patient",
                            "区块 {block} 的号 {seat} 已被占用却没有患者",
                            seat,
                            block = id.get()
                        ));
                    }
                    if tree.counter(record.node()) != Some(record.counter()) {
                        broken.push(said!(
                            "seat {seat} of block {block} is counted at another node",
                            "区块 {block} 的号 {seat} 计入了另一节点",
                            seat,
                            block = id.get()
                        ));
                    }
                }
                let claimed = records.iter().filter(|r| r.state() == State::Claimed).count();
                for (count, counter) in counted.iter().zip(0u8..) {
                    let live = u32::from(word.live().get(counter));
                    if live != *count && claimed == 0 {
                        broken.push(said!(
                            "counter {counter} of block {block} says {live}, its seats say {count}",
                            "区块 {block} 的计数器 {counter} 为 {live},而其号数为 {count}",
                            counter,
                            block = id.get(),
                            live,
                            count
                        ));
                    }
                }
                if word.live().total() > u32::from(tree.capacity()) {
                    broken.push(said!("block {block} is oversold", "区块 {block} 超售", block = id.get()));
                }
                for node in (0..tree.nodes().len()).filter_map(|n| NodeIndex::new(u8::try_from(n).ok()?)) {
                    let cap = tree.nodes()[node.index()].cap;
                    if cap.is_some_and(|cap| tree.live_in(word.live(), node) > u32::from(cap)) {
                        broken.push(said!(
                            "node {node} of block {block} is above its cap",
                            "区块 {block} 的节点 {node} 超过上限",
                            node = node.get(),
                            block = id.get()
                        ));
                    }
                }
            }
        }
        if broken.is_empty() { Ok(audit) } else { Err(broken) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Limits;
    use haoyuan_core::ids::{
        DepartmentId, InstitutionId, Interval, PatientKey, PractitionerId, SlotIndex, SlotRef,
    };
    use haoyuan_core::instant::{HOUR, Instant};
    use haoyuan_core::plan::{Blocks, Plan, Session};
    use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
    use haoyuan_core::request::Wish;
    use haoyuan_core::rules::Rules;
    use haoyuan_core::terms::{Channel, Class, Grade, Kind};
    use haoyuan_core::word::Word;
    use std::sync::atomic::Ordering;

    /// One block of three seats, two of them booked; the pool has a cap of two.
    fn booked_twice() -> Engine {
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(NodeIndex::new(1).unwrap()));
        let public = Node { cap: Some(2), ..Node::plain("PUBLIC", NodeIndex::ROOT) };
        let tree = PoolTree::new(3, vec![Node::plain("ROOT", NodeIndex::ROOT), public], routes).unwrap();
        let from = Instant::new(1_772_409_600_000).unwrap();
        let session = Session {
            code: "session".into(),
            institution: InstitutionId::new(1).unwrap(),
            department: DepartmentId::new(1).unwrap(),
            practitioner: PractitionerId::new(1).unwrap(),
            grade: Grade::Expert,
            kind: Kind::Clinic,
            time: Interval { from, to: from.plus(HOUR) },
            slot_ms: 3_600_000,
            capacity: vec![3],
        };
        let engine = Engine::new(Limits::for_seats(100));
        let plan = Plan { session, blocks: Blocks::PerSlot(vec![tree]), rules: Rules::default() };
        let session = engine.publish(&plan, from).unwrap();
        let slot = SlotRef { session, slot: SlotIndex::new(0).unwrap() };
        for who in 1..=2 {
            let patient = PatientKey::new(who).unwrap();
            let (class, channel) = (Class::Public, Channel::Window);
            engine.book(&Wish { patient, slot, class, channel, ticket: None, key: None }, from).unwrap();
        }
        let seen = Audit { blocks: 1, seats: 3, held: 0, booked: 2, transitions: 2 };
        assert_eq!(engine.audit(), Ok(seen));
        engine
    }

    #[track_caller]
    fn finds(engine: &Engine, law: &str) {
        let broken = engine.audit().expect_err("damage is found");
        assert!(broken.iter().any(|said| said.to_string() == law), "{broken:?}");
    }

    #[test]
    fn every_law_that_is_broken_is_found() {
        let of_seat = |damage: fn(u128) -> u128| {
            let engine = booked_twice();
            let record = engine.seats[0].load(Ordering::Relaxed);
            engine.seats[0].store(damage(record), Ordering::Relaxed);
            engine
        };
        finds(&of_seat(|record| record | 0xffff_ffff), "seat 0 of block 0 is ahead of its block");
        finds(&of_seat(|record| record | 0xffff_ffff << 32), "seat 0 of block 0 is live and has no patient");
        finds(&of_seat(|record| record | 15 << 108), "seat 0 of block 0 is counted at another node");
        // A seat that is taken back behind the word's back: the counter knows of it.
        finds(&of_seat(|record| record & 0xffff_ffff), "counter 0 of block 0 says 2, its seats say 1");
        let of_counter = |more: u128| {
            let engine = booked_twice();
            let (_, _, block, _) = engine.place(BlockId::new(0).unwrap()).unwrap();
            block.damage(Word::from_bits(block.word().bits() + more));
            engine
        };
        finds(&of_counter(1), "counter 0 of block 0 says 3, its seats say 2");
        finds(&of_counter(1), "node 1 of block 0 is above its cap");
        finds(&of_counter(2), "block 0 is oversold");
    }
}
