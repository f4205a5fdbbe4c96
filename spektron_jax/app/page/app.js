// The page: files go to the local server, what it says comes back. Whatever a file says
// is set as text, never as HTML; no address but this server's is asked.
"use strict";
const ALIVE_MS = 30000, POLL_MS = 500, MOST_ROWS = 500;
const at = id => document.getElementById(id);
let began;  // what the server said when the visit began
const tasks = {};  // name -> the parts of its page
const local = `visit/`;

function make(parent, tag, text = "", given = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(given)) {
    if (name in node && typeof value === "boolean") node[name] = value;
    else node.setAttribute(name, value);
  }
  if (parent) parent.append(node);
  return node;
}

async function ask(method, path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  const sent = json ? JSON.stringify(body) : body;
  let answer;
  try {
    answer = await fetch(path, { method, body: sent });
  } catch {
    throw new Error("spektron app does not answer: it was ended, or is starting anew");
  }
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  let told = text;
  try { told = JSON.parse(text).error; } catch { /* plain text */ }
  throw new Error(told || `the server answered ${answer.status}`);
}

const visit = path => `${local}${began.visit}/${path}`;

function tell(error) {
  at("alert").textContent = error ? error.message : "";
  at("alert").hidden = !error;
  if (error) at("alert").scrollIntoView({ block: "nearest" });
}

function drawTask(task) {
  const root = make(at("main"), "section", "", { "aria-labelledby": `${task.name}-title` });
  const page = { task, root, parts: {}, controls: {}, boxes: {}, report: null };
  make(root, "h1", task.title, { id: `${task.name}-title` });
  make(root, "p", task.about, { class: "dim" });
  make(root, "h2", "Files");
  page.slots = make(root, "div", "", { class: "slots" });
  page.said = make(root, "p", "", { role: "status" });
  make(root, "h2", "Settings");
  const shown = make(root, "div", "", { class: "fields" });
  const more = make(root, "details");
  make(more, "summary", "More settings");
  const hidden = make(more, "div", "", { class: "fields" });
  for (const field of task.fields)
    page.boxes[field.name] = make(field.more ? hidden : shown, "div", "", { class: "field" });
  const row = make(root, "div", "", { class: "row" });
  page.start = make(row, "button", task.button, { type: "button", class: "main" });
  drawResult(page);
  task.slots.forEach(slot => drawSlot(page, slot));
  task.fields.forEach(field => drawField(page, field));
  page.start.addEventListener("click", () => start(page));
  tasks[task.name] = page;
  make(at("tasks"), "a", task.title, { href: `#${task.name}` });
}

function drawResult(page) {
  page.result = make(page.root, "div");
  page.result.hidden = true;
  make(page.result, "h2", "Result");
  const row = make(page.result, "div", "", { class: "row" });
  page.state = make(row, "span", "", { role: "status" });
  page.seconds = make(row, "span", "", { class: "dim" });
  page.stop = make(row, "button", "Stop", { type: "button", class: "quiet" });
  page.update = make(row, "button", "Show the finished report", { type: "button" });
  page.bar = make(page.result, "progress", "",
    { max: "100", "aria-label": `Progress: ${page.task.title}` });
  page.report_box = make(page.result, "div");
  page.table = make(page.result, "div");
  page.links = make(page.result, "div");
  const details = make(page.result, "details");
  make(details, "summary", "What the program said");
  page.log = make(details, "pre", "", { tabindex: "0" });
  page.stop.addEventListener("click", () =>
    ask("POST", visit(`stop/${page.task.name}`)).catch(tell));
  page.update.addEventListener("click", () => showReport(page));
}

function showTask() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const name = wanted in tasks ? wanted : Object.keys(tasks)[0];
  for (const [one, page] of Object.entries(tasks)) page.root.hidden = one !== name;
  for (const link of at("tasks").children) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `spektron: ${tasks[name].task.title}`;
}

async function endVisit() {
  const path = visit("end");
  began = null;  // nothing of it is asked any more
  try {
    await ask("POST", path);
  } catch { /* it has ended already */ }
  at("main").replaceChildren(make(null, "p", "All files are removed; this tab can be closed."));
  at("end").hidden = at("tasks").hidden = true;
}

async function open() {
  try {
    began = await ask("POST", "visit");
  } catch (error) {
    return tell(error);
  }
  began.tasks.forEach(drawTask);
  showTask();
  window.addEventListener("hashchange", () => { showTask(); at("main").focus(); });
  at("end").addEventListener("click", endVisit);
  setInterval(() => began && ask("POST", visit("alive")).catch(tell), ALIVE_MS);
  window.addEventListener("pagehide", () =>
    began && navigator.sendBeacon(visit("leave")));
  window.addEventListener("pageshow", event =>
    event.persisted && began && ask("POST", visit("alive")).catch(tell));
  window.addEventListener("beforeunload", event => {
    if (began && Object.values(tasks).some(page => page.start.disabled)) event.preventDefault();
  });
  // A file that misses its place must not replace the page.
  for (const kind of ["dragover", "drop"])
    window.addEventListener(kind, event => event.preventDefault());
}

open();
