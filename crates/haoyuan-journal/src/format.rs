//! Every byte of a segment: header, record, commit block; encoding and decoding, no I/O.
//!
//! Invariant: decoding accepts exactly what encoding produces; whatever else is there gets a named reason. All numbers
//! are little-endian. `DESIGN.md` has the tables.

use crate::entry::{EntryRef, INLINE_MAX, PAYLOAD_MAX, Place};
use crate::error::Error;
use crate::hash::{HashKind, Head};
use crate::order::Item;
use haoyuan_core::said::Phrase;

/// The version this program writes.
pub(crate) const VERSION: u16 = 1;
/// The oldest version this program reads.
pub(crate) const VERSION_MIN: u16 = 1;
/// The oldest version that can read what this program writes.
const READABLE_FROM: u16 = 1;

const MAGIC: [u8; 8] = *b"HAOYUANJ";

/// Bytes of a segment header.
pub(crate) const HEADER: usize = 128;
/// Bytes before the body of a record or commit block: checksum, length, kind, flags.
pub(crate) const PREFIX: usize = 8;
/// Bytes of a commit block.
pub(crate) const COMMIT: usize = 64;
/// No group is longer than this, commit block included: what a reader must be able to keep in memory.
pub(crate) const GROUP_MAX: usize = 1 << 24;
/// The longest record.
pub(crate) const RECORD_MAX: usize = PREFIX + 8 + 16 + PAYLOAD_MAX;

const FLAG_PLACE: u8 = 1;
const FLAG_PATIENT: u8 = 1 << 1;
const FLAG_COMMIT: u8 = 1 << 7;
#[expect(clippy::cast_possible_truncation, reason = "56")]
const COMMIT_BODY: u16 = (COMMIT - PREFIX) as u16;

const _: () = assert!(RECORD_MAX + COMMIT <= GROUP_MAX);
const _: () = assert!(COMMIT - PREFIX == 56);

/// `00000001.hyj` and so on.
pub(crate) fn segment_name(segment: u32) -> String {
    format!("{segment:08}.hyj")
}

/// The number of a segment, if that is the name of one.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".hyj")?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    (segment_name(number) == name).then_some(number)
}

/// A segment or snapshot that was being made.
/// Is in a folder as long as a salvage writes into it.
pub(crate) const UNFINISHED: &str = "SALVAGE";

pub(crate) fn is_temporary(name: &str) -> bool {
    name.strip_suffix(".tmp").is_some_and(is_ours)
}

/// A segment or snapshot, by the look of its name.
pub(crate) fn is_ours(name: &str) -> bool {
    name.strip_suffix(".hyj").or(name.strip_suffix(".hys")).is_some()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a range of N has N bytes")
}

/// What is the same for every group of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) hash: HashKind,
    pub(crate) shard: u64,
    pub(crate) segment: u32,
    /// How many records all earlier segments have.
    pub(crate) first_record: u64,
    /// How many groups all earlier segments have.
    pub(crate) first_group: u64,
    /// The head after the last group of the segment before; zeros in the first.
    pub(crate) previous: Head,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&READABLE_FROM.to_le_bytes());
        bytes[12] = self.hash.code();
        bytes[16..24].copy_from_slice(&self.shard.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.segment.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_record.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_group.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.previous.0);
        let checksum = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(file: &str, segment: u32, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |offset, reason| Err(Error::damaged(file, offset, reason, 0..0));
        if bytes.len() < HEADER {
            return damaged(0, Phrase::new("the file is shorter than a segment header", "文件短于段头"));
        }
        let bytes = &bytes[..HEADER];
        if bytes[..8] != MAGIC {
            return damaged(0, Phrase::new("the file does not begin as a segment", "文件开头不是日志段"));
        }
        // Where the checksum lies belongs to the version, but no version may move it: an altered version number must
        // not pass for a newer program.
        if u32_at(bytes, HEADER - 4) != crc32c::crc32c(&bytes[..HEADER - 4]) {
            return damaged(
                0,
                Phrase::new("the checksum of the segment header does not match", "段头的校验和不符"),
            );
        }
        let (version, readable_from) = (u16_at(bytes, 8), u16_at(bytes, 10));
        if version < VERSION_MIN || readable_from > VERSION {
            return Err(Error::Version { file: file.to_owned(), version, readable_from });
        }
        let Some(hash) = HashKind::from_code(bytes[12]) else {
            return damaged(12, Phrase::new("the hash of the chain is unknown", "哈希链的算法未知"));
        };
        if bytes[13..16] != [0; 3]
            || bytes[28..32] != [0; 4]
            || bytes[80..HEADER - 4].iter().any(|byte| *byte != 0)
        {
            return damaged(
                0,
                Phrase::new("a reserved byte of the segment header is not zero", "段头的保留字节不为零"),
            );
        }
        let header = Self {
            hash,
            shard: u64_at(bytes, 16),
            segment: u32_at(bytes, 24),
            first_record: u64_at(bytes, 32),
            first_group: u64_at(bytes, 40),
            previous: Head(array(bytes, 48)),
        };
        if header.segment == segment {
            Ok(header)
        } else {
            damaged(
                24,
                Phrase::new(
                    "the segment number in the header is not that of the file name",
                    "段头中的段号与文件名不符",
                ),
            )
        }
    }

    /// The head before the first group: it covers the header.
    pub(crate) fn head(&self) -> Head {
        self.hash.of(&[&self.encode()])
    }
}

/// The seed of a segment's commit checksums. It depends on all history, so that a payload cannot imitate a commit
/// block of the segment it will lie in.
pub(crate) fn salt(head_of_header: &Head) -> u32 {
    u32_at(&head_of_header.0, 0)
}

/// Bytes that the record of such an entry takes.
pub(crate) const fn record_length(place: bool, patient: bool, payload: usize) -> usize {
    PREFIX + if place { 8 } else { 0 } + if patient { 16 } else { 0 } + payload
}

/// Appends the record of an entry.
#[inline]
pub(crate) fn encode_record(into: &mut Vec<u8>, entry: EntryRef<'_>) {
    let start = into.len();
    let (front, end) = front(entry.place, entry.patient, entry.kind, entry.payload.len());
    into.extend_from_slice(&front[..end]);
    into.extend_from_slice(entry.payload);
    let checksum = crc32c::crc32c(&into[start + 4..]);
    into[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// The same of an entry in the queue. A short one is put together on the stack from pieces whose lengths the compiler knows,
/// and copied into the group once.
pub(crate) fn encode_item(into: &mut Vec<u8>, item: &Item) {
    let Some((payload, length)) = item.payload.array() else {
        let (place, patient, kind) = (item.place(), item.patient(), item.kind);
        return encode_record(into, EntryRef { place, patient, kind, payload: item.payload.bytes() });
    };
    let (front, end) = front(item.place(), item.patient(), item.kind, length);
    let mut record = [0; FRONT_MAX + INLINE_MAX];
    record[..FRONT_MAX].copy_from_slice(&front);
    record[end..end + INLINE_MAX].copy_from_slice(payload);
    let record = &mut record[..end + length];
    let checksum = crc32c::crc32c(&record[4..]);
    record[..4].copy_from_slice(&checksum.to_le_bytes());
    into.extend_from_slice(record);
}

/// Prefix, place and patient.
const FRONT_MAX: usize = PREFIX + 8 + 16;

/// What stands before the payload, without the checksum, and its length.
#[inline]
fn front(place: Option<Place>, patient: Option<u128>, kind: u8, length: usize) -> ([u8; FRONT_MAX], usize) {
    let length = u16::try_from(length).expect("a payload is no longer than its constructor allows");
    let mut front = [0; FRONT_MAX];
    let mut flags = 0;
    let mut end = PREFIX;
    if let Some(place) = place {
        flags |= FLAG_PLACE;
        front[8..12].copy_from_slice(&place.block.to_le_bytes());
        front[12..16].copy_from_slice(&place.sequence.to_le_bytes());
        end += 8;
    }
    if let Some(patient) = patient {
        flags |= FLAG_PATIENT;
        front[end..end + 16].copy_from_slice(&patient.to_le_bytes());
        end += 16;
    }
    front[4..6].copy_from_slice(&length.to_le_bytes());
    front[6] = kind;
    front[7] = flags;
    (front, end)
}

/// The block that closes a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// The number of the group's first record, counted from 0 over the whole journal.
    pub(crate) first_record: u64,
    /// How many records it has.
    pub(crate) count: u32,
    /// How many bytes they take.
    pub(crate) bytes: u32,
    /// The number of the group, counted from 0 over the whole journal.
    pub(crate) group: u64,
    /// `H(previous head ‖ records ‖ this block's bytes 8 to 31)`.
    pub(crate) head: Head,
}

impl Commit {
    /// The head of a group with these records, after `previous`.
    pub(crate) fn chain(&self, hash: HashKind, previous: &Head, records: &[u8]) -> Head {
        hash.of(&[&previous.0, records, &self.covered()])
    }

    /// The bytes of this block that its head covers, after the records.
    pub(crate) fn covered(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.first_record.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[16..].copy_from_slice(&self.group.to_le_bytes());
        bytes
    }

    pub(crate) fn encode(&self, salt: u32) -> [u8; COMMIT] {
        let mut bytes = [0; COMMIT];
        bytes[4..6].copy_from_slice(&COMMIT_BODY.to_le_bytes());
        bytes[7] = FLAG_COMMIT;
        bytes[8..32].copy_from_slice(&self.covered());
        bytes[32..].copy_from_slice(&self.head.0);
        let checksum = crc32c::crc32c_append(salt, &bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// A commit block of the segment with this salt, if these bytes begin with one.
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let bytes = bytes.get(..COMMIT)?;
        if u16_at(bytes, 4) != COMMIT_BODY
            || bytes[6] != 0
            || bytes[7] != FLAG_COMMIT
            || u32_at(bytes, 0) != crc32c::crc32c_append(salt, &bytes[4..])
        {
            return None;
        }
        Some(Self {
            first_record: u64_at(bytes, 8),
            count: u32_at(bytes, 16),
            bytes: u32_at(bytes, 20),
            group: u64_at(bytes, 24),
            head: Head(array(bytes, 32)),
        })
    }
}

/// What a prefix announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A record of this many bytes, prefix included.
    Record(usize),
    /// A commit block.
    Commit,
    /// Eight zeros: nothing was written here.
    Blank,
    /// Nothing that this version writes.
    Unknown,
}

/// Reads a prefix.
#[inline]
pub(crate) fn piece(prefix: [u8; PREFIX]) -> Piece {
    let flags = prefix[7];
    if flags & !(FLAG_PLACE | FLAG_PATIENT) == 0 {
        if prefix == [0; PREFIX] {
            return Piece::Blank;
        }
        let payload = usize::from(u16::from_le_bytes([prefix[4], prefix[5]]));
        Piece::Record(record_length(flags & FLAG_PLACE != 0, flags & FLAG_PATIENT != 0, payload))
    } else if flags == FLAG_COMMIT {
        Piece::Commit
    } else {
        Piece::Unknown
    }
}

/// Whether a whole record matches its checksum.
#[inline]
pub(crate) fn record_holds(record: &[u8]) -> bool {
    u32_at(record, 0) == crc32c::crc32c(&record[4..])
}

/// The entry of a whole record.
#[inline]
pub(crate) fn decode_record(record: &[u8]) -> EntryRef<'_> {
    let flags = record[7];
    let mut at = PREFIX;
    let place = (flags & FLAG_PLACE != 0).then(|| {
        at += 8;
        Place { block: u32_at(record, 8), sequence: u32_at(record, 12) }
    });
    let patient = (flags & FLAG_PATIENT != 0).then(|| {
        at += 16;
        u128::from_le_bytes(array(record, at - 16))
    });
    EntryRef { place, patient, kind: record[6], payload: &record[at..] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_name_gives_its_number_back_and_nothing_else_is_one() {
        for number in [1, 42, 99_999_999, 100_000_000, u32::MAX] {
            assert_eq!(segment_number(&segment_name(number)), Some(number));
        }
        for name in ["00000000.hyj", "1.hyj", "00000001.tmp", "+0000001.hyj", "00000001.hyj.tmp", "LOCK", ""]
        {
            assert_eq!(segment_number(name), None, "`{name}`");
        }
    }

    #[test]
    fn a_record_costs_sixteen_bytes_beside_patient_and_payload() {
        let mut bytes = Vec::new();
        let place = Some(Place { block: 7, sequence: 9 });
        let entry = EntryRef { place, patient: None, kind: 3, payload: b"abc" };
        encode_record(&mut bytes, entry);
        assert_eq!(bytes.len(), 16 + 3);
        assert_eq!(piece(array(&bytes, 0)), Piece::Record(19));
        assert!(record_holds(&bytes));
        assert_eq!(decode_record(&bytes), entry);
    }

    #[test]
    fn an_empty_record_is_not_blank() {
        let mut bytes = Vec::new();
        encode_record(&mut bytes, EntryRef { place: None, patient: None, kind: 0, payload: b"" });
        assert_eq!(piece(array(&bytes, 0)), Piece::Record(PREFIX));
    }

    #[test]
    fn a_newer_format_is_read_only_if_it_says_that_it_can_be() {
        let header = SegmentHeader {
            hash: HashKind::Blake3,
            shard: 5,
            segment: 1,
            first_record: 0,
            first_group: 0,
            previous: Head::default(),
        };
        let with = |version: u16, readable_from: u16| {
            let mut bytes = header.encode();
            bytes[8..10].copy_from_slice(&version.to_le_bytes());
            bytes[10..12].copy_from_slice(&readable_from.to_le_bytes());
            let checksum = crc32c::crc32c(&bytes[..HEADER - 4]);
            bytes[HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
            SegmentHeader::decode("file", 1, &bytes)
        };
        assert_eq!(with(1, 1).unwrap(), header);
        assert_eq!(with(2, 1).unwrap(), header);
        for (version, readable_from) in [(0, 0), (2, 2), (9, 3)] {
            assert!(
                matches!(with(version, readable_from), Err(Error::Version { .. })),
                "version {version}, readable from {readable_from}"
            );
        }
    }
}
