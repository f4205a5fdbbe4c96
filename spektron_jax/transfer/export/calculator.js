// The page: files in, a table, a picture and a CSV out. Whatever a file says is set as
// text, never as HTML.
const LARGEST_FILE = 50e6, DRAWN = 100;

function digits(result) {
  const half = (result.high - result.low) / 2;
  return half > 0 ? Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(half)))) : 3;
}

function plain(value) {
  return Number(value.toPrecision(6));
}

function flagged(result) {
  return result.flag + (result.beyond ? "; beyond the labels" : "");
}

// Cells of one property.
function shown(result) {
  const near = digits(result), ratio = x => (x === null ? "" : x.toFixed(2));
  return [result.value.toFixed(near), flagged(result), result.low.toFixed(near),
    result.high.toFixed(near), ratio(result.t2), ratio(result.q)];
}

// What stands before the names of columns: nothing, with one property.
function prefix(c, all) {
  return all.length > 1 ? `${c.about.property} ` : "";
}

// One cell of a CSV file; a spreadsheet takes what begins with = + - @ for a formula.
function csvCell(value) {
  let text = String(value).replace(/[\r\n]+/g, " ");
  if (/^[\s]*[=+\-@]/.test(text) && !Number.isFinite(Number(text))) text = `'${text}`;
  return /[",]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function csvText(spectra, all) {
  const own = all.map(c => {
    const unit = c.about.unit ? ` (${c.about.unit})` : "";
    return [(c.about.property || "value") + unit, ...["low", "high", "T2/limit",
      "Q/limit", "flag"].map(name => prefix(c, all) + name)];
  });
  const header = ["sample", ...own.flat(), "file"];
  const rows = spectra.map(({ name, file, results }) => [name, ...results.flatMap(r =>
    [r.value, r.low, r.high, r.t2 ?? "", r.q ?? "", flagged(r)]), file]);
  return [header, ...rows].map(row => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

// Everything of one file: spectra with a result for each property, and what was refused
// with the reason. The calibrations have one axis.
function calculate(fileName, content, calibrations) {
  const read = readSpectra(fileName, content, calibrations[0]), spectra = [];
  const refused = read.refused.map(one => ({ ...one, file: fileName }));
  for (const { name, spectrum } of read.spectra) {
    try {
      const results = calibrations.map(c =>
        predictSpectrum(c, c.axis.positions, spectrum));
      spectra.push({ name, file: fileName, spectrum, results });
    } catch (error) {
      refused.push({ name, reason: error.message, file: fileName });
    }
  }
  return { spectra, refused };
}

function startPage(document, calibrations) {
  const at = id => document.getElementById(id);
  let all = [];
  const add = (parent, tag, text, kind = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (kind) node.className = kind;
    parent.append(node);
    return node;
  };
  const mood = flag => ({ "in domain": "good", extrapolating: "warn",
    "unlike anything": "bad" })[flag] || "";

  function show() {
    at("results").hidden = !all.length;
    at("rows").replaceChildren();
    for (const { name, results } of all) {
      const row = add(at("rows"), "tr", "");
      add(row, "td", name);
      for (const result of results) {
        shown(result).forEach((cell, place) =>
          add(row, "td", cell, place === 1 ? mood(result.flag) : ""));
      }
    }
    draw(at("picture"), all, calibrations[0]);
  }

  async function take(files) {
    const told = at("refused");
    told.replaceChildren();
    for (const file of files) {
      try {
        if (file.size > LARGEST_FILE) throw new Error("is larger than 50 MB");
        const found = calculate(file.name, await file.arrayBuffer(), calibrations);
        all = all.concat(found.spectra);
        for (const one of found.refused) {
          add(told, "li", `${file.name}, ${one.name}: ${one.reason}`);
        }
      } catch (error) {
        add(told, "li", `${file.name}: ${error.message}`);
      }
    }
    const n = all.length;
    at("status").textContent = `${n} ${n === 1 ? "spectrum" : "spectra"} calculated` +
      (told.children.length ? `; ${told.children.length} refused, see below` : "");
    show();
  }

  const abouts = calibrations.map(c => Object.entries({ property: c.about.property,
    unit: c.about.unit, instrument: c.about.instrument, quantity: c.about.quantity,
    axis: `${c.axis.positions[0]} to ${c.axis.positions.at(-1)} ${c.axis.unit}, ` +
      `${c.axis.positions.length} points`,
    "made from": c.about["made from"], verdict: c.about.verdict,
    "labels of the calibration": c.labels && `${plain(c.labels.low)} to ${plain(c.labels.high)}`,
    version: c.package }));
  abouts.forEach((about, which) => about.forEach(([name, text], place) => {
    if (!text || (which && text === abouts[0][place][1])) return;
    add(at("about"), "dt", name);
    add(at("about"), "dd", text);
  }));
  at("caption").textContent = calibrations.map(c => {
    const percent = Math.round(1000 * c.interval.coverage) / 10;
    return `${c.about.property || "Value"} with ${percent} % interval (${c.about.intervals})`;
  }).join("; ");
  const columns = calibrations.flatMap(c => [
    [c.about.property || "value", c.about.unit].filter(Boolean).join(", "),
    ...["flag", "low", "high", "T²/limit", "Q/limit"].map(name =>
      prefix(c, calibrations) + name)]);
  for (const name of ["sample", ...columns]) add(at("header"), "th", name).scope = "col";
  const drop = at("drop");
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, event => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  at("files").addEventListener("change", async event => {
    await take([...event.target.files]);
    event.target.value = "";
  });
  at("clear").addEventListener("click", () => {
    all = [];
    at("refused").replaceChildren();
    at("status").textContent = "";
    show();
  });
  at("download").addEventListener("click", () => {
    const link = document.createElement("a");
    const text = new Blob(["\ufeff", csvText(all, calibrations)], { type: "text/csv" });
    link.href = URL.createObjectURL(text);
    link.download = "predictions.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

// Lines in an SVG of 800 x 320, by attributes alone.
function draw(picture, all, c) {
  picture.querySelectorAll("polyline, text").forEach(node => node.remove());
  const p = c.axis.positions, drawn = all.slice(-DRAWN);
  const legend = picture.ownerDocument.getElementById("legend");
  if (!drawn.length) return;
  const mean = c.domain && c.points === null ? c.domain.mean : null;
  const values = drawn.flatMap(one => one.spectrum).concat(mean || []);
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) =>
    Math.max(a, b));
  const left = Math.min(p[0], p.at(-1)), span = Math.abs(p.at(-1) - p[0]) || 1;
  const x = v => 20 + 760 * (c.axis.unit === "cm-1" ? 1 - (v - left) / span :
    (v - left) / span);
  const y = v => 285 - 270 * (v - low) / (high - low || 1);
  const make = (tag, attributes, text = "") => {
    const node = picture.ownerDocument.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = text;
    picture.append(node);
  };
  const line = (spectrum, kind) => make("polyline", { class: kind, points: spectrum.map(
    (v, i) => `${x(p[i]).toFixed(1)},${y(v).toFixed(1)}`).join(" ") });
  legend.textContent = (mean ? "Thick grey line: the mean spectrum that the " +
    "calibration knows. " : "") + "Orange: spectra unlike anything it knows." +
    (all.length > DRAWN ? ` The last ${DRAWN} of ${all.length} are drawn.` : "");
  if (mean) line(mean, "known");
  for (const { spectrum, results } of drawn) {
    const unlike = results.some(one => one.flag === "unlike anything");
    line(spectrum, unlike ? "bad" : "line");
  }
  for (const k of [0, 0.25, 0.5, 0.75, 1]) {
    const v = left + k * span;
    make("text", { x: x(v).toFixed(1), y: 310, "text-anchor": "middle" },
      `${Math.round(v)}${k === 0.5 ? ` ${c.axis.unit}` : ""}`);
  }
}

if (typeof document !== "undefined") {
  const found = JSON.parse(document.getElementById("calibration").textContent);
  startPage(document, found.calibrations || [found]);
}
if (typeof module !== "undefined") module.exports = { calculate, csvText };
