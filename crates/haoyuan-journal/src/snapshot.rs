//! Snapshots: the state at a position of the journal, so that recovery need not begin at the first segment.
//!
//! Invariant: a snapshot is visible under its name only when it is whole and everything it contains is durable in the
//! journal. It never replaces segments: those stay as the archive.

use crate::disk::{Disk, read_full, write_all};
use crate::entry::Place;
use crate::error::Error;
use crate::format::{self, array, u16_at, u32_at, u64_at};
use crate::hash::{HashKind, Head};
use crate::reader::Position;

const MAGIC: [u8; 8] = *b"HAOYUANS";
const HEADER: usize = 128;
const HASH: usize = 32;
/// How many snapshots are kept: the newest, and one to fall back to if the medium loses it.
const KEPT: usize = 2;

/// The state at a position, as it was given to [`crate::Journal::snapshot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(crate) position: Position,
    /// Up to where each block is in the state.
    pub vector: Vec<Place>,
    /// The state, in the host's own encoding.
    pub state: Vec<u8>,
}

impl Snapshot {
    /// How many records of the journal lie before its position.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.position.record
    }
}

/// Segment and offset, so that the order of names is the order of positions.
fn name(position: &Position) -> String {
    format!("{:010}-{:020}.hys", position.segment, position.offset)
}

fn is_name(name: &str) -> bool {
    name.len() == 35
        && name.strip_suffix(".hys").is_some()
        && name.as_bytes()[10] == b'-'
        && name.bytes().take(31).enumerate().all(|(at, byte)| at == 10 || byte.is_ascii_digit())
}

/// The names of all snapshots, newest first.
pub(crate) fn names(disk: &dyn Disk) -> Result<Vec<String>, Error> {
    let mut names = disk.list().map_err(Error::medium("list", &disk.name()))?;
    names.retain(|name| is_name(name));
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// The newest snapshot that verifies; the names of newer ones that do not go to `bad`.
pub(crate) fn newest(disk: &dyn Disk, bad: &mut Vec<String>) -> Result<Option<(String, Snapshot)>, Error> {
    for name in names(disk)? {
        match read(disk, &name)? {
            Some(snapshot) => return Ok(Some((name, snapshot))),
            None => bad.push(name),
        }
    }
    Ok(None)
}

fn read(disk: &dyn Disk, name: &str) -> Result<Option<Snapshot>, Error> {
    let file = disk.open(name, false).map_err(Error::medium("open", name))?;
    let length = file.len().map_err(Error::medium("measure", name))?;
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let mut bytes = vec![0; length];
    let read = read_full(&*file, 0, &mut bytes).map_err(Error::medium("read", name))?;
    bytes.truncate(read);
    Ok(decode(bytes).filter(|snapshot| self::name(&snapshot.position) == name))
}

/// The snapshot in these bytes, if they are one and every one of them is as it was written.
pub(crate) fn decode(mut bytes: Vec<u8>) -> Option<Snapshot> {
    let front = bytes.get(..HEADER)?;
    if front[..8] != MAGIC
        || u32_at(front, HEADER - 4) != crc32c::crc32c(&front[..HEADER - 4])
        || u16_at(front, 8) < format::VERSION_MIN
        || u16_at(front, 10) > format::VERSION
    {
        return None;
    }
    let hash = HashKind::from_code(front[12])?;
    let position = Position {
        segment: u32_at(front, 24),
        offset: u64_at(front, 32),
        record: u64_at(front, 40),
        group: u64_at(front, 48),
        head: Head(array(front, 56)),
    };
    let places = usize::try_from(u64_at(front, 88)).ok()?;
    let state = usize::try_from(u64_at(front, 96)).ok()?;
    let state_at = places.checked_mul(8)?.checked_add(HEADER)?;
    let end = state_at.checked_add(state)?;
    if bytes.len() != end.checked_add(HASH)? || hash.of(&[&bytes[..end]]).0 != bytes[end..] {
        return None;
    }
    let vector = bytes[HEADER..state_at]
        .chunks_exact(8)
        .map(|place| Place { block: u32_at(place, 0), sequence: u32_at(place, 4) })
        .collect();
    bytes.truncate(end);
    bytes.drain(..state_at);
    Some(Snapshot { position, vector, state: bytes })
}

/// Writes the snapshot beside the others, syncs it, gives it its name, and lets the oldest go.
pub(crate) fn write(
    disk: &dyn Disk,
    hash: HashKind,
    shard: u64,
    position: &Position,
    vector: &[Place],
    state: &[u8],
) -> Result<String, Error> {
    let name = name(position);
    let temporary = format!("{name}.tmp");
    let mut front = vec![0; HEADER];
    front[..8].copy_from_slice(&MAGIC);
    front[8..10].copy_from_slice(&format::VERSION.to_le_bytes());
    front[10..12].copy_from_slice(&format::VERSION.to_le_bytes());
    front[12] = hash.code();
    front[16..24].copy_from_slice(&shard.to_le_bytes());
    front[24..28].copy_from_slice(&position.segment.to_le_bytes());
    front[32..40].copy_from_slice(&position.offset.to_le_bytes());
    front[40..48].copy_from_slice(&position.record.to_le_bytes());
    front[48..56].copy_from_slice(&position.group.to_le_bytes());
    front[56..88].copy_from_slice(&position.head.0);
    front[88..96].copy_from_slice(&(vector.len() as u64).to_le_bytes());
    front[96..104].copy_from_slice(&(state.len() as u64).to_le_bytes());
    let checksum = crc32c::crc32c(&front[..HEADER - 4]);
    front[HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
    for place in vector {
        front.extend_from_slice(&place.block.to_le_bytes());
        front.extend_from_slice(&place.sequence.to_le_bytes());
    }
    let mut file = disk.create(&temporary).map_err(Error::medium("create", &temporary))?;
    let mut put = |at: usize, bytes: &[u8]| {
        write_all(&mut *file, at as u64, bytes).map_err(Error::medium("write", &temporary))
    };
    put(0, &front)?;
    put(front.len(), state)?;
    put(front.len() + state.len(), &hash.of(&[&front, state]).0)?;
    file.sync_data().map_err(Error::medium("sync", &temporary))?;
    drop(file);
    disk.rename(&temporary, &name).map_err(Error::medium("rename", &temporary))?;
    disk.sync_dir().map_err(Error::medium("sync", &disk.name()))?;
    for old in names(disk)?.iter().skip(KEPT) {
        disk.remove(old).map_err(Error::medium("remove", old))?;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_names_is_the_order_of_positions() {
        let at = |segment, offset| name(&Position { segment, offset, ..crate::reader::Walker::origin() });
        let names = [at(1, 128), at(1, 9_999_999_999), at(2, 128), at(10, 128), at(u32::MAX, u64::MAX)];
        assert!(names.is_sorted());
        assert!(names.iter().all(|name| is_name(name)));
        for other in ["", "LOCK", "00000001.hyj", "0000000001-00000000000000000128.hys.tmp"] {
            assert!(!is_name(other), "`{other}`");
        }
    }
}
