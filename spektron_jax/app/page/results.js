// A job: how far it is, its report, its numbers, and what can be taken along.
"use strict";

async function start(page) {
  tell();
  try {
    await ask("POST", visit(`start/${page.task.name}`), values(page));
  } catch (error) {
    return tell(error);
  }
  page.report = null;
  page.result.hidden = false;
  for (const part of [page.report_box, page.table, page.links]) part.replaceChildren();
  page.log.textContent = "";
  page.update.hidden = true;
  page.start.disabled = true;
  page.stop.hidden = page.bar.hidden = false;
  page.result.scrollIntoView({ behavior: "smooth", block: "start" });
  await follow(page);
}

async function follow(page) {
  let job;
  do {
    try {
      job = await ask("GET", visit(`job/${page.task.name}`));
    } catch (error) {
      page.state.textContent = error.message;
      page.state.className = "bad";
      break;
    }
    drawJob(page, job);
    if (job.state !== "waiting" && job.state !== "running") break;
    await new Promise(done => setTimeout(done, POLL_MS));
  } while (began);
  page.start.disabled = false;
  page.stop.hidden = page.bar.hidden = true;
}

function drawJob(page, job) {
  const running = job.state === "running", task = page.task;
  if (job.report && job.report !== page.report) newReport(page, job);
  if (job.percent === null) page.bar.removeAttribute("value");
  else page.bar.value = job.percent;
  page.log.textContent = job.lines.join("\n");
  const time = `${Math.round(job.seconds)} s`;
  const words = { waiting: "Waiting for its turn", running: `${task.title} is running`,
    done: `Done in ${time}.`, failed: job.answer.error, stopped: "Stopped." };
  let said = words[job.state];
  if (running && page.report)
    said = "The answer is below; more is being added to the report";
  if (running && job.percent !== null) said += ` (${job.percent} %)`;
  if (page.state.textContent !== said) page.state.textContent = said;
  page.seconds.textContent = running ? time : "";
  page.state.className = job.state === "failed" ? "bad" : "";
  if (job.state === "done" && job.answer.predictions) drawPredictions(page, job.answer);
  if (job.state === "done" || page.report) drawLinks(page);
}

// The first report is shown at once; a later one when the reader asks for it.
function newReport(page, job) {
  const first = !page.report;
  page.report = job.report;
  if (first) return showReport(page);
  page.update.hidden = false;
}

function showReport(page) {
  page.update.hidden = true;
  page.report_box.replaceChildren();
  const src = `${visit(`out/${page.task.name}/report.html`)}?${page.report}`;
  make(page.report_box, "iframe", "", { src, sandbox: "allow-downloads",
    title: `Report: ${page.task.title}` });
  const line = make(page.report_box, "p");
  make(line, "a", "Open the report in a tab of its own",
    { href: src, target: "_blank", rel: "noopener" });
}

function drawLinks(page) {
  if (page.links.childElementCount) return;
  make(page.links, "h2", "Take with you");
  const row = make(page.links, "div", "", { class: "row" });
  for (const [name, label] of Object.entries(page.task.files))
    make(row, "a", label, { class: "button", download: name,
      href: `${visit(`out/${page.task.name}/${name}`)}?save` });
  if (page.task.name !== "transfer") return;
  make(page.links, "p", "The calibration as a file that predicts without Python:",
    { class: "dim" });
  const forms = make(page.links, "div", "", { class: "row" });
  for (const [name, label] of Object.entries(began.exports)) {
    const button = make(forms, "button", label, { type: "button" });
    button.addEventListener("click", () => exportModel(page, name, button));
  }
}

async function exportModel(page, name, button) {
  tell();
  button.disabled = true;
  try {
    await ask("POST", visit(`export/${name}`));
    const link = make(document.body, "a", "",
      { href: visit(`out/transfer/${name}`), download: name, hidden: true });
    link.click();
    link.remove();
  } catch (error) {
    tell(error);
  }
  button.disabled = false;
}

function drawPredictions(page, answer) {
  if (page.table.childElementCount) return;
  const unit = answer.property_unit ? ` (${answer.property_unit})` : "";
  answer.warnings.forEach(text => make(page.table, "p", text, { class: "warn" }));
  const flagged = answer.predictions.filter(one => one.flag && one.flag !== "in domain");
  make(page.table, "p", `${answer.predictions.length} spectra, ${flagged.length} of them `
    + `unlike those of the calibration; ${Math.round(answer.coverage * 100)} % intervals `
    + `${answer.intervals}.`);
  const scroll = make(page.table, "div", "", { class: "scroll", tabindex: "0",
    role: "region", "aria-label": "Predictions" });
  const table = make(scroll, "table");
  const head = make(make(table, "thead"), "tr"), body = make(table, "tbody");
  const several = answer.predictions.some(one => one.property);
  const first = several ? ["Sample", "Property", "Value"] : ["Sample", (answer.property || "Value") + unit];
  for (const text of [...first, "Low", "High", "Flag"])
    make(head, "th", text, { scope: "col" });
  for (const one of answer.predictions.slice(0, MOST_ROWS)) {
    const row = make(body, "tr"), half = (one.high - one.low) / 2;
    const near = half > 0 ? Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(half)))) : 3;
    const fixed = value => (value === null ? "none" : value.toFixed(near));
    const named = several ? [one.property + (one.unit ? ` (${one.unit})` : "")] : [];
    const cells = [one.sample_id, ...named, fixed(one.prediction), fixed(one.low), fixed(one.high)];
    cells.forEach(text => make(row, "td", text));
    const mood = { "in domain": "good", extrapolating: "warn" }[one.flag] || "bad";
    make(row, "td", one.flag || "", { class: one.flag ? mood : "" });
  }
  if (answer.predictions.length > MOST_ROWS)
    make(page.table, "p", `The first ${MOST_ROWS}; all are in the CSV.`, { class: "dim" });
}
