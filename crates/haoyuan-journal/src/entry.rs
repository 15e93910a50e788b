//! What is journaled: opaque bytes, and just enough beside them to keep the order.
//!
//! The journal never looks into a payload. It orders by [`Place`] (gap-free per block) and by patient.

use crate::error::Error;
use std::fmt;

/// The most bytes of a payload: one less than 64 KiB, because its length is written in 16 bits.
pub const PAYLOAD_MAX: usize = 65_535;

/// Payloads up to this length travel to the writer without an allocation. With it an entry in the queue takes two cache
/// lines, which is what handing it from one processor to another costs.
pub const INLINE_MAX: usize = 64;

/// The place of a transition in the gap-free history of its block: the first has sequence 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The block.
    pub block: u32,
    /// The sequence within it, from 1.
    pub sequence: u32,
}

/// One record on its way into the journal.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The place in its block's history; `None` if it changes no block.
    pub place: Option<Place>,
    /// Whom it concerns, as a keyed hash; `None` if nobody.
    pub patient: Option<u128>,
    /// What the payload is: the meaning belongs to whoever writes it.
    pub kind: u8,
    /// The bytes.
    pub payload: Payload,
}

impl Entry {
    /// As [`EntryRef`], for comparing with what was read.
    #[must_use]
    pub fn as_ref(&self) -> EntryRef<'_> {
        EntryRef { place: self.place, patient: self.patient, kind: self.kind, payload: self.payload.bytes() }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// The bytes of an entry; up to [`INLINE_MAX`] of them are kept inline.
#[derive(Clone)]
pub struct Payload(Bytes);

#[derive(Clone)]
enum Bytes {
    Inline { length: u8, bytes: [u8; INLINE_MAX] },
    Boxed(Box<[u8]>),
}

impl Payload {
    /// Copies the bytes.
    ///
    /// # Errors
    ///
    /// [`Error::PayloadTooLong`] above [`PAYLOAD_MAX`].
    #[inline]
    pub fn new(payload: &[u8]) -> Result<Self, Error> {
        let length = payload.len();
        match u8::try_from(length) {
            Ok(short) if length <= INLINE_MAX => {
                let mut bytes = [0; INLINE_MAX];
                bytes[..length].copy_from_slice(payload);
                Ok(Self(Bytes::Inline { length: short, bytes }))
            }
            _ if length <= PAYLOAD_MAX => Ok(Self(Bytes::Boxed(payload.into()))),
            _ => Err(Error::PayloadTooLong { length }),
        }
    }

    /// The first `length` bytes of these, without looking at how many they are: quicker than [`Payload::new`] for whoever
    /// packs into an array.
    ///
    /// # Panics
    ///
    /// If `length` is above [`INLINE_MAX`].
    #[must_use]
    #[inline]
    pub fn inline(bytes: &[u8; INLINE_MAX], length: u8) -> Self {
        assert!(usize::from(length) <= INLINE_MAX, "an inline payload has at most {INLINE_MAX} bytes");
        Self(Bytes::Inline { length, bytes: *bytes })
    }

    /// The bytes in an array, and how many of them there are; `None` if they are not kept inline.
    #[inline]
    pub(crate) fn array(&self) -> Option<(&[u8; INLINE_MAX], usize)> {
        match &self.0 {
            Bytes::Inline { length, bytes } => Some((bytes, usize::from(*length))),
            Bytes::Boxed(_) => None,
        }
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Bytes::Boxed(bytes) => bytes,
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

/// An entry that was read: the payload still lies in the reader's buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The place in its block's history.
    pub place: Option<Place>,
    /// Whom it concerns, as a keyed hash.
    pub patient: Option<u128>,
    /// What the payload is.
    pub kind: u8,
    /// The bytes.
    pub payload: &'a [u8],
}

impl EntryRef<'_> {
    /// A copy that can be kept.
    ///
    /// # Panics
    ///
    /// Never for an entry that was read: no record carries more than [`PAYLOAD_MAX`] bytes.
    #[must_use]
    pub fn to_owned(&self) -> Entry {
        let payload = Payload::new(self.payload).expect("a record carries no more than a payload can");
        Entry { place: self.place, patient: self.patient, kind: self.kind, payload }
    }
}

impl fmt::Debug for EntryRef<'_> {
    /// Of a patient's key only the first eight digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("place", &self.place.map(|place| (place.block, place.sequence)))
            .field("patient", &self.patient.map(|patient| format!("{:08x}…", patient >> 96)))
            .field("kind", &self.kind)
            .field("payload", &self.payload)
            .finish()
    }
}
