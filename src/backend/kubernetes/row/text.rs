//! Values as servers write them: text that stands in the answer or is null, times, quantities. Nothing here fails on what it does not
//! expect: one odd object must not cost the page that it stands on.

use std::{borrow::Cow, fmt, ops::Deref};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Text that is borrowed from the answer; null is empty, and a number is its digits (an `IntOrString` is either).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text<'de>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// A moment, to the second: half of what a `Timestamp` takes, ten thousand times over. Never is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    pub fn parse(text: &str) -> Self {
        let seconds = text.parse::<Timestamp>().map_or(0, Timestamp::as_second);
        Self(seconds.max(0))
    }

    pub fn get(self) -> Option<Timestamp> {
        (self.0 > 0).then(|| Timestamp::from_second(self.0).ok()).flatten()
    }

    pub fn is_never(self) -> bool {
        self.0 == 0
    }

    /// Itself, else the other.
    pub fn or(self, other: Self) -> Self {
        if self.is_never() { other } else { self }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

/// For a field that is a whole object: servers may leave it out or write null.
pub fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Of a counter that servers leave out where it is nought.
pub fn count(number: Option<i64>) -> u32 {
    number.map_or(0, |number| u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

/// `100m`, `0.5`, `2`: thousandths of a core, upwards.
pub fn cpu(quantity: &str) -> Option<u64> {
    scaled(quantity).map(|cores| (cores * 1000.0).ceil() as u64)
}

/// `128Mi`, `1.5Gi`, `129e6`, `500M`: bytes, upwards.
pub fn bytes(quantity: &str) -> Option<u64> {
    scaled(quantity).map(|bytes| bytes.ceil() as u64)
}

/// A quantity as in `k8s.io/apimachinery/pkg/api/resource`.
fn scaled(quantity: &str) -> Option<f64> {
    let quantity = quantity.trim();
    let unit_at = quantity.find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E')).unwrap_or(quantity.len());
    let (mut number, mut unit) = quantity.split_at(unit_at);
    // `1E` is an exa, `1E3` a thousand.
    if unit.is_empty() && number.ends_with(['e', 'E']) {
        (number, unit) = number.split_at(number.len() - 1);
    } else if unit == "i" && number.ends_with('E') {
        (number, unit) = (&number[..number.len() - 1], "Ei");
    }
    let factor = match unit {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" | "e" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        _ => return None,
    };
    let value = number.parse::<f64>().ok()? * factor;
    (value.is_finite() && value >= 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_every_form_that_servers_write() {
        assert_eq!(["100m", "0.5", "2", "1500u", "1e3"].map(cpu), [100, 500, 2000, 2, 1_000_000].map(Some));
        assert_eq!(
            ["128Mi", "1.5Gi", "129e6", "500M", "1E3", "2Ei", "0"].map(bytes),
            [128 << 20, 3 << 29, 129_000_000, 500_000_000, 1000, 2 << 60, 0].map(Some)
        );
        assert_eq!(["", "x", "-1", "1x", "NaN", "inf"].map(bytes), [None; 6]);
    }

    #[test]
    fn text_may_be_null_a_number_or_something_else_altogether() {
        let read = |json| serde_json::from_str::<Text>(json).expect(json).to_string();
        assert_eq!(["null", "7", "\"a\\nb\"", "[1,{}]", "{\"a\":[]}"].map(read), ["", "7", "a\nb", "", ""]);
    }

    #[test]
    fn a_time_is_kept_to_the_second_and_may_be_never() {
        let read = |json| serde_json::from_str::<Time>(json).expect(json).get().map(Timestamp::as_second);
        assert_eq!(read("\"2026-11-21T05:26:19.123456Z\""), Some(1_795_238_779));
        assert_eq!(["null", "\"\"", "\"yesterday\"", "\"0001-01-01T00:00:00Z\""].map(read), [None; 4]);
    }
}
