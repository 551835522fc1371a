//! A desktop app (OAuth 2.0 with PKCE): no secret; the browser comes back to this machine.

use std::net::{Ipv4Addr, TcpListener};

use super::Stage;
use crate::stop::Stop;

pub(super) fn show(stage: &Stage) -> Result<(), Stop> {
    let redirect_uri = format!("http://localhost:{}/callback", free_port()?);
    stage
        .shell
        .heading("Desktop app (OAuth 2.0, PKCE): no secret, and the browser comes back to this machine");
    let client_id = stage.portal.create_desktop_app("Nightly desktop", &redirect_uri)?;
    println!("My Apps > New app > Mobile or desktop app, redirect URI {redirect_uri} > Create app");
    println!("Client id: {client_id}");
    let app = ["--kind", "desktop", "--client-id", &client_id, "--redirect-uri", &redirect_uri];
    let mut running = stage.shell.start(&[&["connect", "hexagon"], &app[..], &["--no-browser"]].concat())?;
    let address = running.address()?;
    let location = stage.consent(&address, "Hexagon Tools Pty Ltd")?;
    println!("The browser shows: {}\n", stage.control.follow(&location)?);
    running.finish(0)?;
    stage.shell.run(&["request", "-c", "hexagon", "GET", "Organisation"], 0)
}

fn free_port() -> Result<u16, Stop> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    port.map(|address| address.port()).map_err(|error| Stop::because("there is no free port", &error))
}
