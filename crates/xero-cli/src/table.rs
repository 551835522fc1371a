//! Tables and fields that fit the width they are shown in: columns of less worth are left out before words are broken.

use std::{io::IsTerminal, sync::OnceLock};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

use crate::ui::one_line;

/// What each column has beside its text: a space on either side.
const PADDING: usize = 2;
/// A text is folded to no less than this where something else can give way.
const READABLE: usize = 12;
/// Two digits and a colon.
const FINGERPRINT_BYTE: usize = 3;

/// The width that the configuration says, for files and pipes too.
static SET: OnceLock<usize> = OnceLock::new();

/// A column: its title, whether it may be folded into lines, and what it is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    folds: bool,
    /// Columns with the lowest are left out first; one without stays.
    worth: Option<u8>,
}

impl Column {
    /// One of short words and dates, which are not folded.
    pub(crate) const fn whole(title: &'static str) -> Self {
        Self { title, folds: false, worth: None }
    }

    /// One of texts, which may take several lines.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { title, folds: true, worth: None }
    }

    /// The same, left out where there is no room for all; those worth less go first.
    pub(crate) const fn worth(self, worth: u8) -> Self {
        Self { worth: Some(worth), ..self }
    }
}

/// Sets the width for all that is shown.
pub(crate) fn set_width(width: u16) {
    // A run sets it once.
    SET.get_or_init(|| width.into());
}

/// How wide lines may be: as the configuration says, or else as wide as the terminal is that shows them; in files and
/// pipes lines are as long as they are.
pub(crate) fn width() -> Option<usize> {
    if let Some(width) = SET.get() {
        return Some(*width);
    }
    let size = std::io::stdout().is_terminal().then(crossterm::terminal::size)?.ok();
    size.map(|(columns, _)| columns.into()).filter(|columns| *columns > 0)
}

/// A table without lines.
pub(crate) fn table(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    render(columns, rows, width())
}

/// A table that is set in by some spaces.
pub(crate) fn indented(columns: &[Column], rows: Vec<Vec<String>>, indent: usize) -> String {
    let gap = " ".repeat(indent);
    let table = render(columns, rows, width().map(|width| width.saturating_sub(indent)));
    table.lines().map(|line| format!("{gap}{line}")).collect::<Vec<_>>().join("\n")
}

/// Lines of two columns, the first as wide as it must be; what is longer goes on below.
pub(crate) fn fields(rows: &[(&str, String)], width: Option<usize>) -> String {
    let indent = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0) + 2;
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(READABLE));
    let field = |(name, value): &(&str, String)| {
        let gap = " ".repeat(indent - name.width());
        format!("{name}{gap}{}", folded(value, room).join(&format!("\n{}", " ".repeat(indent))))
    };
    rows.iter().map(field).collect::<Vec<_>>().join("\n")
}

/// Prose whose lines are folded between words, so that none is wider than there is room for; what goes on below is set in a
/// little further. A command is not folded: it must be one line where it is copied from.
pub(crate) fn prose(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let line = |line: &str| {
        let words = line.trim_start();
        let is_command = words.strip_prefix("next: ").unwrap_or(words).starts_with("xeroctl ");
        if is_command || line.width() <= width {
            return line.to_owned();
        }
        let indent = line.len() - words.len();
        let room = width.saturating_sub(indent + PADDING).max(READABLE);
        let gap = " ".repeat(indent);
        // The first line has more room by what the others are set in; that it is not used is hardly seen.
        format!("{gap}{}", folded(words, room).join(&format!("\n{gap}{}", " ".repeat(PADDING))))
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// How wide the terminal is that shows what is said on standard error.
pub(crate) fn talk_width() -> Option<usize> {
    let size = std::io::stderr().is_terminal().then(crossterm::terminal::size)?.ok();
    size.map(|(columns, _)| columns.into()).filter(|columns| *columns > 0)
}

/// A text in lines; words stay whole, and so does a command between backticks.
fn folded(text: &str, room: usize) -> Vec<String> {
    if text.width() <= room {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in words(text).into_iter().flat_map(|word| pieces(word, room)) {
        let line = lines.last_mut().expect("there is one from the start");
        match line.is_empty() {
            true => line.push_str(word),
            false if line.width() + 1 + word.width() <= room => line.push_str(&format!(" {word}")),
            false => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text at its spaces, but not at those between backticks.
fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    })
    .collect()
}

/// A fingerprint, or a command between backticks, that is wider than there is room for; other words are one piece.
fn pieces(word: &str, room: usize) -> Vec<&str> {
    let is_fingerprint = word.contains(':') && word.chars().all(|c| c == ':' || c.is_ascii_hexdigit());
    match word.width() <= room {
        false if is_fingerprint => {
            let whole = room / FINGERPRINT_BYTE * FINGERPRINT_BYTE;
            let mut rest = word;
            let mut pieces = Vec::new();
            while rest.len() > room && whole > 0 {
                let (piece, more) = rest.split_at(whole);
                pieces.push(piece);
                rest = more;
            }
            pieces.push(rest);
            pieces
        }
        false => word.split(' ').collect(),
        true => vec![word],
    }
}

fn render(columns: &[Column], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    // A name must not begin another row.
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let all: Vec<_> = columns.iter().enumerate().map(|(at, column)| Fitted::new(column, &rows, at)).collect();
    let kept = fitting(all, width);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(kept.iter().map(|one| one.column.title));
    table.add_rows(rows.iter().map(|row| kept.iter().map(|one| row[one.at].as_str()).collect::<Vec<_>>()));
    if let Some(width) = width.filter(|width| sum(&kept, |one| one.natural) > *width) {
        let room = width.saturating_sub(sum(&kept, |one| one.least));
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width + 1).unwrap_or(u16::MAX));
        table.set_constraints(constraints(&kept, room));
    }
    let lines = table.to_string();
    let lines = lines.lines().map(str::trim_end).map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// A column with what it takes.
#[derive(Debug, Clone, Copy)]
struct Fitted<'a> {
    column: &'a Column,
    at: usize,
    /// Without folding.
    natural: usize,
    /// Folded as far as it may be without breaking a word.
    least: usize,
}

impl<'a> Fitted<'a> {
    fn new(column: &'a Column, rows: &[Vec<String>], at: usize) -> Self {
        let cells = || rows.iter().map(|row| row[at].as_str()).chain([column.title]);
        let natural = cells().map(UnicodeWidthStr::width).max().unwrap_or(0);
        let word = cells().flat_map(|cell| cell.split(' ')).map(unbroken).max().unwrap_or(0);
        let least = if column.folds { word.max(natural.min(READABLE)) } else { natural };
        Self { column, at, natural: natural + PADDING, least: least + PADDING }
    }
}

/// How much of a word must stay together: what is written without spaces may be broken after each wide character.
fn unbroken(word: &str) -> usize {
    let is_wide = |c: char| unicode_width::UnicodeWidthChar::width(c) == Some(2);
    word.split(is_wide)
        .map(UnicodeWidthStr::width)
        .max()
        .unwrap_or(0)
        .max(usize::from(word.contains(is_wide)) * 2)
}

fn sum(columns: &[Fitted<'_>], of: impl Fn(&Fitted<'_>) -> usize) -> usize {
    // The space before the first column is taken away.
    columns.iter().map(of).sum::<usize>().saturating_sub(PADDING)
}

/// The columns that there is room for.
fn fitting(mut columns: Vec<Fitted<'_>>, width: Option<usize>) -> Vec<Fitted<'_>> {
    let Some(width) = width else { return columns };
    while sum(&columns, |one| one.least) > width {
        let worth = columns.iter().filter_map(|one| one.column.worth).min();
        let Some(out) = columns.iter().position(|one| worth.is_some() && one.column.worth == worth) else {
            break;
        };
        columns.remove(out);
    }
    columns
}

/// Each column gets the least it needs, and those that fold share what is left, from the left.
fn constraints(columns: &[Fitted<'_>], mut room: usize) -> Vec<ColumnConstraint> {
    let mut constraint = |one: &Fitted<'_>| {
        let more = room.min(one.natural - one.least);
        room -= more;
        let width = u16::try_from(one.least + more).unwrap_or(u16::MAX);
        ColumnConstraint::Absolute(Width::Fixed(width))
    };
    columns.iter().map(&mut constraint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [
        Column::text("NAME"),
        Column::whole("KIND").worth(2),
        Column::text("ORGANISATION"),
        Column::whole("LEFT"),
        Column::whole("APP").worth(1),
    ];

    fn rows() -> Vec<Vec<String>> {
        [
            ["maple", "web", "Maple Florist Ltd", "60 days left", "4E1A0C7D"],
            ["日本商事 東京", "web", "日本商事株式会社東京支店営業本部第二課", "log in again", "4E1A0C7D"],
            [
                "a-name-of-one-long-word",
                "custom",
                "Hexagon Tools Pty Ltd and Company of Wellington",
                "no end",
                "9C8D7A00",
            ],
        ]
        .map(|row| row.map(str::to_owned).to_vec())
        .to_vec()
    }

    #[test]
    fn three_widths() {
        let tables = [Some(60), Some(80), Some(140), None].map(|width| {
            let table = render(&COLUMNS, rows(), width);
            let widest = table.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(width.is_none_or(|width| widest <= width), "{widest}\n{table}");
            format!("{width:?}\n{table}\n")
        });
        insta::assert_snapshot!(tables.join("\n"));
    }

    #[test]
    fn words_are_whole_at_every_width_that_has_room_for_them() {
        for width in 56..160 {
            let table = render(&COLUMNS, rows(), Some(width));
            let widest = table.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(widest <= width, "{width}: {widest}\n{table}");
            for word in ["a-name-of-one-long-word", "Wellington", "log in again"] {
                assert!(table.contains(word), "{width}: {word}\n{table}");
            }
        }
    }

    #[test]
    fn fields_go_on_below() {
        let rows = [("Name", "acme".to_owned()), ("Scopes", "one two three four five six seven".to_owned())];
        assert_eq!(
            fields(&rows, Some(28)),
            "Name    acme\nScopes  one two three four\n        five six seven"
        );
        assert_eq!(fields(&rows, None), "Name    acme\nScopes  one two three four five six seven");
        let sha1 = [("SHA-1", "AA:BB:CC:DD:EE:FF".to_owned())];
        assert_eq!(fields(&sha1, Some(20)), "SHA-1  AA:BB:CC:DD:\n       EE:FF");
    }

    #[test]
    fn prose_is_folded_between_words_and_commands_are_not() {
        for (text, folded) in [
            ("a few words", "a few words"),
            ("one two three four five six", "one two three four\n  five six"),
            ("  next: say `xeroctl a b` to it", "  next: say\n    `xeroctl a b` to\n    it"),
            ("  next: xeroctl adopt one two three four", "  next: xeroctl adopt one two three four"),
            ("  xeroctl adopt one two three four", "  xeroctl adopt one two three four"),
            ("https://example.com/a/b/c/d", "https://example.com/a/b/c/d"),
            ("日本商事 日本商事 日本商事", "日本商事 日本商事\n  日本商事"),
            ("one\n\ntwo", "one\n\ntwo"),
        ] {
            assert_eq!(prose(text, Some(20)), folded);
            assert_eq!(prose(text, None), text);
        }
    }
}
