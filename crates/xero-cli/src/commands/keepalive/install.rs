//! `xeroctl keepalive --install`: has the system run it, each day or all the time.

mod job;
mod launchd;
mod systemd;
mod task_scheduler;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use self::job::Job;
use crate::{
    Context,
    args::{Keepalive, Manager},
    failure::{Failure, Kind, Outcome},
    ui::Ui,
};

/// What makes the system run the job, and what undoes that.
#[derive(Debug, Default)]
struct Setup {
    /// Whole before anything is started.
    files: Vec<File>,
    /// Start the job, in order.
    start: Vec<Step>,
    /// End it, in order, before the files go.
    stop: Vec<Step>,
    /// To be done when the files are gone.
    after: Vec<Step>,
    /// The file of the other form of the job; only one may be there.
    other: Option<PathBuf>,
    /// What a person should know besides.
    advice: Option<&'static str>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    text: String,
    /// Windows has its tasks described in UTF-16.
    utf16: bool,
}

/// One command of the system.
#[derive(Debug, Clone)]
struct Step {
    words: Vec<String>,
    /// It fails where there is nothing to do.
    may_fail: bool,
}

impl Step {
    fn new(words: &[&str]) -> Self {
        Self { words: words.iter().map(|&word| word.to_owned()).collect(), may_fail: false }
    }

    fn that_may_fail(self) -> Self {
        Self { may_fail: true, ..self }
    }

    /// As a person types it.
    fn line(&self) -> String {
        let quoted = |word: &String| if word.contains(' ') { format!("\"{word}\"") } else { word.clone() };
        self.words.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// # Errors
    /// Why it failed, in words.
    fn run(&self) -> Result<(), String> {
        let (program, arguments) = self.words.split_first().expect("a step has a program");
        tracing::info!(command = self.line(), "running");
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{program} cannot be run: {error}"))?;
        if output.status.success() || self.may_fail {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim();
        Err(format!("`{}` failed: {said}", self.line()))
    }
}

pub(super) fn install(context: &Context, args: &Keepalive, manager: Manager) -> Outcome {
    let job = Job::new(&context.global, args)?;
    let setup = Setup::new(manager, &job)?;
    if args.installing.print {
        return setup.print(context, &setup.start);
    }
    setup.refuse_second_form()?;
    job.check()?;
    setup.files.iter().try_for_each(File::write)?;
    run_all(&setup.start, "the files are in their places, and the job was not started")?;
    let ui = &context.ui;
    ui.document(json!({ "installed": setup.document(&setup.start) }))?;
    setup.files.iter().for_each(|file| ui.say(format!("Written: {}", file.path.display())));
    ui.say(job.description());
    setup.advice.iter().for_each(|advice| ui.say(advice));
    Ok(())
}

pub(super) fn uninstall(context: &Context, args: &Keepalive, manager: Manager) -> Outcome {
    let ui = &context.ui;
    let forms = forms(manager)?;
    if args.installing.print {
        let lines: Vec<_> = forms.iter().flat_map(Setup::removal).collect();
        ui.document(json!({ "commands": lines }))?;
        return ui.data(lines.join("\n"));
    }
    let mut removed = Vec::new();
    for form in forms.iter().filter(|form| form.files.iter().any(|file| file.path.exists())) {
        removed.extend(form.remove(ui)?);
    }
    ui.document(json!({ "removed": removed }))?;
    if removed.is_empty() {
        ui.say("Nothing is installed.");
    }
    removed.iter().for_each(|path| ui.say(format!("Removed: {path}")));
    Ok(())
}

/// The files of the job that the system runs for this user; empty where none is installed.
pub(crate) fn installed() -> Outcome<Vec<PathBuf>> {
    let paths = |form: Setup| form.files.into_iter().map(|file| file.path).collect::<Vec<_>>();
    let forms = forms(Manager::Native)?.into_iter().map(paths);
    Ok(forms.into_iter().find(|paths| paths.iter().all(|path| path.exists())).unwrap_or_default())
}

/// What may be installed, whatever it was made with: one form, or two that have files of their own.
fn forms(manager: Manager) -> Outcome<Vec<Setup>> {
    let [daily, daemon] = [false, true].map(|daemon| Setup::new(manager, &Job::nameless(daemon)));
    let daily = daily?;
    Ok(if daily.other.is_some() { vec![daily, daemon?] } else { vec![daily] })
}

impl Setup {
    fn new(manager: Manager, job: &Job) -> Outcome<Self> {
        match manager {
            Manager::Systemd => systemd::setup(job),
            Manager::Launchd => launchd::setup(job),
            Manager::TaskScheduler => task_scheduler::setup(job),
            Manager::Native if cfg!(windows) => task_scheduler::setup(job),
            Manager::Native if cfg!(target_os = "macos") => launchd::setup(job),
            Manager::Native => systemd::setup(job),
        }
    }

    fn refuse_second_form(&self) -> Outcome {
        match &self.other {
            Some(path) if path.exists() => {
                let message = format!("keepalive is installed in its other form: {}", path.display());
                Err(Failure::usage(message).hint("take that away first: `xeroctl keepalive --uninstall`"))
            }
            _ => Ok(()),
        }
    }

    fn print(&self, context: &Context, steps: &[Step]) -> Outcome {
        context.ui.document(self.document(steps))?;
        for file in &self.files {
            context.ui.data(format!("# {}\n{}", file.path.display(), file.text))?;
        }
        context.ui.data(lines(steps).join("\n"))
    }

    /// What [`remove`](Self::remove) does, line by line.
    fn removal(&self) -> Vec<String> {
        let files = self.files.iter().map(|file| format!("remove {}", file.path.display()));
        lines(&self.stop).into_iter().chain(files).chain(lines(&self.after)).collect()
    }

    fn document(&self, steps: &[Step]) -> Value {
        let files: Vec<_> =
            self.files.iter().map(|file| json!({ "path": file.path, "text": file.text })).collect();
        json!({ "files": files, "commands": lines(steps) })
    }

    /// Takes the files away, also where the system cannot be told: without them it starts nothing again. Gives their paths.
    fn remove(&self, ui: &Ui) -> Outcome<Vec<String>> {
        let untold = |steps: &[Step]| {
            for (step, why) in steps.iter().filter_map(|step| Some((step, step.run().err()?))) {
                ui.warn(format!("{why}; what runs now ends with the session, or with: {}", step.line()));
            }
        };
        untold(&self.stop);
        let mut gone = Vec::new();
        for File { path, .. } in &self.files {
            match fs::remove_file(path) {
                Ok(()) => gone.push(path.display().to_string()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(cannot_write(path, &error)),
            }
        }
        untold(&self.after);
        Ok(gone)
    }
}

fn lines(steps: &[Step]) -> Vec<String> {
    steps.iter().map(Step::line).collect()
}

fn run_all(steps: &[Step], state: &str) -> Outcome {
    for (at, step) in steps.iter().enumerate() {
        step.run().map_err(|why| {
            let left = lines(&steps[at..]).join("; ");
            Failure::new(Kind::Other, format!("{why}; {state}")).hint(format!("type it yourself: {left}"))
        })?;
    }
    Ok(())
}

impl File {
    /// Writes it whole or not at all, in place of one of its name.
    fn write(&self) -> Outcome {
        let folder = self.path.parent().expect("the path of a file in a folder");
        let written = fs::create_dir_all(folder).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&self.bytes())?;
            file.as_file().sync_all()?;
            Ok(file.persist(&self.path)?)
        });
        written.map(drop).map_err(|error| cannot_write(&self.path, &error))
    }

    fn bytes(&self) -> Vec<u8> {
        if !self.utf16 {
            return self.text.clone().into_bytes();
        }
        let marked = format!("\u{feff}{}", self.text);
        marked.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Kind::Other, format!("{} cannot be written", path.display()))
        .because(error)
        .hint("check who owns its folder; --print shows what is to be written there")
}
