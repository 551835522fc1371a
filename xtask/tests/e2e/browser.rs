//! Chromium with a person in front of it, who finds things by the words that stand on the page.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use thirtyfour::cdp::domains::emulation::SetDeviceMetricsOverride;
use thirtyfour::cdp::domains::page::CaptureScreenshot;
use thirtyfour::components::SelectElement;
use thirtyfour::extensions::query::ElementPollerWithTimeout;
use thirtyfour::prelude::*;
use tokio::runtime::Runtime;

/// Long enough for a slow machine; a test that works never waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);

/// Nothing is asked of any machine but this one. With the pipe Chromium ends when chromedriver does, however that ends.
const FLAGS: [&str; 14] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
];

/// Width and height of the window in CSS pixels, and whether it is a phone's.
const SIZES: [(&str, u32, u32, bool); 2] = [("phone", 390, 844, true), ("desktop", 1280, 900, false)];

/// How wide the guide's pictures are, in CSS pixels.
const GUIDE_WIDTH: u32 = 820;

/// What a page must not be, each as a sentence. The argument is the width of the window.
const FLAWS: &str = r#"
    const flaws = [];
    const width = document.documentElement.scrollWidth;
    if (width > arguments[0]) flaws.push(`the page is ${width} pixels wide`);
    if (document.styleSheets.length !== 1) flaws.push("the style sheet was not let in");
    for (const field of document.querySelectorAll("input, select, textarea")) {
        if (!field.ariaLabel && ![...field.labels].some((label) => label.innerText.trim())) flaws.push(`no label: ${field.outerHTML}`);
        if (field.readOnly && field.scrollWidth > field.clientWidth) flaws.push(`cut off: ${field.outerHTML}`);
        const marked = field.type === "checkbox" || getComputedStyle(field).borderTopWidth === "2px";
        if (field.ariaInvalid === "true" && !marked) flaws.push(`looks right but is not: ${field.outerHTML}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) flaws.push(`twice: #${id}`);
    for (const attribute of ["aria-describedby", "aria-labelledby", "for"])
        for (const element of document.querySelectorAll(`[${attribute}]`))
            for (const id of element.getAttribute(attribute).split(" "))
                if (!ids.includes(id)) flaws.push(`${attribute} leads nowhere: ${id}`);
    for (const link of document.querySelectorAll("a[href^='#']"))
        if (!ids.includes(link.hash.slice(1))) flaws.push(`the link leads nowhere: ${link.hash}`);
    return flaws;
"#;

/// A window without a screen. It ends, and leaves nothing, when it is dropped, also by a panic.
pub(crate) struct Browser {
    driver: Option<WebDriver>,
    _chromedriver: Chromedriver,
    runtime: Runtime,
    /// What Chromium and chromedriver take for the home; emptied after both.
    home: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let chromedriver = Chromedriver::start(home.path());
        let driver = runtime.block_on(session(&chromedriver, home.path())).unwrap();
        Self { driver: Some(driver), _chromedriver: chromedriver, runtime, home }
    }

    pub(crate) fn open(&self, url: &str) {
        self.wait(self.driver().goto(url));
    }

    pub(crate) fn address(&self) -> String {
        self.wait(self.driver().current_url()).to_string()
    }

    /// Waits until a text stands on the page.
    pub(crate) fn sees(&self, text: &str) {
        self.find(By::XPath(format!("//body[contains(normalize-space(.), {text:?})]")));
    }

    /// What the page is made of.
    pub(crate) fn source(&self) -> String {
        self.wait(self.driver().source())
    }

    /// Ends Chromium and gives all that it has kept of the pages: the files of its profile, by name.
    pub(crate) fn end(mut self) -> Vec<(String, Vec<u8>)> {
        if let Some(driver) = self.driver.take() {
            self.runtime.block_on(driver.quit()).unwrap();
        }
        files(&self.home.path().join("profile"))
    }

    /// The text of what has this id.
    pub(crate) fn text(&self, id: &str) -> String {
        self.wait(self.find(By::Id(id)).text())
    }

    /// What stands in the field of this label.
    pub(crate) fn value(&self, label: &str) -> String {
        self.wait(self.field(label).value()).unwrap()
    }

    /// Presses the link or the button of this text, the last one if there are several.
    pub(crate) fn press(&self, text: &str) {
        let path =
            format!("(//a[normalize-space() = {text:?}] | //button[normalize-space() = {text:?}])[last()]");
        self.wait(self.find(By::XPath(path)).click());
    }

    /// Presses the choice or the tick box whose label begins so.
    pub(crate) fn tick(&self, label: &str) {
        let path = format!("//label[starts-with(normalize-space(), {label:?})]");
        self.wait(self.find(By::XPath(path)).click());
    }

    /// Types into the field of this label, after what stands there.
    pub(crate) fn fill(&self, label: &str, text: &str) {
        self.wait(self.field(label).send_keys(text));
    }

    /// Chooses a file from the disk.
    pub(crate) fn upload(&self, label: &str, file: &Path) {
        self.fill(label, file.to_str().unwrap());
    }

    /// Chooses one of a list.
    pub(crate) fn choose(&self, label: &str, choice: &str) {
        let field = self.field(label);
        self.wait(async { SelectElement::new(&field).await?.select_by_exact_text(choice).await });
    }

    /// Checks the page at each size and keeps a picture of it in `target/e2e`.
    pub(crate) fn look(&self, page: &str) {
        for (size, width, height, mobile) in SIZES {
            self.resize(width, height, mobile);
            let found = self.wait(self.driver().execute(FLAWS, vec![width.into()]));
            let flaws: Vec<String> = found.convert().unwrap();
            self.picture(&format!("{page}-{size}"));
            assert!(flaws.is_empty(), "{page} on a {size}: {flaws:#?}");
        }
    }

    /// Draws the page for the guide, in `target/e2e/guide`: without the foot that each page has, and without a scroll bar.
    pub(crate) fn illustrate(&self, name: &str) {
        self.resize(GUIDE_WIDTH, 300, true);
        self.wait(self.driver().execute("document.querySelector('footer').remove()", []));
        self.picture(&format!("guide/{name}"));
    }

    fn resize(&self, width: u32, height: u32, mobile: bool) {
        self.wait(self.driver().cdp().send(SetDeviceMetricsOverride {
            width,
            height,
            device_scale_factor: 1.0,
            mobile,
            scale: None,
            screen_orientation: None,
        }));
    }

    /// The whole page, also what one has to scroll to.
    fn picture(&self, name: &str) {
        let whole = CaptureScreenshot { capture_beyond_viewport: Some(true), ..CaptureScreenshot::default() };
        let png = self.wait(self.driver().cdp().send(whole)).data;
        let file = pictures().join(format!("{name}.png"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, thirtyfour::support::base64_decode(&png).unwrap()).unwrap();
    }

    fn field(&self, label: &str) -> WebElement {
        self.find(By::XPath(format!("//*[@id = //label[normalize-space() = {label:?}]/@for]")))
    }

    fn find(&self, by: By) -> WebElement {
        let what = format!("{by:?}");
        let found = self.runtime.block_on(self.driver().query(by).first());
        found.unwrap_or_else(|error| panic!("{what}: {error}\n{}", self.page()))
    }

    /// All that one can read now, for whoever has to find out why a test failed.
    fn page(&self) -> String {
        let text = self.wait(self.driver().execute("return document.body.innerText", []));
        format!("{}\n{}", self.address(), text.convert::<String>().unwrap())
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("only Drop takes it")
    }

    fn wait<T>(&self, answer: impl Future<Output = WebDriverResult<T>>) -> T {
        self.runtime.block_on(answer).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            let _gone_already = self.runtime.block_on(driver.quit());
        }
    }
}

async fn session(chromedriver: &Chromedriver, home: &Path) -> WebDriverResult<WebDriver> {
    let mut wishes = DesiredCapabilities::chrome();
    wishes.set_binary(on_path("chromium").to_str().expect("paths of programs are text"))?;
    for flag in FLAGS {
        wishes.add_arg(flag)?;
    }
    wishes.add_arg(&format!("--user-data-dir={}", home.join("profile").display()))?;
    // A proxy has no way to this computer's loopback address.
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE * 2).build().unwrap();
    WebDriver::builder(&chromedriver.url, wishes)
        .client(client)
        .poller(Arc::new(ElementPollerWithTimeout::new(PATIENCE, INTERVAL)))
        .connect()
        .await
}

/// The program that Chromium takes its orders from.
struct Chromedriver {
    process: Child,
    /// Kept open: it may write more.
    _stdout: BufReader<ChildStdout>,
    url: String,
}

impl Chromedriver {
    /// Returns when it listens, on a port of its own choice.
    fn start(home: &Path) -> Self {
        let mut command = Command::new(on_path("chromedriver"));
        command.arg("--port=0").env("HOME", home).env("TMPDIR", home);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        let port = loop {
            let line = said.len();
            assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "chromedriver ended: {said}");
            if let Some((_, port)) = said[line..].split_once("started successfully on port ") {
                break port.trim_end_matches(['.', '\n']).to_owned();
            }
        };
        Self { process, _stdout: stdout, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}

fn on_path(program: &str) -> PathBuf {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{program} is not here; on Debian `cargo xtask test` installs it"))
}

/// All files below a folder. One that goes away meanwhile is none.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let contents = |path: &PathBuf| fs::read(path).ok().map(|bytes| (path.display().to_string(), bytes));
    let (folders, plain): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| files(folder));
    plain.iter().filter_map(contents).chain(below).collect()
}

/// `target/e2e`, beside the folder that cargo gives to tests.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("e2e")
}
