//! oidc-agent, which keeps tokens in its memory and gives them to programs over a socket.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::home::Home;
use crate::command_line::run;
use crate::stop::Stop;

/// Ends when it is dropped.
pub(super) struct OidcAgent {
    process: Child,
    socket: PathBuf,
}

impl OidcAgent {
    /// With a login of the home's upstream.
    pub(super) fn start(home: &Home) -> Result<Self, Stop> {
        let socket = home.folder().join("oidc-agent.socket");
        let mut command = home.at_home(Command::new("oidc-agent"));
        command.args(["--console", "--quiet", "--socket-path"]).arg(&socket);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.map_err(|error| Stop::because("cannot start oidc-agent", &error))?;
        let mut agent = Self { process, socket };
        agent.wait()?;
        agent.log_in(home)?;
        Ok(agent)
    }

    pub(super) fn token(&self, home: &Home) -> Command {
        let mut command = home.at_home(Command::new("oidc-token"));
        command.arg("bench").env("OIDC_SOCK", &self.socket);
        command
    }

    fn wait(&mut self) -> Result<(), Stop> {
        let until = Instant::now() + Duration::from_secs(10);
        while !self.socket.exists() {
            let has_ended = self.process.try_wait().is_ok_and(|status| status.is_some());
            if has_ended || Instant::now() > until {
                return Err(Stop::new("oidc-agent does not listen"));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn log_in(&self, home: &Home) -> Result<(), Stop> {
        home.write("password", "correct horse battery staple")?;
        let issuer = format!("http://127.0.0.1:{}/", home.upstream());
        let device = format!("{issuer}device");
        let mut command = home.at_home(Command::new("oidc-gen"));
        command.args(["bench", "--issuer", &issuer, "--client-id", "bench", "--client-secret", "bench"]);
        command.args(["--scope", "openid offline_access", "--redirect-uri", "http://localhost:4242"]);
        command.args(["--device-authorization-endpoint", &device, "--refresh-token-env"]);
        command.args(["--pw-file", "password", "--prompt", "none", "--confirm-default"]);
        command.env("OIDC_SOCK", &self.socket).env("OIDC_REFRESH_TOKEN", "bench");
        let output = command.output().map_err(|error| Stop::because("cannot run oidc-gen", &error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Stop::failed(output.status, format!("oidc-gen failed:\n{said}")))
    }
}

impl Drop for OidcAgent {
    fn drop(&mut self) {
        // Killed, it would leave the process that it works with.
        if run(&format!("kill {}", self.process.id())).is_err() {
            let _gone_already = self.process.kill();
        }
        let _gone_already = self.process.wait();
    }
}
