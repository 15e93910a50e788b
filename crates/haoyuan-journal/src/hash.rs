//! The hash chain: a head stands for every byte before it.
//!
//! Invariant: a head is `H(previous head ‖ bytes)`; whoever has a head can tell whether the bytes are still the same.

use crate::error::Error;
use haoyuan_core::said::Phrase;
use std::fmt;
use std::str::FromStr;

/// Which hash chains the groups of a segment. Fixed per segment, written into its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashKind {
    /// BLAKE3, 256 bits: the fastest.
    #[default]
    Blake3,
    /// SM3 (国密, GB/T 32905): where the rules of the place ask for it; about ten times slower.
    Sm3,
}

impl HashKind {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Blake3 => 1,
            Self::Sm3 => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Blake3),
            2 => Some(Self::Sm3),
            _ => None,
        }
    }

    /// `H(parts[0] ‖ parts[1] ‖ …)`.
    pub(crate) fn of(self, parts: &[&[u8]]) -> Head {
        let mut hasher = self.begin();
        for part in parts {
            hasher.update(part);
        }
        hasher.finish()
    }

    /// The hash of what is still to come.
    pub(crate) fn begin(self) -> Hasher {
        match self {
            Self::Blake3 => Hasher::Blake3(blake3::Hasher::new()),
            Self::Sm3 => Hasher::Sm3(sm3::Sm3::default()),
        }
    }
}

/// A hash under way.
#[expect(clippy::large_enum_variant, reason = "there is one, and it is not moved about")]
pub(crate) enum Hasher {
    Blake3(blake3::Hasher),
    Sm3(sm3::Sm3),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Blake3(hasher) => drop(hasher.update(bytes)),
            Self::Sm3(hasher) => sm3::Digest::update(hasher, bytes),
        }
    }

    pub(crate) fn finish(&self) -> Head {
        match self {
            Self::Blake3(hasher) => Head(*hasher.finalize().as_bytes()),
            Self::Sm3(hasher) => Head(sm3::Digest::finalize(hasher.clone()).into()),
        }
    }
}

/// A chain head: 256 bits that stand for all bytes before them. Displayed as 64 hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Head(pub [u8; 32]);

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

impl FromStr for Head {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::HeadText {
            line: text.to_owned(),
            reason: Phrase::new("a head has 64 hexadecimal digits", "链头须为 64 位十六进制数"),
        };
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(wrong());
        }
        let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut head = [0; 32];
        for (byte, pair) in head.iter_mut().zip(digits.chunks_exact(2)) {
            *byte =
                digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?;
        }
        Ok(Self(head))
    }
}
