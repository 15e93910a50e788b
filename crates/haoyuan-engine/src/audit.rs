//! The conservation laws, recounted from the seats.

use crate::Engine;
use crate::fact::Trace;
use crate::seat::State;
use haoyuan_core::ids::{BlockId, NodeIndex};

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
    pub fn audit(&self) -> Result<Audit, Vec<String>> {
        let mut audit = Audit::default();
        let mut broken = Vec::new();
        for number in 0..self.session_count() {
            let Some(row) = self.sessions[number as usize].read() else { continue };
            for id in row.blocks().filter_map(BlockId::new) {
                let Some((_, _, block, tree)) = self.place(id) else {
                    broken.push(format!("block {id} of session {number} cannot be found"));
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
                        broken.push(format!("seat {seat} of block {id} is ahead of its block"));
                    }
                    if self.patients.key(record.patient()).is_none() {
                        broken.push(format!("seat {seat} of block {id} is live and has no patient"));
                    }
                    if tree.counter(record.node()) != Some(record.counter()) {
                        broken.push(format!("seat {seat} of block {id} is counted at another node"));
                    }
                }
                let claimed = records.iter().filter(|r| r.state() == State::Claimed).count();
                for (count, counter) in counted.iter().zip(0u8..) {
                    let live = u32::from(word.live().get(counter));
                    if live != *count && claimed == 0 {
                        broken.push(format!(
                            "counter {counter} of block {id} says {live}, its seats say {count}"
                        ));
                    }
                }
                if word.live().total() > u32::from(tree.capacity()) {
                    broken.push(format!("block {id} is oversold"));
                }
                for node in (0..tree.nodes().len()).filter_map(|n| NodeIndex::new(u8::try_from(n).ok()?)) {
                    let cap = tree.nodes()[node.index()].cap;
                    if cap.is_some_and(|cap| tree.live_in(word.live(), node) > u32::from(cap)) {
                        broken.push(format!("node {node} of block {id} is above its cap"));
                    }
                }
            }
        }
        if broken.is_empty() { Ok(audit) } else { Err(broken) }
    }
}
