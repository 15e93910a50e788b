//! haoyuan for the browser: two small classes over WebAssembly, spoken to in the command language.
//!
//! The binding translates and nothing else: text in, text out. Time, randomness and storage are the page's; what a command
//! is and what it answers is said by `haoyuan-platform`. The JavaScript beside this crate (`js/`) gives the commands names
//! and types.
//!
//! *Architecture invariant:* no rule, no clock, no `unsafe` of its own, no state but that of the objects it hands out.

use haoyuan_core::instant::Instant;
use haoyuan_core::terms::{Channel, Class};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// A hospital in memory: the same engine as everywhere else.
#[cfg(feature = "engine")]
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct RawEngine(haoyuan_platform::Platform);

#[cfg(feature = "engine")]
#[wasm_bindgen]
impl RawEngine {
    /// An engine that nothing has opened yet.
    #[must_use]
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Executes one line of JSON and answers with one line of JSON. Never panics.
    #[must_use]
    pub fn execute(&self, line: &str) -> String {
        self.0.execute(line)
    }

    /// Executes many lines, one command each, in order; one answer a line. Blank lines have no answer. Crossing into the
    /// module once for many commands is what makes a batch cheap.
    #[must_use]
    #[wasm_bindgen(js_name = executeLines)]
    pub fn execute_lines(&self, lines: &str) -> String {
        let mut answers = String::with_capacity(lines.len());
        for (line, number) in lines.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
            answers += &self.0.execute_line(number, line);
            answers.push('\n');
        }
        answers
    }
}

/// A public feed: answers for any class at any instant, without the engine and without patients.
#[wasm_bindgen]
#[derive(Debug)]
pub struct RawFeed(haoyuan_platform::Feed);

#[wasm_bindgen]
impl RawFeed {
    /// Reads a feed.
    ///
    /// # Errors
    /// A JavaScript error that says what does not fit.
    #[wasm_bindgen(constructor)]
    pub fn new(json: &str) -> Result<RawFeed, JsError> {
        haoyuan_platform::Feed::parse(json).map(Self).map_err(JsError::from)
    }

    /// How many sessions it has.
    #[must_use]
    #[wasm_bindgen(getter, js_name = sessionCount)]
    pub fn session_count(&self) -> usize {
        self.0.session_count()
    }

    /// How many slots it has.
    #[must_use]
    #[wasm_bindgen(getter, js_name = slotCount)]
    pub fn slot_count(&self) -> usize {
        self.0.slot_count()
    }

    /// Executes one line of JSON, as far as a feed can: `availability` and `schedule`. Never panics.
    #[must_use]
    pub fn execute(&self, line: &str) -> String {
        self.0.execute(line)
    }

    // Not `free`: that is what JavaScript calls giving the memory back.
    /// For every slot, in the order of the feed, how many seats a class could be granted: class and channel by their
    /// stable words, the instant in milliseconds since 1970.
    ///
    /// # Errors
    /// A JavaScript error that names what is no class, channel or instant.
    pub fn seats(&self, class: &str, channel: &str, at: i64) -> Result<Vec<u8>, JsError> {
        let wrong = |what| move || JsError::new(what);
        let class = Class::parse(class).ok_or_else(wrong("there is no such class"))?;
        let channel = Channel::parse(channel).ok_or_else(wrong("there is no such channel"))?;
        let at = Instant::new(at).ok_or_else(wrong("the instant is before 1970 or after 2109"))?;
        Ok(self.0.free(class, channel, at))
    }
}
