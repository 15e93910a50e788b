//! Who gives a command, and why: told to the trace beside the decision, and never part of it.
//!
//! INVARIANT (nobody by name): an actor is a role and a keyed hash; which person it is, the host knows.
//!
//! The actor is set for the duration of a call, on the calling thread: [`by`] around it, or the object `actor` in a JSON
//! command. The engine is not asked, because no rule may depend on it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::Cell;
use std::num::{NonZeroU16, NonZeroU64};

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $number:literal $text:literal $zh:literal,)+) => {
        /// In which role somebody acts.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Role {
            $($(#[$doc])* #[serde(rename = $text)] $name = $number),+
        }

        impl Role {
            /// Every role, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable word in JSON, exports and the journal's queries.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The Chinese term.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh),+ }
            }

            /// The role with this number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }

            /// The stable number in the journal.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

roles! {
    /// The patient, or whoever acts with the patient's own credentials.
    #[default]
    Patient = 0 "patient" "患者",
    /// Staff at a window or on the telephone.
    Clerk = 1 "clerk" "窗口人员",
    /// The doctor, in the consulting room.
    Doctor = 2 "doctor" "医生",
    /// A family doctor's team on behalf of a contract resident.
    FamilyDoctor = 3 "family_doctor" "家庭医生",
    /// Another institution that refers the patient.
    Referrer = 4 "referrer" "转诊机构",
    /// A partner platform.
    Partner = 5 "partner" "合作平台",
    /// Staff who administer rosters, policies and stopped sessions.
    Operator = 6 "operator" "管理人员",
    /// Nobody: the passing of time.
    System = 7 "system" "系统",
}

/// A keyed hash of a person who acts: 64 bits, not zero. The key is the host's and never stored.
pub type ActorId = NonZeroU64;

/// Who gives a command, and why. The default is the patient whom the command concerns, for no stated reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// In which role.
    pub role: Role,
    /// Who, as a keyed hash; absent if the patient acts.
    #[serde(
        default,
        serialize_with = "write_id",
        deserialize_with = "read_id",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<ActorId>,
    /// The contact person whom a green channel needs, as a keyed hash.
    #[serde(
        default,
        serialize_with = "write_id",
        deserialize_with = "read_id",
        skip_serializing_if = "Option::is_none"
    )]
    pub contact: Option<ActorId>,
    /// Why: a code of the host's own list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<NonZeroU16>,
}

impl Actor {
    /// The passing of time.
    pub const SYSTEM: Self = Self { role: Role::System, id: None, contact: None, reason: None };

    /// Somebody in a role.
    #[must_use]
    pub const fn new(role: Role, id: ActorId) -> Self {
        Self { role, id: Some(id), contact: None, reason: None }
    }

    /// Whether this is the patient, for no stated reason.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        *self == Self::default()
    }
}

thread_local! {
    static CURRENT: Cell<Actor> = const {
        Cell::new(Actor { role: Role::Patient, id: None, contact: None, reason: None })
    };
}

/// Who gives the command that this thread is carrying out.
#[must_use]
pub fn current() -> Actor {
    CURRENT.get()
}

/// Carries `call` out in the name of `actor`; afterwards, and also after a panic, the actor is who it was before.
pub fn by<R>(actor: &Actor, call: impl FnOnce() -> R) -> R {
    struct Before(Actor);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _before = Before(CURRENT.replace(*actor));
    call()
}

#[expect(clippy::ref_option, reason = "serde hands a field over by reference")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn write_id<S: Serializer>(id: &Option<ActorId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(&format_args!("{id:016x}")),
        None => serializer.serialize_none(),
    }
}

fn read_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ActorId>, D::Error> {
    crate::text::optional::deserialize::<KeyedId, D>(deserializer).map(|id| id.map(|id| id.0))
}

struct KeyedId(ActorId);

impl crate::text::Written for KeyedId {
    fn form() -> haoyuan_core::said::Said {
        haoyuan_core::said!(
            "a keyed hash of a person: exactly 16 hexadecimal digits, not zero, never a name or a staff number",
            "人员键(带密钥哈希的 16 位十六进制数,不为零;切勿填写姓名或工号)"
        )
    }

    fn read(text: &str) -> Option<Self> {
        let hex = text.len() == 16 && text.bytes().all(|c| c.is_ascii_hexdigit());
        if !hex {
            return None;
        }
        ActorId::new(u64::from_str_radix(text, 16).ok()?).map(Self)
    }

    fn write(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_acts_for_the_duration_of_a_call() {
        let doctor = Actor::new(Role::Doctor, ActorId::MIN);
        let clerk = Actor::new(Role::Clerk, ActorId::MAX);
        assert!(current().is_patient());
        by(&doctor, || {
            assert_eq!(current(), doctor);
            by(&clerk, || assert_eq!(current(), clerk));
            assert_eq!(current(), doctor);
        });
        let panicked = std::panic::catch_unwind(|| by(&clerk, || panic!("the call fails")));
        assert!(panicked.is_err() && current().is_patient());
    }

    #[test]
    fn roles_are_found_by_their_numbers() {
        for role in Role::ALL {
            assert_eq!(Role::from_number(role.number()), Some(*role));
        }
        assert_eq!(Role::from_number(8), None);
    }
}
