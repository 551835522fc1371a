//! How much of a long answer has come, for whoever watches a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::timeout;

use crate::{
    shown,
    ui::{TICK, Ui},
};

/// An answer that takes longer is shown to come.
const LONG: Duration = Duration::from_secs(1);
/// An answer of so many bytes is shown to come at once.
const BIG: u64 = 1024 * 1024;

/// An answer that is coming; what was shown of it is gone when this is dropped.
pub(super) struct Download {
    bar: ProgressBar,
    total: Option<u64>,
    begun: Instant,
    /// Whether it is to be shown once that is worth it.
    waits: bool,
    is_shown: bool,
}

impl Download {
    /// `ui` is `None` where nobody is to see it, `total` where the server does not say how much will come.
    pub(super) fn new(ui: Option<Ui>, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_style(style(total));
        Self { bar, total, begun: Instant::now(), waits: ui.is_some_and(Ui::is_watched), is_shown: false }
    }

    /// Waits for the next piece, and shows meanwhile what is here when it takes long.
    pub(super) async fn next<T>(&mut self, piece: impl Future<Output = T>) -> T {
        tokio::pin!(piece);
        if self.waits {
            let left = LONG.saturating_sub(self.begun.elapsed());
            match timeout(left, piece.as_mut()).await {
                Ok(piece) => return piece,
                Err(_) => self.show(),
            }
        }
        piece.await
    }

    /// So many bytes are here.
    pub(super) fn at(&mut self, bytes: usize) {
        self.bar.set_position(bytes as u64);
        if self.waits && self.total.is_some_and(|total| total >= BIG) {
            self.show();
        }
    }

    fn show(&mut self) {
        self.waits = false;
        self.is_shown = true;
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        shown::set(&self.bar);
        self.bar.enable_steady_tick(TICK);
        self.bar.force_draw();
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if self.is_shown {
            shown::clear(&self.bar);
        }
    }
}

fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "Receiving {bar:30} {bytes} of {total_bytes} ({bytes_per_sec})",
        None => "{spinner} Receiving: {bytes} ({bytes_per_sec})",
    };
    ProgressStyle::with_template(template).expect("a constant template")
}
