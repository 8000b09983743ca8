//! Text from containers, labels, names and engines is hostile: here it is made harmless. Nothing else may write it to a terminal.

use std::borrow::Cow;

/// What stands for a character that may not be shown.
const STAND_IN: char = '\u{fffd}';

/// Control characters, which move the cursor or begin an escape sequence, and the invisible ones that turn text round or hide it
/// (the bidi controls of Unicode's UAX #9, zero-width characters but the joiners that emoji and scripts need, tags, separators).
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{061c}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One harmless line: line breaks and tabs become spaces, every other hostile character a stand-in. Costs nothing where there is none.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hostile) {
        return Cow::Borrowed(text);
    }
    let harmless = |c| match c {
        '\n' | '\t' | '\r' => ' ',
        c if is_hostile(c) => STAND_IN,
        c => c,
    };
    Cow::Owned(text.trim_end_matches(['\n', '\r']).chars().map(harmless).collect())
}

/// `clean`, keeping line breaks: for text of several lines that is painted line by line.
pub fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// Cuts to `width` characters with a sign that it was cut.
pub fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().count() <= width {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// The name nearest to a mistyped one, if any is near enough to be meant.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |name: &&str| strsim::damerau_levenshtein(typed, name);
    let best = names.into_iter().min_by_key(near)?;
    (near(&best) <= 1 + typed.chars().count() / 3).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_overrides_lose_their_power() {
        assert_eq!(clean("a\u{1b}]0;owned\u{7}b"), "a\u{fffd}]0;owned\u{fffd}b");
        assert_eq!(clean("x\u{202e}txt.exe"), "x\u{fffd}txt.exe");
        assert_eq!(clean("c1\u{9b}31m"), "c1\u{fffd}31m");
        assert_eq!(clean("two\nlines\tand a tab\r\n"), "two lines and a tab");
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(clean("größer 👩‍🚀 ok"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("follw", ["follow", "filter"]), Some("follow"));
        assert_eq!(nearest("zzz", ["follow", "filter"]), None);
    }
}
