// The page of the server: what it shows it asks the public API for, as JSON.
"use strict";

const API = "api/";
// Milliseconds between two looks: while something is being made, while nothing is, and after failures at most.
const BUSY = 1000, IDLE = 10000, TROUBLE = 60000;

// The login stands here only: a page that is closed or loaded again has forgotten it.
let session = null;

const at = (id) => document.getElementById(id);

/** A refusal, with the server's sentence. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Asks the API; the answer's document without its root, or null where there is none or it is known. */
async function ask(method, uri, { document = null, tags = null } = {}) {
  const headers = { Accept: "application/json", Authorization: session.authorization };
  if (document) headers["Content-Type"] = "application/json";
  if (tags?.has(uri)) headers["If-None-Match"] = tags.get(uri);
  // Without credentials of the browser's own: it would ask for a password itself.
  const options = { method, headers, credentials: "omit", cache: "no-store", signal: session.ending.signal };
  const answer = await fetch(API + uri, { ...options, body: document && JSON.stringify(document) });
  if (answer.status === 304 || answer.status === 204) return null;
  const text = await answer.text();
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    if (answer.ok) throw new Refusal(answer.status, "The server's answer cannot be read.");
  }
  if (!answer.ok) {
    const message = content?.uforgeError?.localizedErrorMsg?.message;
    throw new Refusal(answer.status, message || `The server answers with status ${answer.status}.`);
  }
  if (tags && answer.headers.has("ETag")) tags.set(uri, answer.headers.get("ETag"));
  return content && Object.values(content)[0];
}

/** Basic credentials; the bytes are those of UTF-8. */
function authorization(login, password) {
  const bytes = new TextEncoder().encode(`${login}:${password}`);
  return "Basic " + btoa(String.fromCodePoint(...bytes));
}

function show(element, visible) {
  element.hidden = !visible;
}

function fail(element, error) {
  show(element, Boolean(error));
  element.textContent = error ? error.message.replace(/^./, (letter) => letter.toUpperCase()) : "";
}

function tell(text) {
  at("news").textContent = text;
}

/** An element with text, or with children. */
function make(name, { text = null, type = null, className = "", act = null } = {}, ...children) {
  const element = document.createElement(name);
  if (text !== null) element.textContent = text;
  if (type) element.type = type;
  if (className) element.className = className;
  if (act) element.addEventListener("click", act);
  element.append(...children);
  return element;
}

function button(text, act, className = "") {
  return make("button", { text, type: "button", act, className });
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${unit ? count.toFixed(1) : count} ${units[unit]}`;
}

function day(text) {
  const time = text ? new Date(text) : null;
  return time && !Number.isNaN(time.valueOf()) ? time.toLocaleString() : "";
}

const isOver = (status) => Boolean(status && (status.complete || status.error || status.cancelled));
const isGood = (status) => Boolean(status && status.complete && !status.error && !status.cancelled);

function words(status) {
  if (!status) return "";
  if (status.error) return [status.message, status.errorMessage].filter(Boolean).join(": ") || "Failed";
  if (status.cancelled) return "Cancelled";
  return status.message || (status.complete ? "Complete" : "Waiting");
}

// ---- Log in and out -------------------------------------------------------------------------------------------------

async function enter(event) {
  event.preventDefault();
  fail(at("failure"), null);
  const login = at("name").value;
  const ending = new AbortController();
  session = { login, ending, authorization: authorization(login, at("password").value), rows: new Map(), tags: new Map() };
  session.home = `users/${encodeURIComponent(login)}`;
  const submit = at("login").querySelector("button");
  submit.disabled = true;
  try {
    await ask("GET", session.home);
    session.formats = (await ask("GET", `${session.home}/targetformats`)).targetFormats.targetFormat;
  } catch (error) {
    session = null;
    fail(at("failure"), error);
    at("password").select();
    return;
  } finally {
    submit.disabled = false;
  }
  at("password").value = "";
  at("who").textContent = login;
  show(at("login"), false);
  show(at("account"), true);
  show(at("machines"), true);
  tell("Logged in");
  session.delay = BUSY;
  await look();
}

function leave(error = null) {
  session?.ending.abort();
  clearTimeout(session?.timer);
  session = null;
  if (at("order").open) at("order").close();
  at("machines").replaceChildren();
  for (const id of ["account", "machines", "nothing"]) show(at(id), false);
  show(at("login"), true);
  fail(at("failure"), error);
  at("name").focus();
}

// ---- Looking --------------------------------------------------------------------------------------------------------

/** Shows how things are, and looks again after a while: sooner while something is being made, not while nobody looks. */
async function look() {
  const mine = session;
  if (!mine) return;
  if (mine.looking) {
    // What is being fetched may be older than what was just done.
    mine.again = true;
    return;
  }
  clearTimeout(mine.timer);
  mine.looking = true;
  mine.again = false;
  try {
    const machines = await ask("GET", `${mine.home}/scannedinstances?includeScans=true`, { tags: mine.tags });
    const images = await ask("GET", `${mine.home}/images`, { tags: mine.tags });
    if (mine !== session) return;
    if (machines) mine.machines = machines.scannedInstances.scannedInstance;
    if (images) mine.images = images.images.image;
    if (machines || images) draw();
    fail(at("failure"), null);
    mine.delay = isBusy(mine) ? BUSY : IDLE;
  } catch (error) {
    if (mine !== session || error.name === "AbortError") return;
    if (error.status === 401) return leave(error);
    fail(at("failure"), error.status ? error : new Error("The server does not answer. Trying again."));
    mine.delay = Math.min(mine.delay * 2, TROUBLE);
  } finally {
    mine.looking = false;
  }
  if (mine === session && !document.hidden) mine.timer = setTimeout(look, mine.again ? 0 : mine.delay);
}

function isBusy(mine) {
  const scans = mine.machines.flatMap((machine) => machine.scans?.scan ?? []);
  return [...mine.images, ...scans].some((thing) => thing.status && !isOver(thing.status));
}

// ---- Drawing --------------------------------------------------------------------------------------------------------

/** Draws all; what stands already is kept, and so is the focus in it. */
function draw() {
  const { machines, images } = session;
  const sections = machines.map((machine) => {
    const row = kept(machine.uri, () => machineRow());
    row.update(machine);
    const scans = (machine.scans?.scan ?? []).map((scan) => {
      const row = kept(scan.uri, () => scanRow());
      row.update(scan);
      arrange(row.list, images.filter((image) => image.parentUri === scan.uri).map((image) => {
        const row = kept(image.uri, () => imageRow());
        row.update(image);
        return row.element;
      }));
      return row.element;
    });
    arrange(row.list, scans);
    return row.element;
  });
  arrange(at("machines"), sections);
  show(at("nothing"), machines.length === 0);
}

function kept(uri, create) {
  if (!session.rows.has(uri)) session.rows.set(uri, create());
  return session.rows.get(uri);
}

/** Makes `children` the children of `parent`, touching only what differs. */
function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}

function machineRow() {
  const name = make("span");
  const about = make("small");
  const list = make("div");
  const element = make("section", {}, make("h2", {}, name, " ", about), list);
  const update = (machine) => {
    const system = machine.distribution ?? {};
    name.textContent = machine.name;
    // Where there is a description, the API has no name for what it says.
    const names = system.description ? [system.description] : [system.name, system.version];
    about.textContent = [...names, system.arch].filter(Boolean).join(" ");
  };
  return { element, list, update };
}

function scanRow() {
  let scan = null;
  const name = make("h3");
  const about = make("p", { className: "quiet" });
  const bar = progressBar();
  const order = button("Make an image", () => openOrder(scan), "main");
  const list = make("ul", { className: "images" });
  const element = make("article", { className: "scan" }, make("div", {}, name, order), about, bar, list);
  const update = (next) => {
    scan = next;
    name.textContent = scan.name;
    about.textContent = [words(scan.status), day(scan.created)].filter(Boolean).join(" · ");
    about.classList.toggle("failure", Boolean(scan.status?.error));
    setProgress(bar, scan.status, scan.name);
    order.disabled = !isGood(scan.status);
    order.setAttribute("aria-label", `Make an image of ${scan.name}`);
  };
  return { element, list, update };
}

function imageRow() {
  let image = null;
  let wasOver = true;
  const name = make("span");
  const about = make("p", { className: "quiet" });
  const bar = progressBar();
  const failure = make("p", { className: "failure" });
  failure.setAttribute("role", "alert");
  failure.hidden = true;
  const guard = (act) => async () => {
    fail(failure, null);
    try {
      await act();
    } catch (error) {
      fail(failure, error);
    }
  };
  const download = button("Download", guard(() => fetchImage(image)), "main");
  const cancel = button("Cancel", guard(async () => {
    await ask("DELETE", `${image.uri}/status`);
    await look();
  }));
  const remove = twice("Delete", "Delete for good?", guard(async () => {
    await ask("DELETE", image.uri);
    session.rows.delete(image.uri);
    tell("Deleted");
    await look();
  }));
  const buttons = make("p", { className: "buttons" }, download, cancel, remove);
  const element = make("li", { className: "image" }, make("div", {}, name, buttons), about, bar, failure);
  const update = (next) => {
    image = next;
    const over = isOver(image.status);
    const title = `${image.targetFormat?.name ?? "Image"} ${image.revision ? `#${image.revision}` : ""}`.trim();
    if (over && !wasOver) tell(`${title}: ${words(image.status)}`);
    wasOver = over;
    name.textContent = title;
    const size = isGood(image.status) && image.fileSize ? bytes(image.fileSize) : "";
    const share = over ? "" : `${image.status?.percentage ?? 0} %`;
    const parts = [share, words(image.status), image.fileName, size, day(image.created)];
    about.textContent = parts.filter(Boolean).join(" · ");
    about.classList.toggle("failure", Boolean(image.status?.error));
    setProgress(bar, image.status, title);
    show(download, Boolean(isGood(image.status) && image.downloadUri));
    show(cancel, !over);
    show(remove, over);
  };
  return { element, update };
}

function progressBar() {
  const bar = make("progress");
  bar.max = 100;
  return bar;
}

function setProgress(bar, status, title) {
  show(bar, Boolean(status) && !isOver(status));
  bar.value = status?.percentage ?? 0;
  bar.setAttribute("aria-label", `Progress of ${title}`);
}

/** A button that acts when it is pressed a second time. */
function twice(first, second, act) {
  const element = button(first, async () => {
    if (element.textContent === first) {
      element.textContent = second;
      return;
    }
    element.textContent = first;
    await act();
  });
  element.addEventListener("blur", () => { element.textContent = first; });
  return element;
}

/** Has the browser download an image, with a key that is good for this once. */
async function fetchImage(image) {
  const { downloadUri, fileName } = await ask("GET", image.uri);
  if (!downloadUri) throw new Error("The image cannot be downloaded any more.");
  const link = make("a");
  link.href = API + downloadUri;
  link.download = fileName ?? "";
  document.body.append(link);
  link.click();
  link.remove();
  tell(`Downloading ${fileName ?? "the image"}`);
  // The key that was shown is used up.
  session.tags.clear();
}

// ---- Ordering -------------------------------------------------------------------------------------------------------

let ordered = null;

function openOrder(scan) {
  ordered = scan;
  at("order-title").textContent = `Make an image of ${scan.name}`;
  const formats = session.formats.filter((format) => format.active !== false && format.access !== false);
  at("format").replaceChildren(...formats.map((format) => {
    const option = make("option", { text: format.name });
    option.value = format.name;
    return option;
  }));
  fail(at("order-failure"), null);
  at("order").showModal();
}

async function order(event) {
  event.preventDefault();
  const profile = {};
  if (at("memory").value) profile.memorySize = Number(at("memory").value);
  if (at("disk").value) profile.diskSize = Number(at("disk").value);
  const image = { compress: at("compress").checked, targetFormat: { name: at("format").value } };
  if (Object.keys(profile).length) image.installProfile = profile;
  at("order-make").disabled = true;
  try {
    await ask("POST", `${ordered.uri}/images`, { document: { image } });
    at("order").close();
    tell("The image is being made");
    await look();
  } catch (error) {
    if (error.name !== "AbortError") fail(at("order-failure"), error);
  } finally {
    at("order-make").disabled = false;
  }
}

at("login").addEventListener("submit", enter);
at("leave").addEventListener("click", () => leave());
at("order-form").addEventListener("submit", order);
at("order-leave").addEventListener("click", () => at("order").close());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
show(at("login"), true);
at("name").focus();
