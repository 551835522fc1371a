//! nginx: as the upstream that stands in for Xero, and as the proxy with a fixed header.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::CORES;
use crate::stop::Stop;

/// An organisation, as long as Xero's answer is.
const ORGANISATION: &str = include_str!("organisation.json");

/// Ends when it is dropped.
pub(super) struct Nginx {
    process: Child,
    port: u16,
}

impl Nginx {
    /// Gives tokens, and answers every request of an API alike.
    pub(super) fn upstream(folder: &Path, token: &str) -> Result<Self, Stop> {
        let organisation = ORGANISATION.replace('\n', "");
        let locations = format!(
            "default_type application/json;
             location = /connect/token {{ return 200 '{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\
             \"expires_in\":1800,\"scope\":\"accounting.settings\"}}'; }}
             location /api.xro/2.0/ {{ if ($http_authorization != 'Bearer {token}') {{ return 401; }}
             return 200 '{organisation}'; }}
             location = /connections {{ return 200 '[]'; }}
             location = /.well-known/openid-configuration {{ return 200 '{{\"issuer\":\"http://$http_host/\",\
             \"authorization_endpoint\":\"http://$http_host/authorize\",\
             \"token_endpoint\":\"http://$http_host/agent/token\",\
             \"scopes_supported\":[\"openid\",\"offline_access\"],\
             \"grant_types_supported\":[\"authorization_code\",\"refresh_token\"],\
             \"response_types_supported\":[\"code\"]}}'; }}
             location = /agent/token {{ return 200 '{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\
             \"expires_in\":1800,\"refresh_token\":\"bench\",\"scope\":\"openid offline_access\"}}'; }}"
        );
        Self::start(folder, "upstream", CORES[1], "", &locations)
    }

    /// Passes every request on, with the token.
    pub(super) fn proxy(folder: &Path, upstream: u16, token: &str) -> Result<Self, Stop> {
        let servers = format!(
            "upstream xero {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}"
        );
        let locations = format!(
            "location / {{ proxy_pass http://xero; proxy_http_version 1.1; proxy_set_header Connection '';
             proxy_set_header Authorization 'Bearer {token}'; }}"
        );
        Self::start(folder, "proxy", CORES[0], &servers, &locations)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    fn start(folder: &Path, name: &str, core: &str, servers: &str, locations: &str) -> Result<Self, Stop> {
        let (port, folder) = (free_port()?, folder.join(name));
        let cannot = |error: std::io::Error| Stop::because("cannot start nginx", &error);
        fs::create_dir_all(&folder).map_err(cannot)?;
        let here = folder.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String =
            temporary.iter().map(|one| format!("{one}_temp_path {here}/{one};\n")).collect();
        let configuration = format!(
            "worker_processes 1; daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;
             events {{ worker_connections 1024; }}
             http {{ access_log off; keepalive_requests 100000000; {temporary} {servers}
             server {{ listen 127.0.0.1:{port}; {locations} }} }}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration).map_err(cannot)?;
        let mut command = Command::new("taskset");
        command.args(["-c", core, "nginx", "-p"]).arg(&folder).arg("-c").arg(&file);
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().map_err(cannot)?;
        let nginx = Self { process, port };
        nginx.wait()?;
        Ok(nginx)
    }

    fn wait(&self) -> Result<(), Stop> {
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if Instant::now() > until {
                return Err(Stop::new("nginx does not listen"));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}

fn free_port() -> Result<u16, Stop> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| Stop::because("there is no free port", &error))
}
