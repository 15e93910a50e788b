//! What several targets share: the checked-in journal, the limits that keep an input cheap, and edits of bytes.

use haoyuan::Limits;

/// The journal that the tests of the format compare with: one of everything.
pub const GOLDEN: &[u8] = include_bytes!("../../crates/haoyuan/tests/golden/00000001.hyj");

/// The name that its folder has for it.
pub const SEGMENT: &str = "00000001.hyj";

/// Room for what the golden journal holds and a little more: an input that asks for a province is refused at once.
pub const LIMITS: Limits =
    Limits { blocks: 256, seats: 2_000, sessions: 64, shapes: 64, patients: 256, entries: 1_024 };

/// More of them say nothing that fewer do not.
const EDITS_MAX: usize = 24;

/// One change.
pub struct Edit {
    /// What is done.
    pub what: u8,
    /// Where, modulo what there is.
    pub place: usize,
    /// With what.
    pub value: u8,
}

/// Every six bytes are an edit: what, where (four bytes), and a value.
pub fn edits(bytes: &[u8]) -> impl Iterator<Item = Edit> + '_ {
    bytes.chunks_exact(6).take(EDITS_MAX).map(|edit| Edit {
        what: edit[0],
        place: u32::from_le_bytes([edit[1], edit[2], edit[3], edit[4]]) as usize,
        value: edit[5],
    })
}

/// A byte is set, what follows is cut off, a byte is put in or taken out.
pub fn change(bytes: &mut Vec<u8>, Edit { what, place, value }: &Edit) {
    let at = place % bytes.len().max(1);
    match what % 4 {
        _ if bytes.is_empty() => bytes.push(*value),
        0 => bytes[at] = *value,
        1 => bytes.truncate(at),
        2 => bytes.insert(at, *value),
        _ => drop(bytes.remove(at)),
    }
}
