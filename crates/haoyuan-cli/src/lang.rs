//! The two languages of the command: which one to speak, and how a message of the catalogue becomes a text.
//!
//! INVARIANT (one catalogue): every word the command says comes from [`crate::messages::TABLE`] or from those who carry both
//! languages themselves: the terms, refusal codes and errors of the other crates ([`Lang::of`]). A key that is not in the table does not compile.

use crate::messages::TABLE;
use haoyuan_core::said::{Said, Speak};
use std::ffi::{OsStr, OsString};

/// A language of the command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub(crate) enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese.
    Zh,
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The key; never shown.
    pub(crate) key: &'static str,
    /// English.
    pub(crate) en: &'static str,
    /// Chinese.
    pub(crate) zh: &'static str,
}

impl Entry {
    /// The text, with its `{name}` places still in it.
    pub(crate) const fn text(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }

    /// The text with its `{name}` places filled in, in one pass: a value that looks like a place stays as it is.
    pub(crate) fn fill(&self, lang: Lang, values: &[(&str, String)]) -> String {
        let mut rest = self.text(lang);
        let mut text = String::with_capacity(rest.len() + 16);
        while let Some(open) = rest.find('{') {
            text.push_str(&rest[..open]);
            rest = &rest[open..];
            let close = rest.find('}').map_or(rest.len(), |at| at + 1);
            let name = rest[..close].trim_matches(['{', '}']);
            match values.iter().find(|(key, _)| *key == name) {
                Some((_, value)) => text.push_str(value),
                None => text.push_str(&rest[..close]),
            }
            rest = &rest[close..];
        }
        text.push_str(rest);
        text
    }
}

/// The row with this key, looked for while compiling.
pub(crate) const fn entry(key: &str) -> &'static Entry {
    let mut row = 0;
    while row < TABLE.len() {
        if same(TABLE[row].key.as_bytes(), key.as_bytes()) {
            return &TABLE[row];
        }
        row += 1;
    }
    panic!("the catalogue has no such key");
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The row with this key, if there is one: for keys that are built from the names of commands and options.
pub(crate) fn find(key: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.key == key)
}

/// A text of the catalogue, with its places filled in: `say!(lang, "key", place = value)`.
macro_rules! say {
    ($lang:expr, $key:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        const ENTRY: &$crate::lang::Entry = $crate::lang::entry($key);
        ENTRY.fill($lang, &[$((stringify!($name), $value.to_string())),*])
    }};
}
pub(crate) use say;

impl Lang {
    /// What somebody else has to say, in this language.
    pub(crate) fn of(self, told: &impl Speak) -> String {
        let Said { en, zh } = told.said();
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    /// What the system says of a file or stream, in this language as far as it is one of the usual things.
    pub(crate) fn system(self, error: &std::io::Error) -> String {
        self.of(&haoyuan::journal::system(error))
    }

    /// The language to speak before the arguments are parsed: `--lang` if it can be seen, else the locale.
    pub(crate) fn detect(args: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> Self {
        from_args(args).unwrap_or_else(|| from_locale(variable))
    }

    /// The tag used in SVG and JSON.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

fn from_args(args: &[OsString]) -> Option<Lang> {
    let mut seen = None;
    let mut args = args.iter().skip(1);
    while let Some(arg) = args.next() {
        let arg = arg.to_str().unwrap_or("");
        if arg == "--" {
            break;
        }
        let value = match arg.strip_prefix("--lang") {
            Some("") => args.next().and_then(|next| next.to_str()),
            Some(value) => value.strip_prefix('='),
            None => continue,
        };
        seen = match value {
            Some("en") => Some(Lang::En),
            Some("zh") => Some(Lang::Zh),
            _ => seen,
        };
    }
    seen
}

/// POSIX: the first of the three variables that is set and not empty decides.
fn from_locale(variable: impl Fn(&str) -> Option<OsString>) -> Lang {
    let locale =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    match locale.as_deref().and_then(OsStr::to_str) {
        Some(name) if name.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
        _ => Lang::En,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[track_caller]
    fn check(args: &[&str], locale: &[(&str, &str)], expected: Lang) {
        let args: Vec<OsString> = ["haoyuan"].iter().chain(args).map(OsString::from).collect();
        let variable = |name: &str| locale.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        assert_eq!(Lang::detect(&args, variable), expected);
    }

    #[test]
    fn the_option_decides_and_else_the_locale() {
        check(&[], &[], Lang::En);
        check(&[], &[("LANG", "zh_CN.UTF-8")], Lang::Zh);
        check(&[], &[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")], Lang::En);
        check(&[], &[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "zh_TW")], Lang::Zh);
        check(&[], &[("LC_ALL", ""), ("LANG", "ZH")], Lang::Zh);
        check(&["--lang", "en"], &[("LANG", "zh_CN.UTF-8")], Lang::En);
        check(&["rush", "--lang=zh"], &[("LANG", "C")], Lang::Zh);
        check(&["run", "--", "--lang=zh"], &[], Lang::En);
        check(&["--lang"], &[("LANG", "zh")], Lang::Zh);
        check(&["--lang", "fr"], &[("LANG", "zh")], Lang::Zh);
        check(&["--language=zh"], &[], Lang::En);
    }

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_key_has_both_languages_and_the_same_places() {
        let mut keys = BTreeSet::new();
        for entry in TABLE {
            assert!(keys.insert(entry.key), "`{}` is twice in the catalogue", entry.key);
            assert!(!entry.en.trim().is_empty() && !entry.zh.trim().is_empty(), "`{}`", entry.key);
            let foreign = |c: char| !c.is_ascii() && !"–…█▓░".contains(c);
            assert!(!entry.en.contains(foreign), "`{}` in English", entry.key);
            assert!(!entry.zh.is_ascii(), "`{}` in Chinese", entry.key);
            assert_eq!(places(entry.en), places(entry.zh), "`{}`", entry.key);
        }
    }

    #[test]
    fn a_value_that_looks_like_a_place_stays_as_it_is() {
        let entry = Entry { key: "k", en: "{a} and {b}", zh: "{a}和{b}" };
        assert_eq!(entry.fill(Lang::En, &[("a", "{b}".into()), ("b", "2".into())]), "{b} and 2");
        assert_eq!(entry.fill(Lang::Zh, &[("a", "1".into())]), "1和{b}");
    }
}
