//! A command of administration as the trace and a snapshot keep it.
//!
//! INVARIANT (what was set stays set): a recorded policy has the texts of the presets that it was made of. A later version
//! of a preset changes nothing that somebody set before, and cannot make it unreadable.

use crate::command::Command;
use crate::malformed::Malformed;
use haoyuan_core::policy::Presets;
use haoyuan_core::said::Said;
use serde::Serialize;
use serde_json::{Map, Value};

/// The key of the presets; a host's command has none.
const PRESETS: &str = "presets";

/// A command, and the presets that it was carried out with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The command.
    #[serde(flatten)]
    pub command: Command,
    /// The presets of a policy by name, as they were; empty for other commands, and in what earlier versions recorded.
    #[serde(skip_serializing_if = "Presets::is_empty")]
    pub presets: Presets,
}

impl Recorded {
    /// The line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every key is a string and every value a plain one, so that writing JSON cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads it again.
    ///
    /// # Errors
    /// [`Malformed`]: as a command of a host.
    pub fn parse(json: &str) -> Result<Self, Malformed> {
        let mut presets = Presets::default();
        if let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(json) {
            if let Some(texts) = object.remove(PRESETS) {
                presets = serde_json::from_value(texts)
                    .map_err(|error| Malformed::field(PRESETS, Said::same(error)))?;
                let command = Command::parse(&Value::Object(object).to_string())?;
                return Ok(Self { command, presets });
            }
        }
        Ok(Self { command: Command::parse(json)?, presets })
    }
}
