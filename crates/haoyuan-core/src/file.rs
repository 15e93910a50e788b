//! Reading a TOML file: the text becomes one tree, and every schema is read from that tree by one small deserializer.
//!
//! INVARIANT (an error has a place): whatever does not fit is refused with the line, column and key of the innermost entry
//! that is wrong; a key that is wrong is placed at the key, anything else at its value.
//!
//! # Why not the deserializers of the `toml` crate
//! There are four of them (of a table, a value, an array, a datetime), each with arms for every kind of value, and each is
//! compiled for every type of a schema; a fifth reads the merged table that a policy and its presets make. Together they
//! were a quarter of the WebAssembly module. Here everything is borrowed from the tree and a struct is read from a table
//! and from nothing else.

use crate::foreign;
use crate::locate::FileError;
use crate::said::Said;
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
};
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};
use toml::map::Iter;

/// A value and where in the text it stands.
pub(crate) type Node<'i> = Spanned<DeValue<'i>>;

/// Reads a TOML file.
///
/// # Errors
/// [`FileError`] names line, column, key and reason of the first thing that is wrong.
pub fn read<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> Result<T, FileError> {
    data(&tree(file, text)?).map_err(|error| error.in_file(file, text))
}

/// The tree of a text; its root is a table.
pub(crate) fn tree<'i>(file: &str, text: &'i str) -> Result<Node<'i>, FileError> {
    match DeTable::parse(text) {
        Ok(table) => Ok(Spanned::new(table.span(), DeValue::Table(table.into_inner()))),
        Err(error) => Err(FileError::at_span(file, text, error.span(), foreign::toml(error.message()))),
    }
}

/// A schema's value from a tree.
pub(crate) fn data<T: for<'de> Deserialize<'de>>(node: &Node<'_>) -> Result<T, DataError> {
    T::deserialize(Reader(node))
}

/// The same value without the places.
pub(crate) fn plain(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.clone().into_owned()),
        // What is no integer of 64 bits was refused before.
        DeValue::Integer(number) => toml::Value::Integer(integer(number).unwrap_or_default()),
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().unwrap_or_default()),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(datetime) => toml::Value::Datetime(*datetime),
        DeValue::Array(items) => toml::Value::Array(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => toml::Value::Table(plain_table(table)),
    }
}

/// The same table without the places.
pub(crate) fn plain_table(table: &DeTable<'_>) -> toml::Table {
    table.iter().map(|(name, value)| (name.get_ref().clone().into_owned(), plain(value.get_ref()))).collect()
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// What does not fit, and where in the text, as soon as that is known.
#[derive(Debug)]
pub(crate) struct DataError {
    span: Option<Range<usize>>,
    message: String,
}

impl DataError {
    /// The reason, in both languages.
    pub(crate) fn reason(&self) -> Said {
        foreign::toml(&self.message)
    }

    pub(crate) fn in_file(self, file: &str, text: &str) -> FileError {
        let reason = self.reason();
        FileError::at_span(file, text, self.span, reason)
    }

    /// It is at this place, unless it is already known to be at one inside.
    fn within(self, span: Range<usize>) -> Self {
        Self { span: self.span.or(Some(span)), ..self }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DataError {}

impl de::Error for DataError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { span: None, message: message.to_string() }
    }
}

/// The one deserializer.
#[derive(Clone, Copy)]
struct Reader<'a, 'i>(&'a Node<'i>);

impl Reader<'_, '_> {
    /// The value is of another kind.
    fn unfit(self, expected: &dyn Expected) -> DataError {
        let found = match self.0.get_ref() {
            DeValue::String(text) => Unexpected::Str(text),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => Unexpected::Signed(number),
                None => Unexpected::Other("integer"),
            },
            DeValue::Float(number) => Unexpected::Float(number.as_str().parse().unwrap_or_default()),
            DeValue::Boolean(flag) => Unexpected::Bool(*flag),
            DeValue::Datetime(_) => Unexpected::Other("datetime"),
            DeValue::Array(_) => Unexpected::Seq,
            DeValue::Table(_) => Unexpected::Map,
        };
        self.place(DataError::invalid_type(found, expected))
    }

    fn place(self, error: DataError) -> DataError {
        error.within(self.0.span())
    }
}

macro_rules! whole_numbers {
    ($($read:ident)+) => {
        $(fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
            self.deserialize_i64(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = DataError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self.0.get_ref() {
            DeValue::String(_) => self.deserialize_str(visitor),
            DeValue::Integer(_) => self.deserialize_i64(visitor),
            DeValue::Boolean(_) => self.deserialize_bool(visitor),
            DeValue::Array(_) => self.deserialize_seq(visitor),
            DeValue::Table(_) => self.deserialize_map(visitor),
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number).map_err(|error| self.place(error)),
                Err(_) => Err(self.unfit(&visitor)),
            },
            DeValue::Datetime(_) => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self.0.get_ref() {
            DeValue::Integer(number) => match integer(number) {
                Some(number) => visitor.visit_i64(number).map_err(|error| self.place(error)),
                None => Err(self.place(DataError::invalid_value(Unexpected::Other("integer"), &visitor))),
            },
            _ => Err(self.unfit(&visitor)),
        }
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self.0.get_ref() {
            DeValue::Boolean(flag) => visitor.visit_bool(*flag).map_err(|error| self.place(error)),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_str(text).map_err(|error| self.place(error)),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        // A key that is there has a value; one that is not is never asked for.
        visitor.visit_some(self).map_err(|error| self.place(error))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DataError> {
        visitor.visit_newtype_struct(self).map_err(|error| self.place(error))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self.0.get_ref() {
            DeValue::Array(items) => {
                visitor.visit_seq(Items(items.iter())).map_err(|error| self.place(error))
            }
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        match self.0.get_ref() {
            DeValue::Table(table) => visitor
                .visit_map(Entries { rest: table.iter(), value: None })
                .map_err(|error| self.place(error)),
            _ => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DataError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DataError> {
        match self.0.get_ref() {
            DeValue::String(text) => {
                visitor.visit_enum(StrDeserializer::new(text)).map_err(|error| self.place(error))
            }
            _ => Err(self.unfit(&"a string")),
        }
    }

    // By hand, because the rules know integers only, and a test holds to it that no other kind of number is named here.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The items of an array that are still to be read.
struct Items<'a, 'i>(std::slice::Iter<'a, Node<'i>>);

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = DataError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DataError> {
        let read = |item| seed.deserialize(Reader(item)).map_err(|error| Reader(item).place(error));
        self.0.next().map(read).transpose()
    }
}

/// The entries of a table that are still to be read, in the order of the file.
struct Entries<'a, 'i> {
    rest: Iter<'a, Spanned<toml::de::DeString<'i>>, Node<'i>>,
    value: Option<&'a Node<'i>>,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = DataError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DataError> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let key = seed.deserialize(StrDeserializer::new(name.get_ref()));
        key.map(Some).map_err(|error: DataError| error.within(name.span()))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, DataError> {
        match self.value.take() {
            // What a type says of a value that it has read itself is about that value.
            Some(value) => seed.deserialize(Reader(value)).map_err(|error| Reader(value).place(error)),
            None => Err(DataError::custom("a value is asked for before its key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Clinic,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        n: u8,
        kind: Option<Kind>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Outer {
        list: Vec<Inner>,
        named: BTreeMap<String, Inner>,
        flag: Option<bool>,
        text: String,
        large: u64,
    }

    #[track_caller]
    fn check(text: &str, place: (usize, usize), key: &str, en: &str) {
        let error = read::<Outer>("f.toml", text).unwrap_err();
        assert_eq!((error.line, error.column), place, "{error}");
        assert_eq!((error.key.as_str(), error.reason.en.as_str()), (key, en));
        assert!(!error.reason.zh.is_ascii(), "{}", error.reason.zh);
    }

    #[test]
    fn what_fits_is_read_as_the_toml_crate_reads_it() {
        let text = "text = '号'\nlarge = 0xff\nflag = true\nlist = [{n = 1}, {n = 2, kind = 'clinic'}]\n[named.a]\nn = 3\n";
        let outer: Outer = read("f.toml", text).unwrap();
        assert_eq!(outer, toml::from_str(text).unwrap());
        assert_eq!(outer.list[1], Inner { n: 2, kind: Some(Kind::Clinic) });
        let node = tree("f.toml", text).unwrap();
        assert_eq!(plain(node.get_ref()), toml::Value::Table(text.parse().unwrap()));
    }

    #[test]
    fn what_does_not_fit_has_its_place() {
        check("flag = 1", (1, 8), "flag", "invalid type: integer `1`, expected a boolean");
        check("text = 1.5", (1, 8), "text", "invalid type: floating point `1.5`, expected a string");
        check("text = 2026-10-01", (1, 8), "text", "invalid type: datetime, expected a string");
        check("list = { n = 1 }", (1, 8), "list", "invalid type: map, expected a sequence");
        check(
            "[[list]]\nn = 1\n[[list]]\nn = 256",
            (4, 5),
            "list[1].n",
            "invalid value: integer `256`, expected a whole number, 0 to 255",
        );
        check("list = [[1, 'clinic']]", (1, 9), "list[0]", "invalid type: sequence, expected struct Inner");
        check("[named.a]\nn = 1\nm = 2", (3, 1), "named.a.m", "unknown field `m`, expected `n` or `kind`");
        check("named = { a = { kind = 'clinic' } }", (1, 15), "named.a", "missing field `n`");
        check(
            "list = [{ n = 1, kind = 'x' }]",
            (1, 25),
            "list[0].kind",
            "unknown variant `x`, expected `clinic`",
        );
        check(
            "list = [{ n = 1, kind = 7 }]",
            (1, 25),
            "list[0].kind",
            "invalid type: integer `7`, expected a string",
        );
        let large = "large = 99999999999999999999";
        check(large, (1, 9), "large", "invalid value: integer, expected a whole number, not negative");
        assert_eq!(read::<Outer>("f.toml", "text = ").unwrap_err().line, 1);
    }
}
