//! Words as shells read and write them.

/// The word at the cursor, as it was typed in bash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShellWord {
    /// What it says, without quotes.
    pub(super) text: String,
    pub(super) quoting: Quoting,
}

/// How it was typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Quoting {
    /// The quote that is open at the cursor.
    open: Option<char>,
    /// How much of the text stands before what bash replaces.
    kept: usize,
    /// It begins with a tilde that the shell replaces.
    pub(super) is_home: bool,
}

impl ShellWord {
    /// The words of a line that ends at the cursor, and the word there. At any of `breaks` bash begins another word to be
    /// replaced.
    pub(super) fn split(line: &str, breaks: &str) -> (Vec<String>, Self) {
        let (mut words, mut word, mut begun) = (Vec::new(), Self::empty(), false);
        let mut characters = line.chars();
        while let Some(c) = characters.next() {
            match (word.quoting.open, c) {
                (None, ' ' | '\t' | '\n') => {
                    if std::mem::take(&mut begun) {
                        words.push(std::mem::replace(&mut word, Self::empty()).text);
                    }
                    continue;
                }
                (None, '\'' | '"') => word.open(c),
                (Some(open), c) if open == c => word.quoting.open = None,
                (Some('\''), c) => word.text.push(c),
                (None, '\\') => word.text.extend(characters.next()),
                (Some(_), '\\') => word.push_escaped(characters.next()),
                (None, c) => word.push_bare(c, begun, breaks),
                (Some(_), c) => word.text.push(c),
            }
            begun = true;
        }
        (words, word)
    }

    fn empty() -> Self {
        Self { text: String::new(), quoting: Quoting::default() }
    }

    fn open(&mut self, quote: char) {
        self.quoting.open = Some(quote);
        self.quoting.kept = self.text.len();
    }

    /// After a backslash between double quotes.
    fn push_escaped(&mut self, next: Option<char>) {
        if next.is_some_and(|c| !"$`\"\\".contains(c)) {
            self.text.push('\\');
        }
        self.text.extend(next);
    }

    fn push_bare(&mut self, c: char, begun: bool, breaks: &str) {
        self.quoting.is_home |= c == '~' && !begun;
        self.text.push(c);
        if breaks.contains(c) {
            self.quoting.kept = self.text.len();
        }
    }

    /// What bash is to put in place of the word for it to say `value`; nothing where no word can.
    pub(super) fn replacement(&self, value: &str) -> Option<String> {
        let kept = self.text.get(..self.quoting.kept)?;
        let rest = value.strip_prefix(kept).filter(|rest| !rest.contains(char::is_control))?;
        Some(match self.quoting.open {
            Some('\'') => rest.replace('\'', r"'\''"),
            Some(_) => escaped(rest, |c| "$`\"\\".contains(c)),
            None => {
                escaped(rest, |c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_.,/+%@:=".contains(c))
            }
        })
    }
}

fn escaped(text: &str, special: impl Fn(char) -> bool) -> String {
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// A word without its quotes, be they closed or not.
pub(super) fn unquoted(word: &str) -> String {
    let (words, last) = ShellWord::split(word, "");
    words.into_iter().chain([last.text]).collect::<Vec<_>>().join(" ")
}

/// A value as PowerShell takes it.
pub(super) fn powershell_word(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:\\+".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    #[test]
    fn bash_lines_are_split_as_bash_does() {
        for (line, words, text) in [
            ("xeroctl", &[][..], "xeroctl"),
            ("xeroctl ", &["xeroctl"], ""),
            ("xeroctl  show   Map", &["xeroctl", "show"], "Map"),
            (r"xeroctl show Maple\ Fl", &["xeroctl", "show"], "Maple Fl"),
            ("xeroctl show 'Maple Fl", &["xeroctl", "show"], "Maple Fl"),
            (r#"xeroctl show "O\"B\n"#, &["xeroctl", "show"], r#"O"B\n"#),
            ("xeroctl show '' a", &["xeroctl", "show", ""], "a"),
            (r"xeroctl show O\'Br", &["xeroctl", "show"], "O'Br"),
            ("xeroctl --store='x y' sh", &["xeroctl", "--store=x y"], "sh"),
        ] {
            let (found, last) = ShellWord::split(line, BREAKS);
            assert_eq!((found.as_slice(), last.text.as_str()), (&*owned(words), text), "{line}");
        }
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_is_put_in_says_the_value_in_the_quotes_that_are_open() {
        for (typed, value, put) in [
            ("Map", "Maple Florist Ltd", Some(r"Maple\ Florist\ Ltd")),
            ("'Map", "Maple Florist Ltd", Some("Maple Florist Ltd")),
            ("\"Map", "Maple Florist Ltd", Some("Maple Florist Ltd")),
            ("O", "O'Brien & Sons", Some(r"O\'Brien\ \&\ Sons")),
            ("'O", "O'Brien", Some(r"O'\''Brien")),
            ("\"O", "O\"B$", Some(r#"O\"B\$"#)),
            ("日", "日本 商事", Some(r"日本\ 商事")),
            ("a:b", "a:bc", Some("bc")),
            ("--connection=Ma", "--connection=Maple", Some("Maple")),
            ("--connection='Ma", "--connection=Maple", Some("Maple")),
            (r"a\:b", "a:bc", Some("a:bc")),
            ("x", "x\ny", None),
        ] {
            let (_, last) = ShellWord::split(typed, BREAKS);
            assert_eq!(last.replacement(value).as_deref(), put, "{typed} {value}");
        }
    }

    #[test]
    fn other_shells() {
        assert_eq!(unquoted("'Maple Fl"), "Maple Fl");
        assert_eq!(unquoted(r"Maple\ Fl"), "Maple Fl");
        assert_eq!(unquoted("plain"), "plain");
        assert_eq!(powershell_word("acme-1"), "acme-1");
        assert_eq!(powershell_word("O'Brien & Sons"), "'O''Brien & Sons'");
    }
}
