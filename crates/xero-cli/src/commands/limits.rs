//! `xeroctl limits`: what is left of Xero's limits for a connection.

use std::time::Duration;

use connection_store::{A_MINUTE, AN_APP_MINUTE, AT_ONCE, Limits, Pace};
use serde_json::json;

use crate::{
    Context,
    args::OneConnection,
    failure::Outcome,
    show,
    table::{self, Column},
};

const COLUMNS: [Column; 4] = [
    Column::text("CALLS"),
    Column::whole("LIMIT"),
    Column::whole("COUNTED"),
    Column::text("LEFT, AS XERO LAST SAID"),
];

pub(crate) fn run(context: &Context, args: &OneConnection) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    let (pace, told) = (store.pace(&connection), store.limits(&connection)?);
    ui.document(json!({
        "connection": connection.name,
        "running": pace.running,
        "in_minute": pace.in_minute,
        "of_app_in_minute": pace.of_app,
        "paused": pace.paused.map(|wait| json!({
            "limit": wait.limit.as_str(), "seconds": seconds(wait.time),
        })),
        "told": told.map(|told| json!({
            "seen_at": show::timestamp(told.seen_at),
            "day_left": told.day_left,
            "minute_left": told.minute_left,
            "app_minute_left": told.app_minute_left,
        })),
    }))?;
    ui.data(table::table(&COLUMNS, rows(&pace, told.as_ref())))?;
    if let Some(wait) = pace.paused {
        ui.prose(format!(
            "\nXero has refused calls: the rate limit{} is used up for {} seconds.",
            wait.limit,
            seconds(wait.time)
        ))?;
    }
    Ok(())
}

/// What is not over yet takes a second at least.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn rows(pace: &Pace, told: Option<&Limits>) -> Vec<Vec<String>> {
    let left = |left: Option<u32>| match (left, told) {
        (Some(left), Some(told)) => {
            format!("{left} ({} {})", show::date(told.seen_at), show::clock_time(told.seen_at))
        }
        _ => "-".to_owned(),
    };
    let row =
        |calls: &str, limit: String, made: String, left: String| vec![calls.to_owned(), limit, made, left];
    vec![
        row("at once", AT_ONCE.to_string(), pace.running.to_string(), "-".to_owned()),
        row(
            "in a minute",
            A_MINUTE.to_string(),
            pace.in_minute.to_string(),
            left(told.and_then(|told| told.minute_left)),
        ),
        row("in a day", "1000 or 5000".to_owned(), "-".to_owned(), left(told.and_then(|told| told.day_left))),
        row(
            "of the app in a minute",
            AN_APP_MINUTE.to_string(),
            pace.of_app.to_string(),
            left(told.and_then(|told| told.app_minute_left)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_is_not_over_is_not_none() {
        let rounded = [0, 1, 999, 1_000, 1_001].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(rounded, [0, 1, 1, 1, 2]);
    }
}
