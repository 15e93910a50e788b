//! Who is asking: the tokens of staff, which the server knows by their hashes, and those of patients, which a hospital signs.
//!
//! INVARIANT (bound and short): a patient's token names one person, one channel and its end; nothing in it can be changed
//! without the key. A token of staff is 256 random bits, and only its hash is kept.
//!
//! # A patient's token
//! `hyp1.KEY.CHANNEL.PATIENT.EXPIRES.SIGNATURE`: the name of the key, the channel's word, the 32 hexadecimal digits of the person,
//! the seconds since 1970 at which it ends, and the 64 hexadecimal digits of HMAC-SHA256 over everything before the last dot. The
//! hospital's own login makes it, after it has checked who the person is.

use haoyuan::actor::{Actor, ActorId, Role};
use haoyuan::ids::PatientKey;
use haoyuan::instant::{HOUR, Instant, SECOND};
use haoyuan::locate::FileError;
use haoyuan::said;
use haoyuan::said::Said;
use haoyuan::terms::Channel;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// How a patient's token begins: its format.
const PATIENT: &str = "hyp1";
/// How a token of staff begins, so that those who look for leaked secrets find it.
const STAFF: &str = "hys_";
/// The longest that a patient's token may still run when it is shown: it is short-lived, or it is none.
pub const PATIENT_TOKEN_MOST: i64 = 12 * HOUR;
/// The longest text that is looked at as a token.
const TOKEN_BYTES_MOST: usize = 256;

macro_rules! duties {
    ($($(#[$doc:meta])* $name:ident = $text:literal acts $role:ident;)+) => {
        /// What a member of staff is employed for: the `role` of a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Duty {
            $($(#[$doc])* $name),+
        }

        impl Duty {
            /// Every duty, from the least to the most.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in the file of tokens.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// In which role whoever has it acts, for the trace.
            #[must_use]
            pub const fn role(self) -> Role {
                match self { $(Self::$name => Role::$role),+ }
            }
        }
    };
}

duties! {
    /// Looks, and changes nothing: monitoring, notices, the supervisor.
    Viewer = "viewer" acts System;
    /// Sells and checks in at a window or on the telephone.
    Clerk = "clerk" acts Clerk;
    /// Books the next visit and adds seats in the consulting room.
    Doctor = "doctor" acts Doctor;
    /// Books for contract residents.
    FamilyDoctor = "family_doctor" acts FamilyDoctor;
    /// Refers patients from another institution.
    Referrer = "referrer" acts Referrer;
    /// A partner platform that sells.
    Partner = "partner" acts Partner;
    /// Publishes, stops, moves, corrects.
    Operator = "operator" acts Operator;
    /// Sets up: sizes, directory, policies; and everything else.
    Admin = "admin" acts Operator;
}

/// A member of staff, or a program of the hospital's, as its token says.
#[derive(Clone, Debug)]
pub struct Staff {
    /// The name of the token; it is counted and logged, and is no secret.
    pub name: String,
    /// What the token is for.
    pub duty: Duty,
    /// Who acts, for the trace.
    pub id: Option<ActorId>,
    /// The only institution whose referrals and contracts it may register.
    pub institution: Option<String>,
    /// The only channel through which it may book.
    pub channel: Option<Channel>,
    /// From this instant on the token is void.
    pub expires: Option<Instant>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Nobody has shown a token.
    Anyone,
    /// A person, with a token that the hospital signed.
    Patient {
        /// Whose token it is.
        patient: PatientKey,
        /// Through which channel it was given out.
        channel: Channel,
    },
    /// Staff.
    Staff(Arc<Staff>),
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// It is none, or not one of ours, or not as it was signed.
    Unknown,
    /// Its time is over.
    Expired,
    /// It runs for longer than a patient's token may.
    TooLong,
}

/// The tokens and keys that a server takes.
#[derive(Clone, Default)]
pub struct Credentials {
    /// By the BLAKE3 of the token: what is looked up is never the secret.
    staff: HashMap<[u8; 32], Arc<Staff>>,
    keys: HashMap<String, Key>,
}

/// Says how many there are and nothing of what they are.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("staff", &self.staff.len())
            .field("keys", &self.keys.len())
            .finish()
    }
}

#[derive(Clone)]
struct Key {
    mac: Hmac<Sha256>,
    expires: Option<Instant>,
}

/// The file of tokens, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<TokenText>,
    #[serde(default)]
    patient_key: Vec<KeyText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenText {
    name: String,
    hash: String,
    role: Duty,
    id: Option<String>,
    institution: Option<String>,
    channel: Option<Channel>,
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    id: String,
    secret: String,
    expires: Option<String>,
}

impl Credentials {
    /// Reads a file of tokens (TOML); `file` is its name in errors.
    ///
    /// # Errors
    /// [`FileError`] names the place and what to write. It never repeats a hash or a secret.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let read: File = haoyuan::file::read(file, text)?;
        let mut credentials = Self::default();
        for (number, token) in read.token.into_iter().enumerate() {
            let at =
                |key: &str, reason| FileError::at_key(file, text, &format!("token[{number}].{key}"), reason);
            let hash = hex32(&token.hash).ok_or_else(|| at("hash", not_hex64()))?;
            let expires = token.expires.as_deref().map(instant).transpose().map_err(|r| at("expires", r))?;
            let id = token.id.as_deref().map(actor_id).transpose().map_err(|r| at("id", r))?;
            if !is_name(&token.name) {
                return Err(at("name", not_a_name()));
            }
            if id.is_none() && token.role != Duty::Viewer {
                let reason = said!(
                    "who acts is written into the trace: give the keyed hash of the person or desk, 16 hexadecimal digits",
                    "操作人将写入留痕:请给出人员或窗口的带密钥哈希(16 位十六进制数)"
                );
                return Err(at("id", reason));
            }
            if matches!(token.role, Duty::Referrer | Duty::FamilyDoctor) && token.institution.is_none() {
                let reason = said!(
                    "a referrer and a family doctor act for an institution: give its code",
                    "转诊机构与家庭医生代表某一机构:请给出其编码"
                );
                return Err(at("institution", reason));
            }
            let TokenText { name, role: duty, institution, channel, .. } = token;
            let staff = Staff { name, duty, id, institution, channel, expires };
            if credentials.staff.insert(hash, Arc::new(staff)).is_some() {
                return Err(at("hash", said!("two tokens have this hash", "有两个令牌的哈希相同")));
            }
        }
        for (number, key) in read.patient_key.into_iter().enumerate() {
            let at = |name: &str, reason| {
                FileError::at_key(file, text, &format!("patient_key[{number}].{name}"), reason)
            };
            let secret = hex32(&key.secret).ok_or_else(|| at("secret", not_hex64()))?;
            let expires = key.expires.as_deref().map(instant).transpose().map_err(|r| at("expires", r))?;
            if !is_name(&key.id) || key.id.contains('.') {
                return Err(at("id", not_a_name()));
            }
            if credentials.keys.contains_key(&key.id) {
                return Err(at("id", said!("two keys have this name", "有两个密钥同名")));
            }
            credentials.add_key(&key.id, &secret, expires);
        }
        Ok(credentials)
    }

    /// Whether there is nobody who could give a command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.staff.is_empty()
    }

    /// Takes the token of a member of staff from now on.
    pub fn add_staff(&mut self, token: &StaffToken, staff: Staff) {
        self.staff.insert(token.hash(), Arc::new(staff));
    }

    /// Takes patients' tokens that are signed with this key from now on.
    pub fn add_key(&mut self, name: &str, secret: &[u8; 32], expires: Option<Instant>) {
        self.keys.insert(name.to_owned(), Key { mac: mac(secret), expires });
    }

    /// Signs a patient's token with the key of this name; `None` if there is no such key.
    #[must_use]
    pub fn sign(&self, key: &str, patient: PatientKey, channel: Channel, expires: Instant) -> Option<String> {
        let seconds = expires.ms() / SECOND;
        let text = format!("{PATIENT}.{key}.{}.{:032x}.{seconds}", channel.text(), patient.get());
        let signature = self.keys.get(key)?.mac.clone().chain_update(text.as_bytes()).finalize().into_bytes();
        Some(format!("{text}.{}", hex(&signature)))
    }

    /// The name of a key that signs, if there is one: the first by name that is not over.
    #[must_use]
    pub fn signing_key(&self, now: Instant) -> Option<&str> {
        let live = self.keys.iter().filter(|(_, key)| key.expires.is_none_or(|end| now < end));
        live.map(|(name, _)| name.as_str()).min()
    }

    /// Whose token this is.
    pub(crate) fn recognise(&self, token: &str, now: Instant) -> Result<Caller, Invalid> {
        if token.len() > TOKEN_BYTES_MOST {
            return Err(Invalid::Unknown);
        }
        if token.starts_with(PATIENT) { self.patient(token, now) } else { self.member(token, now) }
    }

    fn member(&self, token: &str, now: Instant) -> Result<Caller, Invalid> {
        let staff = self.staff.get(blake3::hash(token.as_bytes()).as_bytes()).ok_or(Invalid::Unknown)?;
        if staff.expires.is_some_and(|end| now >= end) {
            return Err(Invalid::Expired);
        }
        Ok(Caller::Staff(Arc::clone(staff)))
    }

    fn patient(&self, token: &str, now: Instant) -> Result<Caller, Invalid> {
        let (text, signature) = token.rsplit_once('.').ok_or(Invalid::Unknown)?;
        let mut parts = text.split('.').skip(1);
        let mut next = || parts.next().ok_or(Invalid::Unknown);
        let (key, channel, patient, expires) = (next()?, next()?, next()?, next()?);
        let key = self.keys.get(key).ok_or(Invalid::Unknown)?;
        let signature = hex32(signature).ok_or(Invalid::Unknown)?;
        // In constant time, and before anything in the token is believed.
        key.mac
            .clone()
            .chain_update(text.as_bytes())
            .verify_slice(&signature)
            .map_err(|_| Invalid::Unknown)?;
        let expires = expires.parse::<i64>().ok().and_then(|s| Instant::new(s.checked_mul(SECOND)?));
        let patient = (patient.len() == 32).then(|| u128::from_str_radix(patient, 16).ok()).flatten();
        let channel = Channel::ALL.iter().copied().find(|known| known.text() == channel);
        let (Some(expires), Some(patient), Some(channel), None) =
            (expires, patient.and_then(PatientKey::new), channel, parts.next())
        else {
            return Err(Invalid::Unknown);
        };
        if now >= expires || key.expires.is_some_and(|end| now >= end) {
            return Err(Invalid::Expired);
        }
        if expires.ms() - now.ms() > PATIENT_TOKEN_MOST {
            return Err(Invalid::TooLong);
        }
        Ok(Caller::Patient { patient, channel })
    }
}

impl Staff {
    /// Who acts when this member of staff gives a command.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { role: self.duty.role(), id: self.id, contact: None, reason: None }
    }
}

/// A new token of a member of staff: shown once, never kept.
pub struct StaffToken(String);

impl StaffToken {
    /// A new one, from the system's generator.
    ///
    /// # Errors
    /// What the system says if it has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{STAFF}{}", hex(&secret()?))))
    }

    /// The token, to be handed over.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_bytes()).as_bytes()
    }
}

impl std::fmt::Debug for StaffToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaffToken(…)")
    }
}

/// 256 random bits from the system's generator.
///
/// # Errors
/// What the system says if it has none to give.
pub fn secret() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hex32(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(bytes)
}

fn mac(secret: &[u8; 32]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(secret) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
}

fn not_a_name() -> Said {
    said!(
        "a name of 1 to 64 letters, digits, `-` and `_`, which is no secret",
        "名称须为 1 至 64 个字母、数字、`-` 或 `_`,且不是机密"
    )
}

fn not_hex64() -> Said {
    said!(
        "exactly 64 hexadecimal digits; `haoyuan token` makes them",
        "须为 64 位十六进制数;可由 `haoyuan token` 生成"
    )
}

fn actor_id(text: &str) -> Result<ActorId, Said> {
    let digits = text.len() == 16 && text.bytes().all(|c| c.is_ascii_hexdigit());
    let id = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten().and_then(ActorId::new);
    id.ok_or_else(|| {
        said!(
            "a keyed hash of a person or desk: exactly 16 hexadecimal digits, not zero, never a name or a staff number",
            "人员或窗口的带密钥哈希(16 位十六进制数,不为零;切勿填写姓名或工号)"
        )
    })
}

fn instant(text: &str) -> Result<Instant, Said> {
    let read = text.parse::<jiff::Timestamp>().ok().and_then(|t| Instant::new(t.as_millisecond()));
    read.ok_or_else(|| {
        said!(
            "an RFC 3339 instant between 1970 and 2109, such as `2026-12-31T00:00:00+08:00`",
            "1970 至 2109 年之间的 RFC 3339 时间,如 `2026-12-31T00:00:00+08:00`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use haoyuan::said::Speak;

    const NOW: i64 = 1_772_492_400_000;

    fn now() -> Instant {
        Instant::new(NOW).unwrap()
    }

    fn keyed() -> Credentials {
        let mut credentials = Credentials::default();
        credentials.add_key("k1", &[7; 32], None);
        credentials
    }

    fn person() -> PatientKey {
        PatientKey::new(0x5f0c_6f0f_6c1d_4b7e_9a3d_2e1f_0011_2233).unwrap()
    }

    #[test]
    fn a_signed_token_names_its_person_until_it_ends() {
        let credentials = keyed();
        let token = credentials.sign("k1", person(), Channel::Web, now().plus(60_000)).unwrap();
        let caller = credentials.recognise(&token, now()).unwrap();
        assert!(matches!(caller, Caller::Patient { patient, channel: Channel::Web } if patient == person()));
        assert_eq!(credentials.recognise(&token, now().plus(60_000)).unwrap_err(), Invalid::Expired);
        assert!(credentials.recognise(&token, now().plus(59_999)).is_ok());
    }

    /// What the function in the README prints in Python for the key of 32 bytes 7, another system's token for this one.
    #[test]
    fn a_token_that_python_signed_is_taken() {
        let signed = "hyp1.k1.web.5f0c6f0f6c1d4b7e9a3d2e1f00112233.1772492460.\
                      4271e59b5a203f565997da73070f9d7913fb5fdd3b901d55698aaf96a23a79da";
        let caller = keyed().recognise(signed, now()).unwrap();
        assert!(matches!(caller, Caller::Patient { patient, channel: Channel::Web } if patient == person()));
        assert_eq!(
            keyed().sign("k1", person(), Channel::Web, now().plus(60_000)).as_deref(),
            Some(signed),
            "and ours is the same to the letter"
        );
    }

    #[test]
    fn no_part_of_a_token_can_be_changed() {
        let credentials = keyed();
        let token = credentials.sign("k1", person(), Channel::Web, now().plus(60_000)).unwrap();
        for at in 0..token.len() {
            for other in ["0", "1", "f", ".", "a"] {
                let mut forged = token.clone();
                forged.replace_range(at..=at, other);
                if forged.eq_ignore_ascii_case(&token) {
                    continue;
                }
                assert!(credentials.recognise(&forged, now()).is_err(), "{forged}");
            }
        }
        for cut in 0..token.len() {
            assert!(credentials.recognise(&token[..cut], now()).is_err());
        }
        assert!(credentials.recognise(&format!("{token}0"), now()).is_err());
        assert!(credentials.recognise(&"a".repeat(100_000), now()).is_err());
    }

    #[test]
    fn a_token_of_another_key_or_of_a_key_that_is_over_is_not_taken() {
        let mut other = Credentials::default();
        other.add_key("k1", &[8; 32], None);
        let token = other.sign("k1", person(), Channel::App, now().plus(60_000)).unwrap();
        assert_eq!(keyed().recognise(&token, now()).unwrap_err(), Invalid::Unknown);
        let mut over = Credentials::default();
        over.add_key("k1", &[8; 32], Some(now()));
        assert_eq!(over.recognise(&token, now()).unwrap_err(), Invalid::Expired);
        assert_eq!(over.signing_key(now()), None);
    }

    #[test]
    fn a_token_that_runs_for_days_is_no_patients_token() {
        let credentials = keyed();
        let end = now().plus(PATIENT_TOKEN_MOST + 1_000);
        let token = credentials.sign("k1", person(), Channel::Web, end).unwrap();
        assert_eq!(credentials.recognise(&token, now()).unwrap_err(), Invalid::TooLong);
    }

    #[test]
    fn staff_are_known_by_the_hash_of_their_token() {
        let token = StaffToken::generate().unwrap();
        let text = format!(
            "[[token]]\nname = \"window-3\"\nhash = \"{}\"\nrole = \"clerk\"\nid = \"00000000000000a1\"\n\
             channel = \"window\"\nexpires = \"2026-03-03T08:00:00+08:00\"\n",
            hex(&token.hash())
        );
        let credentials = Credentials::parse("tokens.toml", &text).unwrap();
        let Caller::Staff(staff) = credentials.recognise(token.reveal(), now()).unwrap() else { panic!() };
        assert_eq!((staff.duty, staff.channel), (Duty::Clerk, Some(Channel::Window)));
        let end = now().plus(HOUR);
        assert_eq!(credentials.recognise(token.reveal(), end).unwrap_err(), Invalid::Expired);
        assert!(credentials.recognise(&hex(&token.hash()), now()).is_err());
        assert!(!text.contains(token.reveal()) && !format!("{token:?}").contains(token.reveal()));
    }

    #[track_caller]
    fn wrong(text: &str, words: &str) {
        let error = Credentials::parse("tokens.toml", text).unwrap_err();
        assert!(error.line > 0 && error.said().en.contains(words), "{}", error.said().en);
        assert!(!error.said().zh.is_ascii());
    }

    #[test]
    fn a_wrong_file_is_told_where() {
        let hash = "ab".repeat(32);
        wrong(
            "[[token]]\nname = \"a\"\nhash = \"abc\"\nrole = \"clerk\"\nid = \"00000000000000a1\"\n",
            "64 hex",
        );
        wrong(&format!("[[token]]\nname = \"a\"\nhash = \"{hash}\"\nrole = \"clerk\"\n"), "who acts");
        wrong(&format!("[[token]]\nname = \"a b\"\nhash = \"{hash}\"\nrole = \"viewer\"\n"), "a name of");
        wrong(&format!("[[token]]\nname = \"a\"\nhash = \"{hash}\"\nrole = \"king\"\n"), "king");
        wrong(
            &format!("[[token]]\nname = \"a\"\nhash = \"{hash}\"\nrole = \"viewer\"\nexpires = \"soon\"\n"),
            "RFC 3339",
        );
        let referrer = "role = \"referrer\"\nid = \"00000000000000a1\"\n";
        wrong(&format!("[[token]]\nname = \"a\"\nhash = \"{hash}\"\n{referrer}"), "institution");
        wrong("[[patient_key]]\nid = \"k\"\nsecret = \"12\"\n", "64 hex");
        wrong(&format!("[[patient_key]]\nid = \"k.1\"\nsecret = \"{hash}\"\n"), "a name of");
        let viewer = format!("[[token]]\nname = \"a\"\nhash = \"{hash}\"\nrole = \"viewer\"\n");
        wrong(&format!("{viewer}{viewer}"), "two tokens");
    }
}
