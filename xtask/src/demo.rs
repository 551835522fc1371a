//! `cargo xtask demo`: the whole main job, with the real programs, on a mock Xero and in a folder that is gone afterwards.

mod control;
mod custom_connection;
mod desktop_app;
mod portal;
mod private_app;
mod shell;
mod web_app;

use self::control::Control;
use self::portal::Portal;
use self::shell::Shell;
use crate::mock::Mock;
use crate::programs::Programs;
use crate::stop::Stop;

/// What `xeroctl` ends with where the demo shows a failure (`xeroctl help exit-codes`).
const OTHER: i32 = 1;
const NEEDS_PERSON: i32 = 4;
const REFUSED: i32 = 6;

/// All that an act of the demo has.
struct Stage {
    shell: Shell,
    portal: Portal,
    control: Control,
    _mock: Mock,
}

/// Asks nothing; stops when a command does not end as it should.
pub(crate) fn demo() -> Result<(), Stop> {
    let stage = Stage::set()?;
    stage.shell.heading("Make a store for connections, locked with a key file that is kept elsewhere");
    stage.shell.run(&["store", "init", "--key-file", "elsewhere/store.key"], 0)?;
    private_app::show(&stage)?;
    web_app::show(&stage)?;
    desktop_app::show(&stage)?;
    custom_connection::show(&stage)?;
    stage.shell.heading("Everything that is connected now");
    stage.shell.run(&["list"], 0)?;
    println!("\nThat was the whole job. The mock, the store and all files of it are removed now.");
    Ok(())
}

impl Stage {
    fn set() -> Result<Self, Stop> {
        let programs = Programs::build(&["xero-cli", "xero-mock"])?;
        let mock = Mock::start(programs.path("xero-mock")?)?;
        Ok(Self {
            shell: Shell::new(programs.path("xeroctl")?, mock.url())?,
            portal: Portal::new(mock.url())?,
            control: Control::new(mock.url())?,
            _mock: mock,
        })
    }

    /// What a person does with the address that `xeroctl` prints; gives where the browser ends.
    fn consent(&self, address: &str, organisation: &str) -> Result<String, Stop> {
        println!(
            "\nA person would open the address here, log in as Ada Byron, choose {organisation} and press"
        );
        println!("Allow access; the demo does it by the mock's control address, {}.", Control::CONSENT);
        self.control.consent(address, organisation)
    }
}
