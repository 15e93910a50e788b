//! Policies are data: a TOML file says who may book what, when, and how much is reserved for whom.
//!
//! A hospital's file `extends` a built-in preset and says only what differs; [`schema`] documents every key.
//! [`Policy::plan`] turns a session of a roster into a [`Plan`]: it checks the precision rule, works out the reserves,
//! spreads them over the slots and fixes them as pool trees.
//!
//! ```
//! use haoyuan_core::policy::Policy;
//!
//! let policy = Policy::parse("hospital.toml", r#"
//!     name = "first-hospital"
//!     extends = "jilin-2018"
//!     [pools.PUBLIC]
//!     opens = { days_before = 14, at = "06:30" }
//! "#).unwrap();
//! assert_eq!(policy.name(), "first-hospital");
//! ```
//!
//! # Invariants
//! - INVARIANT (privilege is monotone): every class but the public falls back to the pool of the public for its channel,
//!   unless the policy says `spill = false`; so a privilege never turns a yes into a no.
//! - INVARIANT (the rest is the public's): until the pool with `rest = true` opens, the seats that nobody reserves are
//!   guaranteed to it; an earlier opening gives a class its reserve and nothing more.
//! - INVARIANT (all or nothing): a refused session leaves the carry ledger as it was.

use crate::apportion::CarryLedger;
use crate::day::DayRules;
use crate::file;
use crate::locate::{self, FileError};
use crate::plan::{Plan, Session};
use crate::said;
use crate::said::{Said, Speak};
use crate::terms::Tier;
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

mod check;
mod compile;
mod day;
pub mod schema;
mod show;

use check::Graph;
use schema::Document;
pub use show::Shown;

/// Why a policy file was refused.
pub type PolicyError = FileError;

/// Presets by name: the text of each.
pub type Presets = BTreeMap<String, String>;

/// The built-in presets: name, and the file it comes from.
const PRESETS: [(&str, &str); 6] = [
    ("default", include_str!("../presets/default.toml")),
    ("jilin-2018", include_str!("../presets/jilin-2018.toml")),
    ("liaoning-2018", include_str!("../presets/liaoning-2018.toml")),
    ("fujian-2018", include_str!("../presets/fujian-2018.toml")),
    ("beijing-2015", include_str!("../presets/beijing-2015.toml")),
    ("chongqing-2018", include_str!("../presets/chongqing-2018.toml")),
];

/// One of the files that a policy is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layer {
    file: String,
    text: String,
}

/// A policy: read, checked, with all that it extends.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    name: String,
    document: Document,
    /// The file itself first, then what it extends.
    layers: Vec<Layer>,
    merged: toml::Table,
    graph: Graph,
}

/// Why a session was not published: which rule of which policy, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRefusal {
    /// The policy.
    pub policy: String,
    /// The key of the rule: `slot_minutes_max.tertiary`.
    pub rule: String,
    /// The rule's value, as in the file; empty if no single value decides.
    pub value: String,
    /// What is wrong and what to do.
    pub reason: Said,
}

impl Speak for PublishRefusal {
    fn said(&self) -> Said {
        let Self { policy, rule, value, reason } = self;
        let value = if value.is_empty() { String::new() } else { format!(" = {value}") };
        said!(
            "{policy}: {rule}{value}: {reason}",
            "{policy}:{rule}{value}:{reason}",
            policy,
            rule,
            value,
            reason
        )
    }
}

impl fmt::Display for PublishRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for PublishRefusal {}

impl Policy {
    /// The names of the built-in presets.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// The built-in preset of this name.
    ///
    /// # Panics
    /// Never: a test reads every preset.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let (name, text) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
        Some(Self::parse(&preset_file(name), text).expect("a preset is a valid policy"))
    }

    /// The preset of this name with a calendar: see [`Policy::parse_as_of`]. `None` if there is no such preset.
    ///
    /// # Errors
    /// As there.
    pub fn preset_as_of(
        name: &str,
        calendar: Option<(&str, &str)>,
        presets: &Presets,
    ) -> Result<Option<Self>, PolicyError> {
        let Some(text) = preset_text(presets, name) else { return Ok(None) };
        Self::parse_as_of(&preset_file(name), text, calendar, presets).map(Some)
    }

    /// The text of the built-in preset of this name, to copy from.
    #[must_use]
    pub fn preset_text(name: &str) -> Option<&'static str> {
        PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, text)| *text)
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] names file, line, column, key and reason of the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        Self::parse_with(file, text, None)
    }

    /// Reads a policy file together with a calendar of holidays (节假日与调休), name and text: a file of its own, because it
    /// changes once a year and for every hospital of a country at once. It has the section `[holidays]` alone, and what it says
    /// goes before what the policy says there.
    ///
    /// # Errors
    /// As [`Policy::parse`], about either file.
    pub fn parse_with(file: &str, text: &str, calendar: Option<(&str, &str)>) -> Result<Self, PolicyError> {
        Self::parse_as_of(file, text, calendar, &Presets::default())
    }

    /// The same, with presets as they once were: those named here go before the built-in ones. A policy that was read so is
    /// the one that [`Policy::bases`] of it were taken from, whatever the built-in presets have become.
    ///
    /// # Errors
    /// As [`Policy::parse_with`].
    pub fn parse_as_of(
        file: &str,
        text: &str,
        calendar: Option<(&str, &str)>,
        presets: &Presets,
    ) -> Result<Self, PolicyError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut texts = Vec::new();
        let mut trees = Vec::new();
        if let Some((file, text)) = calendar {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            let tree = file::tree(file, text)?;
            if let Some(key) =
                table(&tree).and_then(|own| own.keys().find(|key| *key.get_ref() != "holidays"))
            {
                let reason = said!(
                    "a calendar has the section `[holidays]` alone: `weekends`, `dates`, `working`",
                    "日历文件只能有 `[holidays]` 一节:`weekends`、`dates`、`working`"
                );
                return Err(FileError::at_key(file, text, key.get_ref(), reason));
            }
            file::data::<Document>(&tree).map_err(|error| error.in_file(file, text))?;
            texts.push((file.to_owned(), text));
            trees.push(tree);
        }
        let own = texts.len();
        texts.push((file.to_owned(), text));
        loop {
            let (file, text) = &texts[texts.len() - 1];
            let tree = file::tree(file, text)?;
            let document: Document = file::data(&tree).map_err(|error| error.in_file(file, text))?;
            trees.push(tree);
            let Some(base) = document.extends else { break };
            let known = preset_text(presets, &base);
            let Some(preset) = known.filter(|_| texts.len() - own <= PRESETS.len() + presets.len()) else {
                let presets = Said::quoted(Self::presets());
                let reason = said!(
                    "there is no preset `{base}`; the presets are {presets}",
                    "没有预置政策 `{base}`;预置政策有:{presets}",
                    base,
                    presets
                );
                return Err(FileError::at_key(file, text, "extends", reason));
            };
            texts.push((preset_file(&base), preset));
        }
        let own_name = table(&trees[own]).is_some_and(|own| own.contains_key("name"));
        let mut all = DeTable::new();
        for tree in trees.into_iter().rev() {
            if let DeValue::Table(table) = tree.into_inner() {
                merge(&mut all, table, "");
            }
        }
        all.remove("extends");
        let merged = file::plain_table(&all);
        // Its places are in several texts, so that only the whole file can be blamed; each part was read by itself before.
        let document: Document = file::data(&Spanned::new(0..0, DeValue::Table(all)))
            .map_err(|error| FileError::at_key(file, text, "", error.reason()))?;
        let layers: Vec<Layer> =
            texts.into_iter().map(|(file, text)| Layer { file, text: text.to_owned() }).collect();
        let fail = |key: &str, reason: Said| locate_in(&layers, key, reason);
        let name = document.name.clone().unwrap_or_default();
        if !own_name {
            return Err(fail(
                "name",
                said!(
                    "a policy needs a name: refusals and the trace are signed with it",
                    "政策需要名称:拒绝与留痕以此署名"
                ),
            ));
        }
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            let reason = said!(
                "a name has 1 to 64 bytes and no control characters",
                "名称须为 1 至 64 字节,且不含控制字符"
            );
            return Err(fail("name", reason));
        }
        let graph =
            check::check(&document).map_err(|wrong| blame(&layers, &wrong.key, &wrong.also, wrong.reason))?;
        let policy = Self { name, document, layers, merged, graph };
        policy.rehearse()?;
        Ok(policy)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The presets that it is made of, as they were when it was read: name and text.
    pub fn bases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.layers.iter().filter_map(|layer| {
            let name = layer.file.strip_prefix(PRESET_FOLDER)?.strip_suffix(PRESET_SUFFIX)?;
            Some((name, layer.text.as_str()))
        })
    }

    /// All values, with those of the presets it extends.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// What is allowed and hardly meant, each with its place: the policy is good all the same.
    #[must_use]
    pub fn warnings(&self) -> Vec<PolicyError> {
        let section = &self.document.anti_scalping;
        let is_drawn = section.reappears_after.is_some_and(|delay| delay.least.ms() < delay.most.ms());
        let mut warnings = Vec::new();
        if is_drawn && section.seed.unwrap_or(0) == 0 {
            let reason = said!(
                "without a `seed` of your own anybody can foretell when a returned seat reappears; set `anti_scalping.seed` to a \
                 number that nobody else knows",
                "未设自己的 `seed`,任何人都能推算退回的号何时重新放出;请把 `anti_scalping.seed` 设为无人知晓的数"
            );
            let also = ["anti_scalping.reappears_after".to_owned()];
            warnings.push(blame(&self.layers, "anti_scalping.seed", &also, reason));
        }
        warnings
    }

    /// Fixes a session for publishing, by an institution of this tier.
    ///
    /// The carry ledger goes forward with every session that is planned; plan a roster by date, then session code.
    ///
    /// # Errors
    /// [`PublishRefusal`] names the rule; the ledger is then as it was.
    pub fn plan(
        &self,
        session: Session,
        tier: Tier,
        carry: &mut CarryLedger,
    ) -> Result<Plan, PublishRefusal> {
        let (plan, carries) = compile::compile(self, session, tier, carry)?;
        for entry in carries {
            carry.enter(entry);
        }
        Ok(plan)
    }

    /// The rules of the hospital's day for a session: what is fixed when it is published, beside its plan.
    #[must_use]
    pub fn day_rules(&self, session: &Session) -> DayRules {
        compile::day_rules(self, session)
    }

    /// The value of a key, as in the file; empty if it is not set.
    fn value(&self, key: &str) -> String {
        let mut table = &self.merged;
        let mut segments = locate::segments(key).peekable();
        while let Some(segment) = segments.next() {
            match table.get(segment) {
                Some(value) if segments.peek().is_none() => return value.to_string(),
                Some(toml::Value::Table(inner)) => table = inner,
                _ => break,
            }
        }
        String::new()
    }

    fn refuse(&self, rule: impl Into<String>, reason: Said) -> PublishRefusal {
        let rule = rule.into();
        PublishRefusal { policy: self.name.clone(), value: self.value(&rule), rule, reason }
    }
}

const PRESET_FOLDER: &str = "presets/";
const PRESET_SUFFIX: &str = ".toml";

/// What messages call the file of a preset.
fn preset_file(name: &str) -> String {
    format!("{PRESET_FOLDER}{name}{PRESET_SUFFIX}")
}

/// A preset of these or, where they have none of this name, a built-in one.
fn preset_text<'a>(presets: &'a Presets, name: &str) -> Option<&'a str> {
    presets.get(name).map(String::as_str).or_else(|| Policy::preset_text(name))
}

fn table<'a, 'i>(node: &'a file::Node<'i>) -> Option<&'a DeTable<'i>> {
    if let DeValue::Table(table) = node.get_ref() { Some(table) } else { None }
}

/// Puts `over` on top of `base`: tables key by key, everything else whole.
fn merge<'i>(base: &mut DeTable<'i>, over: DeTable<'i>, parent: &str) {
    for (key, value) in over {
        let single = schema::is_single_value(parent, key.get_ref());
        let span = value.span();
        match (base.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.into_inner()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) if !single => {
                merge(below, above, key.get_ref());
            }
            (_, value) => {
                base.insert(key, Spanned::new(span, value));
            }
        }
    }
}

/// The error at a key, placed in the first file that has it, or has most of it.
fn locate_in(layers: &[Layer], key: &str, reason: Said) -> PolicyError {
    let depth = |layer: &&Layer| locate::find(&layer.text, key).map_or(0, |place| place.depth);
    // `max_by_key` takes the last of equals; the file itself comes first, so look from behind.
    match layers.iter().rev().max_by_key(depth) {
        Some(layer) => FileError::at_key(&layer.file, &layer.text, key, reason),
        None => FileError::at_key("", "", key, reason),
    }
}

/// The error of a contradiction between several keys, placed at the first that the policy's own file sets.
fn blame(layers: &[Layer], key: &str, also: &[String], reason: Said) -> PolicyError {
    let set_here = |key: &&str| {
        let place = layers.first().and_then(|layer| locate::find(&layer.text, key));
        place.is_some_and(|place| place.depth == locate::segments(key).count())
    };
    let keys = std::iter::once(key).chain(also.iter().map(String::as_str));
    locate_in(layers, keys.clone().find(set_here).unwrap_or(key), reason)
}

#[cfg(test)]
mod tests;
