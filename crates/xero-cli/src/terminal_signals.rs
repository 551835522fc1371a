//! A signal that ends the program at a prompt must not leave the terminal without echo.

/// What Ctrl-C ends with, as a shell has it.
#[cfg(unix)]
const INTERRUPTED: i32 = 130;

/// From the first prompt on: puts the terminal right before a signal does its usual work. Ctrl-C between prompts says so
/// and ends with the status that it has at a prompt.
#[cfg(unix)]
pub(crate) fn restore_terminal() {
    use std::{io::Write, sync::Once};

    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
        iterator::Signals,
        low_level::emulate_default_handler,
    };

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where signals cannot be caught they do what they always did.
        let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) else { return };
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                drop(crossterm::terminal::disable_raw_mode());
                // The cursor is shown, and pasted text comes without marks again.
                drop(std::io::stderr().write_all(b"\x1b[?25h\x1b[?2004l\r\n"));
                if signal == SIGINT {
                    drop(std::io::stderr().write_all(b"error: cancelled\r\n"));
                    std::process::exit(INTERRUPTED);
                }
                drop(emulate_default_handler(signal));
            }
        });
    });
}

/// Other systems put a console right themselves.
#[cfg(not(unix))]
pub(crate) fn restore_terminal() {}
