//! Why something was refused, as a sentence for the person who wrote it, in English and Chinese.
//!
//! INVARIANT (both languages): a reason cannot be made in one language only; both stand side by side where the rule is
//! checked, so that whoever changes the one sees the other.

use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::Deref;

/// What is wrong and what to do. Reads as its English text; [`Reason::zh`] is the Chinese.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    en: String,
    zh: String,
}

impl Reason {
    pub(crate) const fn new(en: String, zh: String) -> Self {
        Self { en, zh }
    }

    /// The reason of a library that speaks English only, after a Chinese sentence that says what it is about.
    pub(crate) fn foreign(zh: &str, en: impl fmt::Display) -> Self {
        let en = en.to_string().trim().replace('\n', ", ");
        Self { zh: format!("{zh}:{en}"), en }
    }

    /// In English.
    #[must_use]
    pub fn en(&self) -> &str {
        &self.en
    }

    /// In Chinese.
    #[must_use]
    pub fn zh(&self) -> &str {
        &self.zh
    }
}

impl Deref for Reason {
    type Target = str;

    fn deref(&self) -> &str {
        &self.en
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.en)
    }
}

/// A [`Reason`] of two format strings over the same arguments.
macro_rules! reason {
    ($en:literal, $zh:literal $(, $argument:expr)* $(,)?) => {
        $crate::reason::Reason::new(
            format!($en $(, $argument)*),
            format!($zh $(, $argument)*),
        )
    };
}
pub(crate) use reason;
