//! Where a text that was typed occurs in a line.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// The byte ranges of `text` that read as `searched`. Capitals matter only where some were typed.
pub fn places(text: &str, searched: &str) -> Vec<Range<usize>> {
    if searched.is_empty() {
        return Vec::new();
    }
    let exact = searched.chars().any(char::is_uppercase);
    let same = |a: &str, b: &str| a == b || (!exact && a.to_lowercase() == b.to_lowercase());
    let wanted: Vec<&str> = searched.graphemes(true).collect();
    let found: Vec<(usize, &str)> = text.grapheme_indices(true).collect();
    let mut places: Vec<Range<usize>> = Vec::new();
    for window in found.windows(wanted.len()) {
        let is_free = places.last().is_none_or(|last| last.end <= window[0].0);
        if is_free && window.iter().zip(&wanted).all(|((_, a), b)| same(a, b)) {
            let (start, last) = (window[0].0, window[window.len() - 1]);
            places.push(start..last.0 + last.1.len());
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(text: &'a str, searched: &str) -> Vec<&'a str> {
        places(text, searched).into_iter().map(|place| &text[place]).collect()
    }

    #[test]
    fn capitals_matter_only_where_some_are_typed() {
        assert_eq!(found("Env env ENV", "env"), ["Env", "env", "ENV"]);
        assert_eq!(found("Env env ENV", "Env"), ["Env"]);
    }

    #[test]
    fn a_letter_that_is_longer_in_lower_case_does_not_shift_the_place() {
        assert_eq!(found("İstanbul Über", "über"), ["Über"]);
    }

    #[test]
    fn places_do_not_overlap_and_nothing_is_nowhere() {
        assert_eq!(places("aaaa", "aa"), [0..2, 2..4]);
        assert!(places("a", "").is_empty());
        assert!(places("a", "ab").is_empty());
    }
}
