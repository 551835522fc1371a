//! A terminal with a person at it: keys go in, the screen is read. Used by the end-to-end tests of `xtask` too.

use std::{
    io::{Read, Write},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::JoinHandle,
    time::Duration,
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Long enough for a slow machine; a test that works never waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
const SIZE: PtySize = PtySize { rows: 60, cols: 120, pixel_width: 0, pixel_height: 0 };

pub(crate) const BACKSPACE: &str = "\u{7f}";
pub(crate) const CTRL_C: &str = "\u{3}";
pub(crate) const DOWN: &str = "\u{1b}[B";
pub(crate) const ENTER: &str = "\r";
pub(crate) const ESCAPE: &str = "\u{1b}";
pub(crate) const TAB: &str = "\t";

/// A program that runs in a terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    /// Kept open: the terminal goes when it is dropped.
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    reader: Option<JoinHandle<()>>,
    screen: vt100::Parser,
    /// How many bytes the program has written.
    pub(crate) came: usize,
}

impl Terminal {
    /// Starts a program in a terminal of its own. The command says all of its surroundings.
    pub(crate) fn start(command: CommandBuilder) -> Self {
        Self::start_in(command, SIZE)
    }

    /// The same with a terminal of so many columns, and with enough lines for all that a program shows.
    pub(crate) fn start_with(command: CommandBuilder, cols: u16) -> Self {
        Self::start_in(command, PtySize { rows: 600, cols, ..SIZE })
    }

    fn start_in(mut command: CommandBuilder, size: PtySize) -> Self {
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        let (send, receive) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let screen = vt100::Parser::new(size.rows, size.cols, 0);
        Self { child, master: pair.master, keyboard, output: receive, reader: Some(reader), screen, came: 0 }
    }

    /// Waits until a text stands on the screen.
    pub(crate) fn expect(&mut self, text: &str) -> &mut Self {
        self.expect_times(text, 1)
    }

    /// Waits until a text stands on the screen so many times.
    pub(crate) fn expect_times(&mut self, text: &str, times: usize) -> &mut Self {
        while self.text().matches(text).count() < times {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.show(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("{text:?} did not come:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the program ended before {text:?}:\n{}", self.text())
                }
            }
        }
        self
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
        self
    }

    /// Types a line.
    pub(crate) fn line(&mut self, text: &str) -> &mut Self {
        self.keys(text).keys(ENTER)
    }

    /// Lines on the screen that the terminal had to break.
    pub(crate) fn broken_lines(&self) -> Vec<String> {
        let screen = self.screen.screen();
        let rows: Vec<_> = screen.rows(0, screen.size().1).collect();
        let is_broken = |at: &usize| u16::try_from(*at).is_ok_and(|at| screen.row_wrapped(at));
        (0..rows.len()).filter(is_broken).map(|at| rows[at].clone()).collect()
    }

    /// The process's id.
    pub(crate) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// True where the terminal shows what is typed.
    #[cfg(unix)]
    pub(crate) fn echoes(&self) -> bool {
        self.master.get_termios().is_some_and(|modes| format!("{:?}", modes.local_flags).contains("ECHO "))
    }

    /// What stands on the screen, without blank lines at its end.
    pub(crate) fn text(&self) -> String {
        let contents = self.screen.screen().contents();
        let lines: Vec<_> = contents.lines().map(str::trim_end).collect();
        lines.join("\n").trim_end().to_owned()
    }

    fn show(&mut self, bytes: &[u8]) {
        self.came += bytes.len();
        self.screen.process(bytes);
    }

    /// Waits for the end; the status and the last screen.
    pub(crate) fn finish(mut self) -> (u32, String) {
        self.wait()
    }

    /// Waits for the end and keeps the terminal.
    pub(crate) fn wait(&mut self) -> (u32, String) {
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.show(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("the program did not end:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (self.child.wait().unwrap().exit_code(), self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed half-way leaves nothing running.
        drop(self.child.kill());
    }
}
