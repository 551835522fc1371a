//! A server's own words, made fit to be shown.

/// As much as is kept, in characters.
const LONGEST: usize = 200;
/// Longer than the words of a sentence or an error code, shorter than Xero's secrets, in characters.
const LONGEST_WORD: usize = 24;

/// One line without control characters and without characters that turn or hide text; white space joined; cut to 200
/// characters.
pub(crate) fn said(text: &str) -> String {
    let shown: String = text.chars().take(8 * LONGEST).map(|c| if is_shown(c) { c } else { ' ' }).collect();
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
}

/// As [`said`], of a server that was sent secrets: a word as long as those may be one of them, and is left out.
pub(crate) fn said_without_secrets(text: &str) -> String {
    let word =
        |word: &str| if word.chars().count() > LONGEST_WORD { "…".to_owned() } else { word.to_owned() };
    said(text).split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// `: ` and the words, or nothing.
pub(crate) fn colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn is_shown(c: char) -> bool {
    let turns_or_hides = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !c.is_control() && !turns_or_hides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_short_line_of_visible_characters() {
        assert_eq!(said(" a\r\n\tb\u{1b}[31m\u{202e}c\u{200b} "), "a b [31m c");
        assert_eq!(said("Ōtautahi & 東京"), "Ōtautahi & 東京");
        assert_eq!(said(&"x".repeat(5000)).len(), LONGEST);
        assert_eq!(said(""), "");
    }

    #[test]
    fn no_word_that_may_be_a_secret() {
        let sentence = "Client credentials scope validation failed";
        assert_eq!(said_without_secrets(sentence), sentence);
        assert_eq!(said_without_secrets("unsupported_grant_type"), "unsupported_grant_type");
        let echo =
            "you sent grant_type=refresh_token&refresh_token=abc and Basic MDAwMDAwMDAwMDAwMDAwMDAwMDA=";
        assert_eq!(said_without_secrets(echo), "you sent … and Basic …");
    }
}
