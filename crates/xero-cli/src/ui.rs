//! Talking with people: data on standard output, talk on standard error, questions only on a terminal.

use std::{
    env,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use connection_store::is_unseen;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use inquire::{
    InquireError, MultiSelect, Password as PasswordPrompt, PasswordDisplayMode, Select, Text,
    list_option::ListOption, ui::RenderConfig, validator::Validation,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    args::Global,
    failure::{Failure, Kind, Outcome},
    shown, signals, table,
};

/// The version of the JSON documents; it changes when a field changes its meaning or goes.
pub(crate) const SCHEMA: u32 = 1;
/// How often a spinner moves.
pub(crate) const TICK: Duration = Duration::from_millis(120);

/// How this run talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    quiet: bool,
    interactive: bool,
}

impl Ui {
    /// As the options of every command say.
    pub(crate) fn of(global: &Global) -> Self {
        Self::new(global.json, global.quiet, global.no_input)
    }

    pub(crate) fn new(json: bool, quiet: bool, no_input: bool) -> Self {
        let interactive = !no_input && io::stdin().is_terminal() && io::stderr().is_terminal();
        if interactive && is_plain(|name| env::var(name).ok()) {
            inquire::set_global_render_config(RenderConfig::empty());
        }
        Self { json, quiet, interactive }
    }

    /// True where a person can be asked.
    pub(crate) fn interactive(&self) -> bool {
        self.interactive
    }

    /// Data for people; nothing with `--json`.
    pub(crate) fn data(&self, text: impl AsRef<str>) -> Outcome {
        if self.json { Ok(()) } else { self.raw(format!("{}\n", printable(text.as_ref())).as_bytes()) }
    }

    /// The same for sentences, which may be folded between words; programs read `--json`.
    pub(crate) fn prose(&self, text: impl AsRef<str>) -> Outcome {
        self.data(table::prose(text.as_ref(), table::width()))
    }

    /// The one JSON document of this run; nothing without `--json`.
    pub(crate) fn document(&self, value: impl Serialize) -> Outcome {
        if self.json { self.as_document(value) } else { Ok(()) }
    }

    /// The same where another option than `--json` asks for it.
    pub(crate) fn as_document(&self, value: impl Serialize) -> Outcome {
        let mut document = json!({ "schema": SCHEMA });
        let value = serde_json::to_value(value).expect("documents are made of strings and numbers");
        if let (Value::Object(document), Value::Object(fields)) = (&mut document, value) {
            document.extend(fields);
        }
        self.raw(format!("{document:#}\n").as_bytes())
    }

    /// Bytes as they are, on standard output.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Outcome {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            // Whoever read our output has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::silent(Kind::Other)),
            Err(error) => {
                Err(Failure::new(Kind::NotSaved, "standard output cannot be written").because(&error))
            }
        }
    }

    /// Talk, on standard error; left out with `--quiet`.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            print_line(text.as_ref());
        }
    }

    /// What a person must be told to go on, on standard error, also with `--quiet`.
    pub(crate) fn tell(&self, text: impl AsRef<str>) {
        print_line(text.as_ref());
    }

    /// Shows on a terminal that something is waited for and how long still, until it is dropped.
    pub(crate) fn spinner(&self, what: &'static str, limit: Duration) -> Spinner {
        if self.quiet || !self.moves() {
            return Spinner(ProgressBar::hidden());
        }
        let left = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let left = limit.saturating_sub(state.elapsed()).as_secs();
            // A line that cannot be formed is not shown.
            write!(out, "{}:{:02}", left / 60, left % 60).ok();
        };
        let style = ProgressStyle::with_template("{spinner} {msg} ({left} left; Ctrl-C ends it)")
            .expect("a constant template")
            .with_key("left", left);
        let bar = ProgressBar::new_spinner().with_style(style).with_message(what);
        bar.enable_steady_tick(TICK);
        Spinner(bar)
    }

    /// Shows on a terminal how much of something is done, until it is dropped.
    pub(crate) fn progress(&self, what: &'static str) -> Progress {
        if self.quiet || !self.moves() {
            return Progress(ProgressBar::hidden());
        }
        let style =
            ProgressStyle::with_template("{msg} {bar:30} {pos} of {len}").expect("a constant template");
        Progress(ProgressBar::new(0).with_style(style).with_message(what))
    }

    /// True where somebody may see how something goes on: a terminal, and neither `--quiet` nor `--json`.
    pub(crate) fn is_watched(self) -> bool {
        let terminal = io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|name| name != "dumb");
        terminal && !self.quiet && !self.json
    }

    /// True where a line can be written over.
    fn moves(self) -> bool {
        self.interactive && env::var_os("TERM").is_none_or(|name| name != "dumb")
    }

    /// A warning, on standard error, also with `--quiet`.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        Self::caution(text);
    }

    /// The same, where no run has begun to talk yet.
    pub(crate) fn caution(text: impl AsRef<str>) {
        print_line(&format!("warning: {}", text.as_ref()));
    }

    /// A failure, on standard error, and as the JSON document with `--json`.
    pub(crate) fn fail(&self, failure: &Failure) {
        if failure.silent {
            return;
        }
        Self::explain(failure);
        // Nothing is left to tell where even standard output is gone.
        drop(self.document(failure.document()));
    }

    /// A failure for people alone, on standard error.
    pub(crate) fn explain(failure: &Failure) {
        print_line(&format!("error: {}", failure.message));
        failure.causes.iter().for_each(|cause| print_line(&format!("  because: {cause}")));
        if let Some(hint) = &failure.hint {
            print_line(&format!("  next: {hint}"));
        }
    }

    /// Asks for a line of text until `check` accepts it.
    pub(crate) fn ask(
        &self,
        question: &str,
        suggestion: &str,
        check: impl Fn(&str) -> Result<(), String> + Clone + 'static,
    ) -> Outcome<String> {
        self.must_be_interactive(question)?;
        let prompt = Text::new(question).with_validator(validator(check));
        let prompt = if suggestion.is_empty() { prompt } else { prompt.with_default(suggestion) };
        prompt.prompt().map(|answer| answer.trim().to_owned()).map_err(refused)
    }

    /// Asks for the path of a file, completing it with the Tab key.
    pub(crate) fn ask_path(
        &self,
        question: &str,
        check: impl Fn(&str) -> Result<(), String> + Clone + 'static,
    ) -> Outcome<String> {
        self.must_be_interactive(question)?;
        let answer = Text::new(question)
            .with_autocomplete(crate::path_completer::PathCompleter)
            .with_help_message("Tab completes, arrow keys choose")
            .with_validator(validator(check))
            .prompt()
            .map_err(refused)?;
        Ok(answer.trim().to_owned())
    }

    /// Asks for one of several things; gives its index.
    pub(crate) fn choose(&self, question: &str, choices: Vec<String>) -> Outcome<usize> {
        self.must_be_interactive(question)?;
        Select::new(question, choices).raw_prompt().map(|chosen| chosen.index).map_err(refused)
    }

    /// Asks for one or more of several things, of which the first `preset` are chosen already; gives their indices.
    pub(crate) fn choose_many(
        &self,
        question: &str,
        choices: Vec<String>,
        preset: usize,
    ) -> Outcome<Vec<usize>> {
        self.must_be_interactive(question)?;
        let at_least_one = |chosen: &[ListOption<&String>]| {
            Ok(match chosen {
                [] => Validation::Invalid("Choose at least one with the space bar.".into()),
                _ => Validation::Valid,
            })
        };
        let first: Vec<usize> = (0..preset).collect();
        let chosen = MultiSelect::new(question, choices)
            .with_default(&first)
            .with_validator(at_least_one)
            .with_help_message("space chooses, Enter goes on, letters filter")
            .raw_prompt()
            .map_err(refused)?;
        Ok(chosen.into_iter().map(|one| one.index).collect())
    }

    /// Asks yes or no; no is the answer of an empty line.
    pub(crate) fn confirm(&self, question: &str) -> Outcome<bool> {
        self.must_be_interactive(question)?;
        inquire::Confirm::new(question).with_default(false).prompt().map_err(refused)
    }

    /// Asks for a hidden text.
    pub(crate) fn ask_hidden(&self, question: &str) -> Outcome<String> {
        self.must_be_interactive(question)?;
        hidden(question).without_confirmation().prompt().map_err(refused)
    }

    /// Asks for a new hidden text, twice.
    pub(crate) fn ask_hidden_twice(&self, question: &str, help: &str) -> Outcome<String> {
        self.must_be_interactive(question)?;
        hidden(question)
            .with_help_message(help)
            .with_custom_confirmation_message("The same again:")
            .with_custom_confirmation_error_message("The two differ. Type both again.")
            .prompt()
            .map_err(refused)
    }

    fn must_be_interactive(&self, question: &str) -> Outcome {
        if self.interactive {
            signals::watch();
            return Ok(());
        }
        Err(Failure::usage(format!("an answer is missing and no one can be asked: {question}"))
            .hint("give it as an option; `xeroctl help COMMAND` lists them"))
    }
}

/// Something is waited for; gone when it is dropped.
pub(crate) struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// How much is done; gone when it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn show(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }

    /// The same, of the part that it is at.
    pub(crate) fn show_as(&self, what: String, done: usize, total: usize) {
        self.0.set_message(what);
        self.show(done, total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// True where nothing is to be coloured: <https://no-color.org>, <https://bixense.com/clicolors>, or a terminal that cannot.
fn is_plain(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name, value: &str| variable(name).is_some_and(|found| found == value);
    variable("NO_COLOR").is_some_and(|value| !value.is_empty()) || is("CLICOLOR", "0") || is("TERM", "dumb")
}

fn hidden(question: &str) -> PasswordPrompt<'_> {
    PasswordPrompt::new(question).with_display_mode(PasswordDisplayMode::Hidden)
}

fn validator(
    check: impl Fn(&str) -> Result<(), String> + Clone,
) -> impl Fn(&str) -> Result<Validation, inquire::CustomUserError> + Clone {
    move |answer: &str| {
        Ok(match check(answer.trim()) {
            Ok(()) => Validation::Valid,
            Err(reason) => Validation::Invalid(reason.into()),
        })
    }
}

fn refused(error: InquireError) -> Failure {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            Failure::new(Kind::Interrupted, "cancelled; nothing was saved")
        }
        error => Failure::new(Kind::Other, "the terminal failed")
            .because(&error)
            .hint("try again, or give the answers as options: `xeroctl help COMMAND` lists them"),
    }
}

fn print_line(text: &str) {
    let text = table::prose(&printable(text), table::talk_width());
    // Where even standard error is gone there is no one to tell.
    shown::above(|| drop(writeln!(io::stderr(), "{text}")));
}

/// Texts must not steer the terminal: what would is shown as a sign. Line ends are kept.
fn printable(text: &str) -> String {
    let kept = |c: char| c == '\n' || c == '\t' || !steers(c);
    text.chars().map(|c| if kept(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// A text of a server or file that is to stand in one of our lines: it must not begin another.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Control characters, and those that are not seen or turn the direction of writing.
fn steers(c: char) -> bool {
    c.is_control() || is_unseen(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_where_somebody_says_so() {
        for (set, plain) in [
            (&[][..], false),
            (&[("NO_COLOR", "1")], true),
            (&[("NO_COLOR", "")], false),
            (&[("CLICOLOR", "0")], true),
            (&[("CLICOLOR", "1")], false),
            (&[("TERM", "dumb")], true),
            (&[("TERM", "xterm-256color")], false),
        ] {
            let variable =
                |name: &str| set.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(is_plain(variable), plain, "{set:?}");
        }
    }

    /// Commands look whether somebody is there before they ask; a new one that forgets to fails like this.
    #[test]
    fn where_nobody_is_there_a_question_is_a_failure() {
        let failure = Ui::new(false, false, true).confirm("Remove acme?").unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        let hint = failure.hint.unwrap_or_default();
        insta::assert_snapshot!(format!("error: {}\n  next: {hint}", failure.message));
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(one_line("a\nb\u{200b}c 日本"), "a\u{fffd}b\u{fffd}c 日本");
        assert_eq!(
            printable("\u{1b}[31mred\u{202e}\r\n\tok 日本"),
            "\u{fffd}[31mred\u{fffd}\u{fffd}\n\tok 日本"
        );
    }
}
