//! What is said to people, in English and in Chinese at once.
//!
//! INVARIANT (both or neither): a sentence stands in both languages at the place of the rule that says it; [`said!`]
//! does not compile unless both have the same places.
//!
//! ```
//! use haoyuan_core::said;
//!
//! let told = said!("there is no pool `{name}`", "没有号源池 `{name}`", name = "VIP");
//! assert_eq!(told.en, "there is no pool `VIP`");
//! assert_eq!(told.zh, "没有号源池 `VIP`");
//! ```
//!
//! A place that one of the languages forgets, or that nobody fills, is an error of the compiler:
//! ```compile_fail
//! haoyuan_core::said!("there is no pool `{name}`", "没有这个号源池", name = "VIP");
//! ```
//! ```compile_fail
//! let name = "VIP";
//! haoyuan_core::said!("there is no pool", "没有号源池 `{name}`");
//! ```
//! So is a second text that is not Chinese:
//! ```compile_fail
//! haoyuan_core::said!("there is no pool", "there is no pool");
//! ```
//!
//! [`said!`]: crate::said!

use std::fmt;

/// A sentence in both languages. `Display` is the English one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Said {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// A [`Said`] from two texts with the same `{name}` places: `said!("no pool `{name}`", "没有号源池 `{name}`", name = pool)`.
///
/// Each value is a [`Speak`], so that a term or another sentence comes out in the language around it. `name` alone stands
/// for `name = name`.
#[macro_export]
macro_rules! said {
    ($en:literal, $zh:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {{
        let ($($name,)*) = ($($crate::said::Speak::said(&$crate::said!(@ $name $($value)?)),)*);
        const { ::std::assert!($crate::said::is_in_both($en, $zh), "the second text is not Chinese") };
        // `concat!` forbids the implicit capture of variables: every place must be named, and in both texts.
        $crate::said::Said {
            en: ::std::format!(::std::concat!($en), $($name = $name.en),*),
            zh: ::std::format!(::std::concat!($zh), $($name = $name.zh),*),
        }
    }};
    (@ $name:ident) => { $name };
    (@ $name:ident $value:expr) => { $value };
}

/// Whether the second text is in Chinese, if the first has words beside its `{name}` places. For [`said!`](crate::said!).
#[doc(hidden)]
#[must_use]
pub const fn is_in_both(en: &str, zh: &str) -> bool {
    let (en, mut at, mut outside, mut words) = (en.as_bytes(), 0, true, false);
    while at < en.len() {
        match en[at] {
            b'{' => outside = false,
            b'}' => outside = true,
            byte => words = words || outside && byte.is_ascii_alphabetic(),
        }
        at += 1;
    }
    !words || !zh.is_ascii()
}

/// What can stand in a place of a sentence.
pub trait Speak {
    /// It, in both languages.
    fn said(&self) -> Said;
}

impl Speak for Said {
    fn said(&self) -> Said {
        self.clone()
    }
}

impl<T: Speak + ?Sized> Speak for &T {
    fn said(&self) -> Said {
        (**self).said()
    }
}

macro_rules! same_in_both {
    ($($type:ty)+) => {
        $(impl Speak for $type {
            fn said(&self) -> Said {
                Said::same(self)
            }
        })+
    };
}

same_in_both! { str String std::sync::Arc<str> u8 u16 u32 u64 usize i32 i64 }

/// Between the languages of a [`Packed`], and before the first. Control characters: no sentence has them.
const BEGIN: char = '\u{1e}';
const BETWEEN: char = '\u{1f}';

impl Said {
    /// What is the same in both languages: a code, a number, what a library or the system says.
    #[must_use]
    pub fn same(text: impl fmt::Display) -> Self {
        let en = text.to_string();
        Self { zh: en.clone(), en }
    }

    /// Undoes a [`Packed`]; `None` if the text is not one.
    #[must_use]
    pub fn unpack(text: &str) -> Option<Self> {
        let (en, zh) = text.strip_prefix(BEGIN)?.split_once(BETWEEN)?;
        Some(Self { en: en.to_owned(), zh: zh.to_owned() })
    }

    /// Several of them, one after the other with a comma.
    pub fn list(all: impl IntoIterator<Item = Self>) -> Self {
        let (en, zh): (Vec<String>, Vec<String>) = all.into_iter().map(|said| (said.en, said.zh)).unzip();
        Self { en: en.join(", "), zh: zh.join("、") }
    }

    /// Words to quote, one after the other: `` `a`, `b` ``.
    pub fn quoted<T: fmt::Display>(all: impl IntoIterator<Item = T>) -> Self {
        Self::list(all.into_iter().map(|word| Self::same(format_args!("`{word}`"))))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

/// A [`Said`] that is always the same: for reasons that are values and must be cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Phrase {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

impl Phrase {
    /// A phrase.
    ///
    /// # Panics
    /// If the second text is not Chinese; while compiling, where the phrase is a constant.
    #[must_use]
    pub const fn new(en: &'static str, zh: &'static str) -> Self {
        assert!(is_in_both(en, zh), "the second text is not Chinese");
        Self { en, zh }
    }
}

impl Speak for Phrase {
    fn said(&self) -> Said {
        Said { en: self.en.to_owned(), zh: self.zh.to_owned() }
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.en)
    }
}

/// A sentence on its way through a library that takes one text for an error, as serde does. `Display` is both languages in
/// one text, which [`Said::unpack`] separates again; nobody is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(
    /// The sentence.
    pub Said,
);

impl From<Said> for Packed {
    fn from(said: Said) -> Self {
        Self(said)
    }
}

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A quoted value may have the marks in it; it must not move the border between the languages.
        let plain = |text: &str| text.replace([BEGIN, BETWEEN], "\u{fffd}");
        write!(f, "{BEGIN}{}{BETWEEN}{}", plain(&self.0.en), plain(&self.0.zh))
    }
}

impl std::error::Error for Packed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Tier;

    #[test]
    fn terms_and_sentences_come_out_in_the_language_around_them() {
        let inner = said!("{n} seats", "{n} 个号", n = 3);
        let tier = Tier::Tertiary;
        let told = said!("a {tier} institution has {inner}", "{tier}机构有 {inner}", tier, inner);
        assert_eq!(told.to_string(), "a tertiary institution has 3 seats");
        assert_eq!(told.zh, "三级机构有 3 个号");
        assert_eq!(Said::quoted(["a", "b"]).zh, "`a`、`b`");
    }

    #[test]
    fn what_is_packed_is_unpacked_whatever_is_quoted() {
        for quoted in ["x", "", "a\u{1f}b", "\u{1e}a\u{1f}b", "`, expected `y`", "张三"] {
            let told = said!("`{quoted}` is no date", "`{quoted}` 不是日期", quoted);
            let back = Said::unpack(&Packed(told.clone()).to_string()).unwrap();
            let seen = |text: &str| text.replace(['\u{1e}', '\u{1f}'], "\u{fffd}");
            assert_eq!((back.en, back.zh), (seen(&told.en), seen(&told.zh)));
        }
        // What a library says of its own accord does not begin with the mark, whatever it quotes.
        assert_eq!(Said::unpack("unknown field `\u{1e}a\u{1f}b`"), None);
    }
}
