//! The page at `/` in a real browser.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use diskwright_e2e::browser::{Browser, Session};
use diskwright_e2e::debian::{DebianTree, Workshop};
use diskwright_e2e::server::{Installation, Server};

#[test]
fn a_person_logs_in_makes_an_image_and_downloads_it() -> Result<()> {
    let (Some(browser), Some(tree)) = (Browser::find(), DebianTree::find()) else { return Ok(()) };
    let workshop = Workshop::enter("page")?;
    let installation = Installation::new(workshop.path())?;
    installation.add_user(LOGIN, PASSWORD)?;
    installation.add_scan(LOGIN, MACHINE, &tree.archive())?;
    let server = installation.start()?;
    let page = browser.start(workshop.path())?;
    visit(&page, &server).with_context(|| server.log())?;
    drop(page);
    server.stop()
}

fn visit(page: &Session, server: &Server) -> Result<()> {
    page.go_to(server.origin())?;
    refuses_a_wrong_password(page)?;
    log_in(page)?;
    shows_the_scan(page)?;
    refuses_what_cannot_be(page)?;
    makes_and_downloads(page)?;
    cancels(page)?;
    deletes(page)?;
    stays_at_home(page, server)?;
    forgets_the_login(page)
}

fn refuses_a_wrong_password(page: &Session) -> Result<()> {
    enter(page, "wrong")?;
    page.wait_until("a refusal", "!document.getElementById('failure').hidden", SOON)?;
    ensure!(page.find("#failure")?.text()?.contains("Login and password are needed"), "another sentence");
    Ok(())
}

fn log_in(page: &Session) -> Result<()> {
    enter(page, PASSWORD)?;
    page.wait_until("the account", "!document.getElementById('account').hidden", SOON)?;
    ensure!(page.find("#who")?.text()? == LOGIN, "another login");
    page.wait_until("no refusal any more", "document.getElementById('failure').hidden", SOON)
}

fn enter(page: &Session, password: &str) -> Result<()> {
    page.find("#name")?.type_text(LOGIN)?;
    page.find("#password")?.type_text(password)?;
    page.find("#login button")?.click()
}

fn shows_the_scan(page: &Session) -> Result<()> {
    ensure!(page.find("section h2")?.text()?.contains(MACHINE), "another machine");
    let ready = "(() => { const order = document.querySelector('.scan button.main'); return order && !order.disabled })()";
    page.wait_until("a scan to make images of", ready, LONG)
}

/// What the server refuses stands in the dialogue, in its own words.
fn refuses_what_cannot_be(page: &Session) -> Result<()> {
    order(page, "QCOW2", "1")?;
    page.wait_until("a refusal", "!document.getElementById('order-failure').hidden", SOON)?;
    let said = page.find("#order-failure")?.text()?;
    ensure!(said.contains("disk"), "{said}");
    page.find("#order-leave")?.click()?;
    page.wait_until("no dialogue", "!document.getElementById('order').open", SOON)?;
    ensure!(images(page)? == 0, "an image was made");
    Ok(())
}

fn makes_and_downloads(page: &Session) -> Result<()> {
    // What was seen of the bar is kept: it may be gone before this test looks.
    page.script(
        "window.seen = []; setInterval(() => { const bar = document.querySelector('.image progress'); \
         if (bar && !bar.hidden) window.seen.push(bar.value); }, 20);",
    )?;
    order(page, "QCOW2", "4096")?;
    page.wait_until("no dialogue", "!document.getElementById('order').open", SOON)?;
    page.wait_until("a bar", "window.seen.length > 0", SOON)?;
    let button =
        "(() => { const get = document.querySelector('.image button.main'); return get && !get.hidden })()";
    page.wait_until("a download", button, LONG)?;
    let ascends = "window.seen.every((value, at) => at === 0 || window.seen[at - 1] <= value)";
    page.wait_until("a bar that only grew", ascends, SOON)?;
    let name = page.script("return session.images[0].fileName")?;
    let size = page.script("return session.images[0].fileSize")?;
    page.find(".image button.main")?.click()?;
    let file = page.downloaded(name.as_str().context("no name")?, LONG)?;
    ensure!(Some(fs::metadata(&file)?.len()) == size.as_u64(), "another length than the page says");
    ensure!(fs::read(&file)?.starts_with(b"QFI\xfb"), "not a QCOW2 file");
    // A second time, with another key.
    fs::remove_file(&file)?;
    page.find(".image button.main")?.click()?;
    page.downloaded(name.as_str().context("no name")?, LONG).map(drop)
}

/// An image of which the making is stopped; one that is complete too early is made again.
fn cancels(page: &Session) -> Result<()> {
    for _ in 0..5 {
        let before = images(page)?;
        order(page, "VMware", "4096")?;
        page.wait_until(
            "one more image",
            &format!("document.querySelectorAll('.image').length > {before}"),
            SOON,
        )?;
        page.script(
            "[...document.querySelectorAll('.image button')].find((button) => !button.hidden && button.textContent === 'Cancel')\
             ?.click();",
        )?;
        let over = "session.images.every((image) => isOver(image.status))";
        page.wait_until("an end", over, LONG)?;
        let shown = "return [...document.querySelectorAll('.image .quiet')].some((about) => about.textContent.includes('Cancelled'))";
        if page.script(shown)?.as_bool() == Some(true) {
            return Ok(());
        }
    }
    anyhow::bail!("five images were complete before they could be cancelled")
}

fn deletes(page: &Session) -> Result<()> {
    let before = images(page)?;
    let click = "[...document.querySelectorAll('.image button')].find((button) => !button.hidden && \
                 button.textContent.startsWith('Delete')).click();";
    page.script(click)?;
    ensure!(images(page)? == before, "deleted without being asked twice");
    page.script(click)?;
    page.wait_until("one image less", &format!("document.querySelectorAll('.image').length < {before}"), SOON)
}

/// Everything came from this server, and fits a telephone.
fn stays_at_home(page: &Session, server: &Server) -> Result<()> {
    let origin = server.origin();
    let home = format!(
        "performance.getEntriesByType('resource').every((entry) => entry.name.startsWith('{origin}/'))"
    );
    page.wait_until("no request to elsewhere", &home, SOON)?;
    page.resize(360, 640)?;
    page.wait_until("no overflow", "document.documentElement.scrollWidth <= window.innerWidth", SOON)?;
    page.resize(1200, 800)
}

fn forgets_the_login(page: &Session) -> Result<()> {
    page.find("#leave")?.click()?;
    page.wait_until("nothing", "document.querySelectorAll('.scan').length === 0 && session === null", SOON)?;
    let stores = "localStorage.length + sessionStorage.length + document.cookie.length === 0";
    page.wait_until("nothing stored", stores, SOON)
}

fn order(page: &Session, format: &str, disk: &str) -> Result<()> {
    page.find(".scan button.main")?.click()?;
    page.wait_until("a dialogue", "document.getElementById('order').open", SOON)?;
    page.script(&format!(
        "const formats = document.getElementById('format'); \
         formats.value = [...formats.options].find((option) => option.value.startsWith('{format}')).value;"
    ))?;
    page.find("#memory")?.type_text("512")?;
    page.find("#disk")?.type_text(disk)?;
    page.find("#order-make")?.click()
}

fn images(page: &Session) -> Result<u64> {
    page.script("return document.querySelectorAll('.image').length")?.as_u64().context("no number")
}

const LOGIN: &str = "guest";
const PASSWORD: &str = "pässword: of guest";
const MACHINE: &str = "web server";
const SOON: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(600);
