//! A home with two connections to a mock of its own: a login, and a private app.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::mock::Mock;
use crate::programs::Programs;
use crate::stop::Stop;

/// The connections' names: an OAuth 2.0 login, and a private app of OAuth 1.0a.
pub(super) const CONNECTIONS: [&str; 2] = ["maple", "old"];
const ORGANISATION: &str = "Maple Florist Ltd";
const SCOPES: &str = "openid offline_access accounting.settings.read accounting.contacts accounting.invoices";

/// All of it ends when it is dropped.
pub(super) struct Household {
    mock: Mock,
    xeroctl: PathBuf,
    folder: tempfile::TempDir,
}

impl Household {
    pub(super) fn set(programs: &Programs) -> Result<Self, Stop> {
        let folder = tempfile::tempdir().map_err(|error| Stop::because("cannot make a folder", &error))?;
        let mock = Mock::start(programs.path("xero-mock")?)?;
        let home = Self { mock, xeroctl: programs.path("xeroctl")?.to_owned(), folder };
        home.run(&["store", "init", "--key-file", "store.key"])?;
        home.log_in()?;
        home.connect_private_app()?;
        Ok(home)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `xeroctl` there, with nothing else in its environment.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.xeroctl);
        let home = self.folder.path().display().to_string();
        command.current_dir(self.folder.path()).env_clear().env("XEROCTL_XERO_URL", self.mock.url());
        command.envs([("HOME", &home), ("XDG_DATA_HOME", &home), ("XDG_CONFIG_HOME", &home)]);
        command
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Stop> {
        let path = self.path(name);
        let cannot = |error: std::io::Error| Stop::because(&format!("cannot write {name}"), &error);
        fs::write(&path, text).map_err(cannot)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(cannot)?;
        }
        Ok(path)
    }

    fn log_in(&self) -> Result<(), Stop> {
        let redirect = ["http://localhost:8743/callback"];
        let app =
            self.order("apps", &json!({ "kind": "web", "name": "Gateway", "redirect_uris": redirect }))?;
        let tokens =
            json!({ "client_id": app["client_id"], "scopes": SCOPES, "organisations": [ORGANISATION] });
        let tokens = self.order("tokens", &tokens)?;
        self.write("tokens.json", &json!({ "refresh_token": tokens["refresh_token"] }).to_string())?;
        self.write("secret", text(&app, "client_secret")?)?;
        let id = text(&app, "client_id")?;
        let options = ["--client-id", id, "--client-secret-file", "secret", "--as", CONNECTIONS[0]];
        self.run(&[&["import", "--from", "token-json", "tokens.json"][..], &options].concat())
    }

    fn connect_private_app(&self) -> Result<(), Stop> {
        let name = CONNECTIONS[1];
        self.run(&["cert", "new", name, "--no-password"])?;
        let certificate = fs::read_to_string(self.path(&format!("{name}.cer")));
        let certificate = certificate.map_err(|error| Stop::because("there is no certificate", &error))?;
        let app = json!({ "name": "Old", "organisation": ORGANISATION, "certificate": certificate });
        let app = self.order("apps", &app)?;
        let (key, pfx) = (text(&app, "consumer_key")?, format!("{name}.pfx"));
        self.run(&[
            "connect",
            name,
            "--kind",
            "private",
            "--consumer-key",
            key,
            "--certificate",
            &pfx,
            "--no-password",
        ])
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Stop> {
        println!("$ xeroctl {}", arguments.join(" "));
        let status = self.command().args(arguments).status();
        let status = status.map_err(|error| Stop::because("cannot run xeroctl", &error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Stop::failed(status, format!("xeroctl failed ({status})")))
        }
    }

    /// Tells the mock what to do; its answer.
    fn order(&self, path: &str, order: &Value) -> Result<Value, Stop> {
        let cannot = |error: reqwest::Error| Stop::because("the mock does not do it", &error);
        let client = reqwest::blocking::Client::builder().no_proxy().build().map_err(cannot)?;
        let request = client
            .post(format!("{}/_mock/{path}", self.mock.url()))
            .header("content-type", "application/json");
        let answer =
            request.body(order.to_string()).send().and_then(reqwest::blocking::Response::error_for_status);
        let answer = answer.and_then(reqwest::blocking::Response::text).map_err(cannot)?;
        serde_json::from_str(&answer).map_err(|error| Stop::because("the mock's answer", &error))
    }
}

fn text<'a>(answer: &'a Value, field: &str) -> Result<&'a str, Stop> {
    answer[field].as_str().ok_or_else(|| Stop::new(format!("the mock gives no {field}")))
}
