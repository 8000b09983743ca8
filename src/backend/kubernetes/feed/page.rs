//! Where a list goes on stands at the beginning of a page, so that the next one can be asked for while this one is still coming.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

/// `metav1.ListMeta`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    r#continue: String,
}

/// From the first bytes of a page: asks for the next one, or is empty where there is none. `None`: not in these bytes, or not before
/// the objects.
pub fn next(bytes: &[u8]) -> Option<String> {
    let mut found = None;
    // Ends in an error at the latest where the bytes do; what was found until then is meant.
    _ = serde_json::Deserializer::from_slice(bytes).deserialize_map(Search { found: &mut found });
    found.map(|head| head.r#continue)
}

struct Search<'a> {
    found: &'a mut Option<Head>,
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match &*key {
                "metadata" => {
                    *self.found = Some(map.next_value()?);
                    return Err(Error::custom("found"));
                }
                "items" => return Err(Error::custom("too late")),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_list_goes_on_is_known_before_the_page_has_come() {
        let page =
            br#"{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"ab"},"items":[{"metadata":{"name":"a"#;
        assert_eq!(next(&page[..40]), None);
        assert_eq!(next(page).as_deref(), Some("ab"));
    }

    #[test]
    fn the_last_page_says_so_and_a_head_that_comes_late_says_nothing() {
        assert_eq!(next(br#"{"metadata":{"resourceVersion":"7"},"items":["#).as_deref(), Some(""));
        assert_eq!(next(br#"{"items":[{"metadata":{"continue":"x"}}],"metadata":{"continue":"ab"}}"#), None);
    }
}
