//! Signals: the terminal is put right before one does its work, and a renewal that has begun is finished first.

#[cfg(unix)]
pub(crate) use self::unix::{Anew, During, Forwarding, end, end_as, leave_word, watch};

#[cfg(unix)]
mod unix {
    use std::{
        io::{IsTerminal, Write},
        process::Child,
        sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    };

    use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
    use signal_hook::{
        consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
        iterator::{Handle, SignalsInfo, exfiltrator::WithOrigin},
        low_level::{emulate_default_handler, siginfo::Origin},
    };
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    /// What a process that a signal ends has as its status in a shell, less the signal.
    const ENDED_BY: i32 = 128;

    /// Who is told of a signal first: the asynchronous work under way.
    static WORK: Mutex<Option<UnboundedSender<i32>>> = Mutex::new(None);

    /// What to do next where a signal ends the program now.
    static WORD: Mutex<Option<String>> = Mutex::new(None);

    /// Says what to do next to whoever ends the program by a signal; `None`: nothing.
    pub(crate) fn leave_word(word: Option<String>) {
        *WORD.lock().unwrap_or_else(PoisonError::into_inner) = word;
    }

    /// From now on signals are met here; a second call changes nothing.
    pub(crate) fn watch() {
        watched();
    }

    /// What signals are met by; `None`: they cannot be caught, and do what they always did.
    fn watched() -> Option<&'static Handle> {
        static WATCHED: OnceLock<Option<Handle>> = OnceLock::new();
        let begin = || {
            let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
            let mut signals = SignalsInfo::<WithOrigin>::new(wanted).ok()?;
            let handle = signals.handle();
            std::thread::spawn(move || {
                for origin in signals.forever() {
                    if forwarded(&origin) || (origin.signal == SIGHUP && asks_anew()) {
                        continue;
                    }
                    let signal = origin.signal;
                    let work = WORK.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let told = work.is_some_and(|work| work.send(signal).is_ok());
                    if !told {
                        end(signal);
                    }
                }
            });
            Some(handle)
        };
        WATCHED.get_or_init(begin).as_ref()
    }

    /// Ends the program as the signal would, with the terminal as it was.
    pub(crate) fn end(signal: i32) {
        drop(crossterm::terminal::disable_raw_mode());
        let mut err = std::io::stderr();
        if err.is_terminal() {
            // The cursor is shown, and pasted text comes without marks again.
            drop(err.write_all(b"\x1b[?25h\x1b[?2004l\r\n"));
        }
        if signal == SIGQUIT {
            end_by(signal);
        }
        drop(err.write_all(b"error: cancelled\n"));
        if let Some(word) = WORD.lock().unwrap_or_else(PoisonError::into_inner).as_deref() {
            drop(writeln!(err, "  next: {word}"));
        }
        std::process::exit(ENDED_BY + signal);
    }

    /// Whose signals are: this program's own, or those of one that it starts.
    static FORWARD: Mutex<Forward> = Mutex::new(Forward::Own);

    enum Forward {
        Own,
        /// The program is being started; what came meanwhile is its own.
        Starting(Vec<i32>),
        To(Pid),
    }

    /// Signals go to a program that was started, which decides what they mean.
    pub(crate) struct Forwarding;

    impl Forwarding {
        /// From now on signals do not end this program.
        pub(crate) fn begin() -> Self {
            // What would only end this program may mean something to that one.
            for signal in [SIGALRM, SIGUSR1, SIGUSR2] {
                drop(watched().map(|watched| watched.add_signal(signal)));
            }
            // Where whoever started us ignores the end of programs, so would we, and could not wait for this one's.
            drop(signal_hook::flag::register(SIGCHLD, Arc::default()));
            *forward() = Forward::Starting(Vec::new());
            Self
        }

        /// Sends them to this process.
        pub(crate) fn to(&self, child: &Child) {
            let (pid, mut forward) = (Pid::from_child(child), forward());
            if let Forward::Starting(signals) = &*forward {
                signals.iter().for_each(|signal| send(pid, *signal));
            }
            *forward = Forward::To(pid);
        }
    }

    impl Drop for Forwarding {
        fn drop(&mut self) {
            *forward() = Forward::Own;
        }
    }

    fn forward() -> MutexGuard<'static, Forward> {
        FORWARD.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where a signal was another program's.
    fn forwarded(origin: &Origin) -> bool {
        let signal = origin.signal;
        // What no process sent comes from the terminal, which sends it to all that it has in front, the program among them.
        let has_it = matches!(signal, SIGINT | SIGQUIT) && origin.process.is_none();
        match &mut *forward() {
            Forward::Own => return false,
            Forward::Starting(signals) if !has_it => signals.push(signal),
            Forward::To(child) if !has_it => send(*child, signal),
            _ => {}
        }
        true
    }

    fn send(child: Pid, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _gone_already = kill_process(child, signal);
        }
    }

    /// Ends as a program did that a signal has ended.
    pub(crate) fn end_as(signal: i32) -> ! {
        end_by(signal);
        std::process::exit(ENDED_BY + signal)
    }

    /// Leaves no file of what is in memory: the tokens and the key of the store are.
    fn end_by(signal: i32) {
        // Where neither can be had it ends all the same.
        let _limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        #[cfg(target_os = "linux")]
        let _kept = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        drop(emulate_default_handler(signal));
    }

    /// Who is told that something is to be read anew, and whether the program began with a terminal.
    static ANEW: Mutex<Option<(UnboundedSender<()>, bool)>> = Mutex::new(None);

    /// SIGHUP asks to read something anew, for as long as this is there. That of a terminal that is closed still ends all.
    pub(crate) struct Anew(UnboundedReceiver<()>);

    impl Anew {
        pub(crate) fn new() -> Self {
            let (sender, receiver) = unbounded_channel();
            *anew() = Some((sender, has_terminal()));
            Self(receiver)
        }

        /// The next time that it is asked for.
        pub(crate) async fn asked(&mut self) {
            if self.0.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    }

    impl Drop for Anew {
        fn drop(&mut self) {
            *anew() = None;
        }
    }

    fn anew() -> MutexGuard<'static, Option<(UnboundedSender<()>, bool)>> {
        ANEW.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where SIGHUP was a question.
    fn asks_anew() -> bool {
        match &*anew() {
            Some((asked, had_terminal)) if !had_terminal || has_terminal() => asked.send(()).is_ok(),
            _ => false,
        }
    }

    /// A terminal that was closed is nobody's.
    fn has_terminal() -> bool {
        std::fs::File::open("/dev/tty").is_ok()
    }

    /// Signals that come while something asynchronous is done: the first is told here, another one ends the program.
    pub(crate) struct During(UnboundedReceiver<i32>);

    impl During {
        pub(crate) fn new() -> Self {
            watch();
            let (sender, receiver) = unbounded_channel();
            *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
            Self(receiver)
        }

        /// The signal, once there is one.
        pub(crate) async fn signal(&mut self) -> i32 {
            match self.0.recv().await {
                Some(signal) => signal,
                None => std::future::pending().await,
            }
        }
    }

    impl Drop for During {
        fn drop(&mut self) {
            *WORK.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// Other systems put a console right themselves, and end a program at once where nothing asynchronous is under way.
#[cfg(not(unix))]
pub(crate) fn watch() {}

/// Ctrl-C ends the program without a word there.
#[cfg(not(unix))]
pub(crate) fn leave_word(_: Option<String>) {}

/// No signal asks for that there.
#[cfg(not(unix))]
pub(crate) struct Anew;

#[cfg(not(unix))]
impl Anew {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) async fn asked(&mut self) {
        std::future::pending().await
    }
}

#[cfg(not(unix))]
pub(crate) struct During;

#[cfg(not(unix))]
impl During {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Ctrl-C, once it was pressed: a renewal is finished first.
    pub(crate) async fn signal(&mut self) -> i32 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => CTRL_C,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Consoles send Ctrl-C to the program that was started too.
#[cfg(not(unix))]
pub(crate) struct Forwarding;

#[cfg(not(unix))]
impl Forwarding {
    pub(crate) fn begin() -> Self {
        Self
    }

    pub(crate) fn to(&self, _child: &std::process::Child) {}
}

/// What a process that Ctrl-C ends has as its status (NTSTATUS `0xC000013A`).
#[cfg(not(unix))]
const CTRL_C: i32 = 0xC000_013A_u32.cast_signed();

#[cfg(not(unix))]
pub(crate) fn end(signal: i32) {
    std::process::exit(signal)
}
