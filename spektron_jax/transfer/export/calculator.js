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

function tableRow(name, result) {
  const near = digits(result), ratio = x => (x === null ? "" : x.toFixed(2));
  return [name, result.value.toFixed(near),
    result.flag + (result.beyond ? "; beyond the labels" : ""),
    result.low.toFixed(near), result.high.toFixed(near), ratio(result.t2),
    ratio(result.q)];
}

// One cell of a CSV file; a spreadsheet takes what begins with = + - @ for a formula.
function csvCell(value) {
  let text = String(value).replace(/[\r\n]+/g, " ");
  if (/^[\s]*[=+\-@]/.test(text) && !Number.isFinite(Number(text))) text = `'${text}`;
  return /[",]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function csvText(results, c) {
  const unit = c.about.unit ? ` (${c.about.unit})` : "";
  const header = ["sample", (c.about.property || "value") + unit, "low", "high",
    "T2/limit", "Q/limit", "flag", "file"];
  const rows = results.map(({ name, file, result: r }) => [name, r.value, r.low, r.high,
    r.t2 ?? "", r.q ?? "", r.flag + (r.beyond ? "; beyond the labels" : ""), file]);
  return [header, ...rows].map(row => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

// Everything of one file: results, and what was refused with the reason.
function calculate(fileName, content, c) {
  const read = readSpectra(fileName, content, c), results = [];
  const refused = read.refused.map(one => ({ ...one, file: fileName }));
  for (const { name, spectrum } of read.spectra) {
    try {
      const result = predictSpectrum(c, c.axis.positions, spectrum);
      results.push({ name, file: fileName, spectrum, result });
    } catch (error) {
      refused.push({ name, reason: error.message, file: fileName });
    }
  }
  return { results, refused };
}

function startPage(document, c) {
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
    for (const { name, result } of all) {
      const row = add(at("rows"), "tr", "");
      tableRow(name, result).forEach((cell, place) =>
        add(row, "td", cell, place === 2 ? mood(result.flag) : ""));
    }
    draw(at("picture"), all, c);
  }

  async function take(files) {
    const told = at("refused");
    told.replaceChildren();
    for (const file of files) {
      try {
        if (file.size > LARGEST_FILE) throw new Error("is larger than 50 MB");
        const found = calculate(file.name, await file.arrayBuffer(), c);
        all = all.concat(found.results);
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

  const about = { property: c.about.property, unit: c.about.unit,
    instrument: c.about.instrument, quantity: c.about.quantity,
    axis: `${c.axis.positions[0]} to ${c.axis.positions.at(-1)} ${c.axis.unit}, ` +
      `${c.axis.positions.length} points`,
    "made from": c.about["made from"], verdict: c.about.verdict,
    "labels of the calibration": c.labels && `${plain(c.labels.low)} to ${plain(c.labels.high)}`,
    version: c.package };
  for (const [name, text] of Object.entries(about)) {
    if (text) { add(at("about"), "dt", name); add(at("about"), "dd", text); }
  }
  const percent = Math.round(1000 * c.interval.coverage) / 10;
  at("caption").textContent = `${c.about.property || "Value"} with ${percent} % interval` +
    ` (${c.about.intervals})`;
  const value = [c.about.property || "value", c.about.unit].filter(Boolean).join(", ");
  for (const name of ["sample", value, "flag", "low", "high", "T²/limit", "Q/limit"]) {
    add(at("header"), "th", name).scope = "col";
  }
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
    const text = new Blob(["\ufeff", csvText(all, c)], { type: "text/csv" });
    link.href = URL.createObjectURL(text);
    link.download = "predictions.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

// Lines in an SVG of 800 x 320, by attributes alone.
function draw(picture, all, c) {
  picture.querySelectorAll("polyline, text").forEach(node => node.remove());
  const p = c.axis.positions, shown = all.slice(-DRAWN);
  const legend = picture.ownerDocument.getElementById("legend");
  if (!shown.length) return;
  const mean = c.domain && c.points === null ? c.domain.mean : null;
  const values = shown.flatMap(one => one.spectrum).concat(mean || []);
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
  for (const { spectrum, result } of shown) {
    line(spectrum, result.flag === "unlike anything" ? "bad" : "line");
  }
  for (const k of [0, 0.25, 0.5, 0.75, 1]) {
    const v = left + k * span;
    make("text", { x: x(v).toFixed(1), y: 310, "text-anchor": "middle" },
      `${Math.round(v)}${k === 0.5 ? ` ${c.axis.unit}` : ""}`);
  }
}

if (typeof document !== "undefined") {
  startPage(document, JSON.parse(document.getElementById("calibration").textContent));
}
if (typeof module !== "undefined") module.exports = { calculate, csvText };
