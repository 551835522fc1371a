//! A server's own words, made fit to be shown.

/// As much as is kept, in characters.
const LONGEST: usize = 200;

/// One line without control characters and without characters that turn or hide text; white space joined; cut to 200
/// characters.
pub(crate) fn said(text: &str) -> String {
    let shown: String = text.chars().take(8 * LONGEST).map(|c| if is_shown(c) { c } else { ' ' }).collect();
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
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
}
