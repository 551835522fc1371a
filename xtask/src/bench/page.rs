//! `docs/PERFORMANCE.md`: the tables on it are written by what measures them.

use std::fmt::Write as _;
use std::fs;

use crate::stop::Stop;

const PAGE: &str = "docs/PERFORMANCE.md";
const END: &str = "<!-- end -->\n";

/// A table of the page: its heads, and its rows.
pub(super) struct Table {
    heads: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heads: &'static [&'static str]) -> Self {
        Self { heads, rows: Vec::new() }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// In Markdown: the first column to the left, the others to the right.
    fn text(&self) -> String {
        let mut text =
            format!("| {} |\n|---|{}\n", self.heads.join(" | "), "---:|".repeat(self.heads.len() - 1));
        for row in &self.rows {
            let _never_fails = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }

    /// Prints the table, and puts it in its place on the page.
    pub(super) fn publish(&self, name: &str) -> Result<(), Stop> {
        let text = self.text();
        println!("\n{text}");
        let cannot = |error: std::io::Error| Stop::because(&format!("cannot write {PAGE}"), &error);
        let page = fs::read_to_string(PAGE).map_err(cannot)?;
        let page = with(&page, name, &text)
            .ok_or_else(|| Stop::new(format!("{PAGE} has no place for the table `{name}`")))?;
        fs::write(PAGE, page).map_err(cannot)
    }
}

/// The page with another table between the marks of that name.
fn with(page: &str, name: &str, table: &str) -> Option<String> {
    let mark = format!("<!-- bench {name} -->\n");
    let (before, rest) = page.split_once(&mark)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{mark}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{Table, with};

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let mut table = Table::new(&["what", "figure"]);
        table.row(["a".to_owned(), "1".to_owned()]);
        let page = "a\n<!-- bench x -->\nold\n<!-- end -->\nb\n<!-- bench y -->\n<!-- end -->\n";
        let new = with(page, "x", &table.text()).unwrap();
        let shown = "a\n<!-- bench x -->\n\n| what | figure |\n|---|---:|\n| a | 1 |\n\n<!-- end -->\nb\n";
        assert!(new.starts_with(shown), "{new}");
        assert!(new.ends_with("<!-- bench y -->\n<!-- end -->\n"));
        assert_eq!(with(page, "z", ""), None);
    }
}
