//! Objects that are objects. serde takes a list for a struct, member by member; nobody means that.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// An object, for `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// When it is something else, or not such an object.
pub fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_map(Object(PhantomData))
}

/// An object or null, for `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// When it is something else, or not such an object.
pub fn object_or_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(bound = "T: Deserialize<'de>")]
    struct Some<T>(#[serde(deserialize_with = "object")] T);
    Option::<Some<T>>::deserialize(deserializer).map(|given| given.map(|Some(value)| value))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Colour {
        red: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Door {
        #[serde(deserialize_with = "object")]
        inside: Colour,
        #[serde(default, deserialize_with = "object_or_null")]
        outside: Option<Colour>,
    }

    #[test]
    fn a_list_is_no_object() {
        fn check(json: &str, expected: Option<(u8, Option<u8>)>) {
            let read = serde_json::from_str::<Door>(json);
            let read = read.ok().map(|door| (door.inside.red, door.outside.map(|it| it.red)));
            assert_eq!(read, expected, "{json}");
        }
        check(r#"{"inside":{"red":1}}"#, Some((1, None)));
        check(r#"{"inside":{},"outside":{"red":2}}"#, Some((0, Some(2))));
        check(r#"{"inside":{},"outside":null}"#, Some((0, None)));
        check(r#"{"inside":[]}"#, None);
        check(r#"{"inside":{},"outside":[2]}"#, None);
    }
}
