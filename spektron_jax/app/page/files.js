// The files of a task, how they were read, and its settings.
"use strict";

function drawSlot(page, slot) {
  const box = make(page.slots, "div", "", { class: "slot" });
  const label = make(box, "label");
  make(label, "b", slot.label);
  make(label, "span", slot.hint, { class: "dim" });
  const input = make(label, "input", "", { type: "file", multiple: true });
  const row = make(box, "div", "", { class: "row" });
  const status = make(row, "span", "", { role: "status" });
  const remove = make(row, "button", `Remove`, { type: "button", class: "quiet",
    "aria-label": `Remove the files of ${slot.label}` });
  remove.hidden = true;
  const read = make(box, "div");
  const part = { slot, box, input, status, remove, read, names: [], found: null, turn: 0 };
  input.addEventListener("change", () => take(page, part, [...input.files]));
  remove.addEventListener("click", () => empty(page, part).catch(tell));
  for (const kind of ["dragover", "dragleave", "drop"])
    box.addEventListener(kind, event => {
      event.preventDefault();
      box.classList.toggle("over", kind === "dragover");
      if (kind !== "drop") return;
      input.files = event.dataTransfer.files;
      take(page, part, [...input.files]);
    });
  page.parts[slot.name] = part;
}

async function empty(page, part) {
  part.turn += 1;
  await ask("POST", visit(`clear/${part.slot.name}`));
  Object.assign(part, { names: [], found: null });
  part.input.value = "";
  part.status.textContent = "";
  part.status.className = "";
  part.remove.hidden = true;
  part.read.replaceChildren();
  part.box.classList.remove("full");
  await refresh(page);
}

async function take(page, part, files) {
  tell();
  if (!files.length) return;
  page.start.disabled = true;
  try {
    const name = part.slot.name;
    await ask("POST", visit(`clear/${name}`));
    part.names = [];
    part.found = null;
    part.turn += 1;
    part.read.replaceChildren();
    part.status.className = "";
    if (files.reduce((sum, file) => sum + file.size, 0) > began.megabytes * 1e6)
      throw new Error(`larger than ${began.megabytes} MB; start spektron app with a `
        + "larger --megabytes");
    for (const file of files) {
      part.status.textContent = `Taking ${file.name} ...`;
      const path = visit(`file/${name}?name=${encodeURIComponent(file.name)}`);
      part.names.push((await ask("POST", path, file)).name);
    }
    part.box.classList.add("full");
    part.remove.hidden = false;
    await look(page, part);
  } catch (error) {
    part.status.textContent = error.message;
    part.status.className = "bad";
  }
  page.start.disabled = false;
}

// How the files of a slot are read, with the settings of the page.
async function look(page, part) {
  if (!part.names.length) return;
  const turn = part.turn += 1, count = part.names.length;
  part.found = null;
  part.read.replaceChildren();
  part.status.className = "";
  part.status.textContent = count > 1 ? `${count} files` : "Taken";
  if (part.slot.spectra) {
    part.status.textContent = "Reading ...";
    const settings = values(page, ["unit", "modality", "strict"]);
    const found = await ask("POST", visit(`look/${part.slot.name}`), settings);
    if (turn !== part.turn) return;  // it is being read anew
    if (found.error) throw new Error(found.error);
    part.found = found;
    part.status.textContent = count > 1 ? `Read from ${count} files:` : "Read:";
    drawRead(part);
  }
  await refresh(page);
}

function drawRead(part) {
  const list = make(part.read, "dl");
  for (const [label, text] of part.found.rows) {
    make(list, "dt", label);
    make(list, "dd", text, label === "Unlike the others" ? { class: "warn" } : {});
  }
  if (part.found.notes.length) {
    const notes = make(part.read, "ul");
    part.found.notes.forEach(note => make(notes, "li", note));
  }
  const frame = make(part.read, "div", "", { class: "picture", tabindex: "0",
    role: "region", "aria-label": `Picture of ${part.slot.label}` });
  make(frame, "img", "", { alt: `Spectra of ${part.names.join(", ")}`.slice(0, 200),
    src: visit(`out/look/${part.slot.name}.png?${Date.now()}`) });
}

// What was read decides what can be chosen, and what is offered first.
async function refresh(page) {
  const { old, new: fresh } = page.parts;
  page.said.textContent = "";
  page.task.fields.forEach(field => drawField(page, field));
  if (page.task.name === "transfer" && old.found && fresh.found) {
    const offer = await ask("POST", visit("offer"));
    page.said.textContent = offer.said;
    for (const [name, value] of Object.entries(offer.settings)) {
      const control = page.controls[name];
      if (!control.dataset.touched) control.value = value;
    }
  }
}

// Names that were found in the files, for the fields that choose among them.
function namesFor(page, field) {
  const of = (slot, list) => page.parts[slot]?.found?.[list] || [];
  const several = list => (list.length > 1 ? list : []);
  if (field.name === "property") {
    const own = page.parts.labels.names.length ? [] : of("old", "properties");
    return own.length > 1 ? [...own, "all"] : own;
  }
  if (field.name === "source") return several(of("old", "instruments"));
  if (field.name === "target") return several(of("new", "instruments"));
  if (field.name === "label") return of("library", "labels");
  if (field.name === "instrument")
    return several([...of("spectra", "instruments"), ...of("control", "instruments")]);
  return [];
}

// Draws a field anew; what was typed stays where it still can be chosen.
function drawField(page, field) {
  const before = page.controls[field.name], box = page.boxes[field.name];
  const names = namesFor(page, field);
  if (before && field.kind !== "text") return;
  const was = before ? before.value : "";
  box.replaceChildren();
  const id = `${page.task.name}-${field.name}`;
  let control;
  if (field.kind === "flag") {
    const label = make(box, "label", "", { for: id });
    control = make(label, "input", "", { id, type: "checkbox" });
    label.append(` ${field.label}`);
    control.checked = field.default && (field.name !== "network" || began.network);
    control.disabled = field.name === "network" && !began.network;
  } else {
    make(box, "label", field.label, { for: id });
    if (field.kind === "choice" || names.length) {
      control = make(box, "select", "", { id });
      const choices = field.kind === "choice" ? field.choices : names.map(n => [n, n]);
      if (field.name === "label") choices.unshift(["", "sample ids"]);
      choices.forEach(([value, text]) => make(control, "option", text, { value }));
    } else {
      const numeric = field.kind === "number";
      control = make(box, "input", "", { id, type: numeric ? "number" : "text",
        autocomplete: "off", ...(numeric ? { min: "0" } : {}),
        ...(field.kind === "date" ? { placeholder: "2026-11-29" } : {}) });
    }
    const wanted = was || field.default;
    const possible = control.tagName !== "SELECT"
      || [...control.options].some(one => one.value === wanted);
    if (possible) control.value = wanted;
  }
  if (field.hint) {
    const hint = make(box, "small", field.hint, { id: `${id}-hint` });
    control.setAttribute("aria-describedby", hint.id);
  }
  const chosen = ["source", "target", "instrument", "label"].includes(field.name);
  box.hidden = chosen && !names.length;
  if (before?.dataset.touched) control.dataset.touched = "1";
  control.addEventListener("change", () => {
    control.dataset.touched = "1";
    if (["unit", "modality", "strict"].includes(field.name)) lookAgain(page);
  });
  page.controls[field.name] = control;
}

async function lookAgain(page) {
  for (const part of Object.values(page.parts)) {
    try {
      await look(page, part);
    } catch (error) {
      part.status.textContent = error.message;
      part.status.className = "bad";
    }
  }
}

function values(page, only) {
  const found = {};
  for (const field of page.task.fields) {
    const control = page.controls[field.name], box = page.boxes[field.name];
    if (only && !only.includes(field.name)) continue;
    if (field.kind === "flag") found[field.name] = control.checked;
    else if (!box.hidden) found[field.name] = control.value;
  }
  return found;
}
