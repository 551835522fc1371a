//! How many pages have come, for whoever watches a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use super::pages::Pages;
use crate::{
    shown,
    ui::{TICK, Ui},
};

/// Pages that are coming; what was shown of them is gone when this is dropped.
pub(super) struct Counter(ProgressBar);

impl Counter {
    pub(super) fn new(ui: Ui) -> Self {
        if !ui.is_watched() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("a constant template");
        let bar = ProgressBar::new_spinner().with_style(style).with_message("Fetching pages");
        bar.enable_steady_tick(TICK);
        shown::set(&bar);
        Self(bar)
    }

    pub(super) fn at(&self, pages: &Pages) {
        self.0.set_message(said(pages.fetched, pages.of, pages.records));
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        shown::clear(&self.0);
    }
}

fn said(fetched: usize, of: Option<u64>, records: usize) -> String {
    let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
    format!("Fetching pages: {fetched}{of}, with {records} records")
}

#[cfg(test)]
mod tests {
    #[test]
    fn so_far() {
        assert_eq!(super::said(3, None, 300), "Fetching pages: 3, with 300 records");
        assert_eq!(super::said(3, Some(12), 300), "Fetching pages: 3 of 12, with 300 records");
    }
}
