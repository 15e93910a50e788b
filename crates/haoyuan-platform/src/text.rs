//! How values are written in commands and answers: instants, days, keys, codes; each has one spelling going out and one
//! checked way coming in.
//!
//! INVARIANT (nothing personal comes back): no message made here repeats a value that it was given. Somebody who types
//! an identity-card number where a key belongs is told which field is wrong, and the number goes nowhere.

use haoyuan_core::ids::{BookingId, IdempotencyKey, PatientKey, TicketId};
use haoyuan_core::instant::{DAY, Day, HOUR, Instant, MINUTE, OFFSET, SECOND};
use haoyuan_core::said;
use haoyuan_core::said::{Packed, Said};
use haoyuan_core::terms::{Channel, Class, Grade, Kind, Outcome, VisitKind};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The most bytes of a code: of a session, an institution, a department, a practitioner, a preset.
pub const CODE_BYTES_MAX: usize = 64;

/// A value that is written in JSON as a string of a fixed form.
pub(crate) trait Written: Sized {
    /// What the string must be, for the message to somebody who wrote something else.
    fn form() -> Said;
    /// Reads the string.
    fn read(text: &str) -> Option<Self>;
    /// Writes the string.
    fn write(&self) -> String;
}

impl Written for Instant {
    fn form() -> Said {
        said!(
            "an RFC 3339 instant between 1970 and 2109, such as `2026-03-10T07:00:00+08:00`",
            "1970 至 2109 年之间的 RFC 3339 时间,如 `2026-03-10T07:00:00+08:00`"
        )
    }

    fn read(text: &str) -> Option<Self> {
        // The readers of date libraries take more than RFC 3339 (spaces, zone names, missing seconds) and weigh more than the
        // rest of a feed in a browser; one spelling is enough here.
        if !has_form(text, b"dddd-dd-ddTdd:dd:dd") {
            return None;
        }
        let rest = &text[19..];
        let digits = rest.strip_prefix('.').map(|r| r.bytes().take_while(u8::is_ascii_digit).count());
        let (fraction, zone) = match digits {
            Some(n @ 1..=9) => (&rest[1..=n], &rest[n + 1..]),
            Some(_) => return None,
            None => ("", rest),
        };
        let offset = if zone == "Z" { 0 } else { read_offset(zone)? };
        // Finer than a millisecond is cut off, never rounded up: one nanosecond before the release is before it.
        let ms = fraction.bytes().chain(*b"000").take(3).fold(0, |ms, c| ms * 10 + i64::from(c - b'0'));
        let [hour, minute, second] = [&text[11..13], &text[14..16], &text[17..19]].map(number);
        // A leap second is the second before it.
        let second = if second == 60 { 59 } else { second };
        let date = read_date(text)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let clock = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + i64::from(second) * SECOND + ms;
        Self::new(i64::from(date.0) * DAY + clock - offset)
    }

    fn write(&self) -> String {
        let clock = (self.ms() + OFFSET).rem_euclid(DAY);
        let (hour, minute) = (clock / HOUR, clock / MINUTE % 60);
        let (second, ms) = (clock / SECOND % 60, clock % SECOND);
        let date = self.day().write();
        if ms == 0 {
            format!("{date}T{hour:02}:{minute:02}:{second:02}+08:00")
        } else {
            format!("{date}T{hour:02}:{minute:02}:{second:02}.{ms:03}+08:00")
        }
    }
}

/// An offset from UTC: `+08:00`, milliseconds.
fn read_offset(zone: &str) -> Option<i64> {
    if zone.len() != 6 || !has_form(zone, b"+dd:dd") && !has_form(zone, b"-dd:dd") {
        return None;
    }
    let [hour, minute] = [&zone[1..3], &zone[4..6]].map(number);
    let offset = i64::from(hour) * HOUR + i64::from(minute) * MINUTE;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    (hour < 26 && minute < 60).then_some(sign * offset)
}

/// The day of the date that the text begins with; its form was looked at before.
fn read_date(text: &str) -> Option<Day> {
    Day::of_date(text[..4].parse().ok()?, number(&text[5..7]), number(&text[8..10]))
}

/// The value of two digits.
fn number(digits: &str) -> u8 {
    digits.parse().unwrap_or(u8::MAX)
}

/// Whether `text` begins with the form, where `d` stands for a digit.
fn has_form(text: &str, form: &[u8]) -> bool {
    text.len() >= form.len()
        && text.bytes().zip(form).all(|(c, f)| if *f == b'd' { c.is_ascii_digit() } else { c == *f })
}

impl Written for Day {
    fn form() -> Said {
        said!(
            "a day between 1970 and 2109, such as `2026-03-10`",
            "1970 至 2109 年之间的日期,如 `2026-03-10`"
        )
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() != 10 || !has_form(text, b"dddd-dd-dd") {
            return None;
        }
        read_date(text).filter(|day| (0..=Instant::MAX.day().0).contains(&day.0))
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

fn hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u128> {
    // `from_str_radix` would take a sign as well, and multiplies where shifting does: 128 bits are dear on 32-bit machines.
    if !digits.contains(&text.len()) {
        return None;
    }
    text.chars().try_fold(0, |value, c| Some(value << 4 | u128::from(c.to_digit(16)?)))
}

impl Written for PatientKey {
    fn form() -> Said {
        said!(
            "a patient key: exactly 32 hexadecimal digits of a keyed hash, never a name or an identity number",
            "患者键(带密钥哈希的 32 位十六进制数;切勿填写姓名或证件号)"
        )
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(hex(text, 32..=32)?)
    }

    fn write(&self) -> String {
        format!("{:032x}", self.get())
    }
}

impl Written for IdempotencyKey {
    fn form() -> Said {
        said!(
            "an idempotency key: 1 to 32 hexadecimal digits, not zero",
            "幂等键(1 至 32 位十六进制数,不为零)"
        )
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(hex(text, 1..=32)?)
    }

    fn write(&self) -> String {
        format!("{:x}", self.get())
    }
}

impl Written for TicketId {
    fn form() -> Said {
        said!("a ticket number: 1 to 32 hexadecimal digits, not zero", "凭证号(1 至 32 位十六进制数,不为零)")
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(hex(text, 1..=32)?)
    }

    fn write(&self) -> String {
        format!("{:x}", self.get())
    }
}

impl Written for BookingId {
    fn form() -> Said {
        said!(
            "a booking number: the 16 hexadecimal digits that a grant gave",
            "预约号(给号答复中的 16 位十六进制数)"
        )
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(hex(text, 16..=16)?.try_into().ok()?)
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

macro_rules! written_terms {
    ($($term:ident $en:literal $zh:literal),+ $(,)?) => {
        $(impl Written for $term {
            fn form() -> Said {
                let terms: Vec<String> =
                    Self::ALL.iter().map(|term| format!("`{}`({})", term.text(), term.zh())).collect();
                Said { en: $en.to_owned(), zh: format!("{} {}", $zh, terms.join("、")) }
            }

            fn read(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.text() == text)
            }

            fn write(&self) -> String {
                self.text().to_owned()
            }
        })+
    };
}

written_terms! {
    Class "a class: `public`, `referral_secondary`, `referral_primary`, `contract`, `revisit`, `on_site` or `green`" "类别",
    Channel "a channel: `app`, `wechat`, `phone`, `web`, `kiosk`, `window`, `station` or `partner`" "渠道",
    Grade "a grade: `ordinary`, `expert`, `premium` or `disease`" "号别",
    Kind "a kind: `clinic`, `online` or `exam`" "类型",
    VisitKind "a kind of visit: `outpatient`, `stomatology`, `prenatal`, `emergency`, `checkup`, `mass_test`, `refill`, `inpatient_exam` or `inpatient_exam_exempt`" "就诊类型",
    Outcome "an outcome: `attended`, `no_show`, `cancelled`, `cancelled_late`, `stopped`, `excused` or `refunded`" "就诊结果",
}

/// A code that people gave to a thing: 1 to [`CODE_BYTES_MAX`] bytes, no control characters.
pub(crate) struct Name(pub(crate) String);

impl Written for Name {
    fn form() -> Said {
        said!("a code of 1 to 64 bytes without control characters", "编码(1 至 64 字节,不含控制字符)")
    }

    fn read(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= CODE_BYTES_MAX && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// Takes a string of the form and nothing else; in particular the message of a wrong type does not repeat the value.
struct Reader<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Packed(T::form()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).ok_or_else(|| E::invalid_value(Unexpected::Other("this value"), &self))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Err(E::invalid_type(Unexpected::Other("this value"), &self))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Err(E::invalid_type(Unexpected::Other("this value"), &self))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Err(E::invalid_type(Unexpected::Other("this value"), &self))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Err(E::invalid_type(Unexpected::Other("this value"), &self))
    }
}

/// For `#[serde(with = "text::required")]`: a value that must be there.
pub(crate) mod required {
    use super::{Deserializer, PhantomData, Reader, Serializer, Written};

    pub(crate) fn serialize<T: Written, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.write())
    }

    pub(crate) fn deserialize<'de, T: Written, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        // Not `deserialize_str`: that would let the format complain about a wrong type, and repeat the value.
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

/// For `#[serde(with = "text::optional", default, skip_serializing_if = "Option::is_none")]`: a value that may be
/// absent; `null` means absent.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Form, Serializer, Written};

    #[expect(clippy::ref_option, reason = "serde hands a field over by reference")]
    pub(crate) fn serialize<T: Written, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_str(&value.write()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Written, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<Form<T>>::deserialize(deserializer)?.map(|form| form.0))
    }
}

/// A [`Written`] value with `Serialize` and `Deserialize`, for use inside other types.
struct Form<T>(T);

impl<'de, T: Written> Deserialize<'de> for Form<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        required::deserialize(deserializer).map(Self)
    }
}

/// A [`Written`] value as a key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Written> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        required::serialize(&self.0, serializer)
    }
}

impl<'de, T: Written> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        required::deserialize(deserializer).map(Self)
    }
}

/// For codes that must be there.
pub(crate) mod code {
    use super::{Deserializer, Name, required};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        required::deserialize::<Name, D>(deserializer).map(|name| name.0)
    }
}

/// For codes that may be absent.
pub(crate) mod optional_code {
    use super::{Deserializer, Name, optional};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<String>, D::Error> {
        Ok(optional::deserialize::<Name, D>(deserializer)?.map(|name| name.0))
    }
}

/// A slot of a session, as people point at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Counted from 0.
    Index(u64),
    /// By the instant at which it starts.
    Start(Instant),
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Index(index) => serializer.serialize_u64(*index),
            Self::Start(start) => serializer.serialize_str(&start.write()),
        }
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Slot;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let form = said!(
                    "the index of a slot, counted from 0, or the RFC 3339 instant at which it starts",
                    "时段序号(从 0 起),或时段开始的 RFC 3339 时间"
                );
                write!(f, "{}", Packed(form))
            }

            fn visit_u64<E: Error>(self, index: u64) -> Result<Slot, E> {
                Ok(Slot::Index(index))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Slot, E> {
                Instant::read(text)
                    .map(Slot::Start)
                    .ok_or_else(|| E::invalid_value(Unexpected::Other("this value"), &self))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// For `#[serde(deserialize_with = "text::object")]`: a struct written as a JSON object. Serde would take an array as
/// well.
pub(crate) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(Object { inner: deserializer, ignored: &[], given: None })
}

/// For optional structs.
pub(crate) fn optional_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Inner<T>(T);
    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inner<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            object(deserializer).map(Self)
        }
    }
    Ok(Option::<Inner<T>>::deserialize(deserializer)?.map(|inner| inner.0))
}

/// A deserializer that gives structs from maps only, leaves keys out that were read before, and puts one in front that
/// somebody else gives.
pub(crate) struct Object<D> {
    pub(crate) inner: D,
    pub(crate) ignored: &'static [&'static str],
    pub(crate) given: Option<(&'static str, String)>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Self { inner, ignored, given } = self;
        inner.deserialize_struct(name, fields, MapOnly { inner: visitor, ignored, given })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct MapOnly<V> {
    inner: V,
    ignored: &'static [&'static str],
    given: Option<(&'static str, String)>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for MapOnly<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Packed(said!("a JSON object", "JSON 对象")))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Without { map, ignored: self.ignored, given: self.given, due: None })
    }
}

struct Without<A> {
    map: A,
    ignored: &'static [&'static str],
    given: Option<(&'static str, String)>,
    /// The value of the key that was put in front, until it is asked for.
    due: Option<String>,
}

/// A key, borrowed from the line where it has no escapes: it is looked at once and let go.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Without<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if let Some((key, value)) = self.given.take() {
            self.due = Some(value);
            return seed.deserialize(serde::de::value::StrDeserializer::new(key)).map(Some);
        }
        while let Some(Key(key)) = self.map.next_key()? {
            if !self.ignored.contains(&&*key) {
                return seed.deserialize(serde::de::value::CowStrDeserializer::new(key)).map(Some);
            }
            self.map.next_value::<serde::de::IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        match self.due.take() {
            Some(value) => seed.deserialize(serde::de::value::StringDeserializer::new(value)),
            None => self.map.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same text read by jiff, which is the reference for the calendar.
    fn reference(text: &str) -> Option<Instant> {
        let ms = text.parse::<jiff::Timestamp>().ok()?.as_nanosecond().div_euclid(1_000_000);
        Instant::new(ms.try_into().ok()?)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn instants_and_days_are_read_as_jiff_reads_them(
            year in 1968i32..2112, month in 0u8..14, day in 0u8..33, hour in 0u8..25, minute in 0u8..61, second in 0u8..62,
            fraction in "(\\.[0-9]{1,9})?", zone in "(Z|[+-][0-2][0-9]:[0-6][0-9])",
        ) {
            let date = format!("{year:04}-{month:02}-{day:02}");
            let text = format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}");
            prop_assert_eq!(Instant::read(&text), reference(&text), "{}", text);
            let known = reference(&format!("{date}T00:00:00+08:00")).map(Instant::day);
            let read = Day::read(&date);
            prop_assert!(read == known || known.is_none() && date.as_str() <= "1970-01-01", "{}", date);
        }

        #[test]
        fn instants_and_days_are_written_as_they_are_read(ms in 0i64..=Instant::MAX.ms()) {
            let at = Instant::new(ms).unwrap();
            prop_assert_eq!(Instant::read(&at.write()), Some(at));
            prop_assert_eq!(Day::read(&at.day().write()), Some(at.day()));
            prop_assert!(at.write().starts_with(&at.day().write()));
        }
    }
}
