// Files of spectra to [{name, spectrum}], on the calibration's axis and no other.
// readSpectra(fileName, ArrayBuffer or text, calibration) -> {spectra, refused};
// throws an Error that says what is wrong where nothing of a file can be used.

function readSpectra(fileName, content, c) {
  const text = typeof content === "string" ? content : decodeText(content);
  if (/\0/.test(text)) throw new Error("not a text file: export it as CSV or JCAMP-DX");
  const found = /^\s*##\s*(TITLE|JCAMP)/im.test(text.slice(0, 2000)) ?
    readJcamp(text, fileName, c) : readTable(text, fileName, c);
  if (!found.spectra.length && !found.refused.length) {
    throw new Error("no spectrum was found in this file");
  }
  return found;
}

function decodeText(buffer) {
  const bytes = new Uint8Array(buffer);
  const of = name => new TextDecoder(name, { fatal: name === "utf-8" }).decode(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return of("utf-16le");
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return of("utf-16be");
  try { return of("utf-8").replace(/^\ufeff/, ""); } catch { return of("windows-1252"); }
}

// The spectrum in the calibration's order of points: files may run either way.
function onAxis(axis, c) {
  const p = c.axis.positions, close = (a, b) => Math.abs(a - b) <= c.axis.tolerance;
  if (axis.length === p.length) {
    if (axis.every((x, i) => close(x, p[i]))) return values => values;
    if (axis.every((x, i) => close(x, p[p.length - 1 - i]))) {
      return values => [...values].reverse();
    }
  }
  return null;
}

function axisError(axis, c) {
  const p = c.axis.positions, n = p.length;
  const named = a => a.length ? `${Math.min(a[0], a[a.length - 1])} to ` +
    `${Math.max(a[0], a[a.length - 1])} in ${a.length} points` : "no positions";
  let text = `wrong axis: the file has ${named(axis)}, the calibration needs ` +
    `${named(p)} (${c.axis.unit})`;
  if (axis.length === n) {
    const i = axis.findIndex((x, k) => !(Math.abs(x - p[k]) <= c.axis.tolerance));
    text += `; point ${i + 1} is at ${axis[i]}, not ${p[i]}`;
  }
  return new Error(text);
}

// --- Tables -------------------------------------------------------------------

function readTable(text, fileName, c) {
  const lines = text.split(/\r\n|\r|\n/).filter(line => line.trim());
  let best = [], ambiguous = false;
  for (const mark of ["\t", ";", ",", " "]) {
    const rows = lines.map(line => cells(mark === " " ? line.trim() : line, mark));
    for (const row of rows) while (row.length && !row[row.length - 1]) row.pop();
    const comma = mark !== "," && decimalComma(rows.flat());
    if (comma === null) ambiguous = true;
    if (comma === null) continue;
    const number = cell => toNumber(cell, comma);
    for (const table of [wideTable, longTable]) {
      const read = table(rows, number, fileName, c);
      if (read.found) return read.found;
      if (read.axis.length > best.length) best = read.axis;
    }
  }
  if (ambiguous && best.length < 3) {
    throw new Error("both . and , stand in numbers, so which of them is decimal is not " +
      "clear: write one of them");
  }
  throw axisError(best, c);
}

// Whether numbers have a decimal comma; null: some have a point, some a comma.
function decimalComma(all) {
  const numeric = all.filter(cell => /^[-+]?[\d.,]+([eE][-+]?\d+)?$/.test(cell));
  const comma = numeric.some(cell => cell.includes(","));
  return comma && numeric.some(cell => cell.includes(".")) ? null : comma;
}

function cells(line, mark) {
  if (!line.includes('"')) {
    return (mark === " " ? line.split(/ +/) : line.split(mark)).map(cell => cell.trim());
  }
  const found = [];
  let cell = "", quoted = false;
  for (let i = 0; i < line.length; i++) {
    const letter = line[i];
    if (quoted && letter === '"' && line[i + 1] === '"') { cell += '"'; i++; }
    else if (letter === '"') quoted = !quoted;
    else if (letter === mark && !quoted) { found.push(cell.trim()); cell = ""; }
    else cell += letter;
  }
  found.push(cell.trim());
  return found;
}

function toNumber(cell, comma) {
  if (cell === undefined) return NaN;
  const plain = comma ? cell.replace(",", ".") : cell;
  return /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(plain) ? Number(plain) : NaN;
}

// A position in a heading: 1100, "1100 nm", X1100; NaN for one in another unit.
function position(cell, number, unit) {
  const parts = /^(?:(?:X|nm|wl|wn|wavelength|wavenumber)[ _.]?)?([-+\d][\d.,eE+-]*?) ?(nm|cm-1|cm\^-1|um|µm)?$/i
    .exec(cell || "");
  if (!parts) return NaN;
  const named = (parts[2] || "").toLowerCase();
  const own = { "cm^-1": "cm-1", "µm": "um" }[named] || named;
  return own && unit !== "points" && own !== unit ? NaN : number(parts[1]);
}

// Positions in one row, a spectrum in each row below.
function wideTable(rows, number, fileName, c) {
  let best = [];
  for (let r = 0; r < Math.min(rows.length, 200); r++) {
    const run = longestRun(rows[r].map(cell => position(cell, number, c.axis.unit)));
    if (run.values.length > best.length && monotone(run.values)) best = run.values;
    const put = onAxis(run.values, c);
    if (!put) continue;
    const spectra = [], refused = [];
    rows.slice(r + 1).forEach((row, k) => {
      const name = row.slice(0, run.start).find(cell => cell) || `${fileName}, row ${k + 1}`;
      const values = row.slice(run.start, run.start + run.values.length).map(number);
      if (row.length > rows[r].length) {
        refused.push({ name, reason: "has more cells than the row of positions" });
      } else if (values.length < run.values.length || values.some(Number.isNaN)) {
        refused.push({ name, reason: "has cells that are no numbers" });
      } else spectra.push({ name, spectrum: put(values) });
    });
    return { axis: run.values, found: { spectra, refused } };
  }
  return { axis: best };
}

// Positions in the first column that holds them, a spectrum in each column after it.
function longTable(rows, number, fileName, c) {
  let best = [];
  const width = Math.max(...rows.map(row => row.length));
  for (let column = 0; column < Math.min(width, 20); column++) {
    const run = longestRun(rows.map(row => number(row[column])));
    if (run.values.length > best.length && monotone(run.values)) best = run.values;
    const put = onAxis(run.values, c);
    if (!put) continue;
    const own = rows.slice(run.start, run.start + run.values.length);
    const heading = run.start ? rows[run.start - 1] : [];
    const spectra = [], refused = [], count = Math.max(...own.map(row => row.length));
    for (let k = column + 1; k < count; k++) {
      const values = own.map(row => number(row[k]));
      const name = heading[k] || (count > column + 2 ? `${fileName}, column ${k + 1}` : fileName);
      if (own.every(row => !row[k])) continue;
      if (onAxis(values, c)) {
        throw new Error("positions stand in two columns: keep those of one, with a " +
          "spectrum in each column after it");
      }
      if (values.some(Number.isNaN)) {
        refused.push({ name, reason: "has cells that are no numbers" });
      } else spectra.push({ name, spectrum: put(values) });
    }
    return { axis: run.values, found: { spectra, refused } };
  }
  return { axis: best };
}

function monotone(values) {
  const way = Math.sign(values[values.length - 1] - values[0]);
  return values.every((x, i) => i === 0 || Math.sign(x - values[i - 1]) === way);
}

// The longest run of neighbouring numbers.
function longestRun(values) {
  let best = { start: 0, values: [] };
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    let end = i;
    while (end < values.length && !Number.isNaN(values[end])) end++;
    if (end - i > best.values.length) best = { start: i, values: values.slice(i, end) };
    i = end;
  }
  return best;
}

// --- JCAMP-DX -----------------------------------------------------------------

const JCAMP_UNITS = [[/^1\/cm|cm-1|cm\^-1|wavenumber/i, "cm-1"], [/nanomet|^nm$/i, "nm"],
  [/micromet|^um$|microns?/i, "um"]];
const QUANTITIES = [[/absorb|^a$|^au$/i, "absorbance"], [/log\(? ?1\/r/i, "log(1/R)"],
  [/%.*t|percent.*trans/i, "%T"], [/%.*r|percent.*refl/i, "%R"],
  [/trans/i, "transmittance"], [/refl/i, "reflectance"]];

function readJcamp(text, fileName, c) {
  const spectra = [], refused = [];
  const blocks = text.split(/^(?=\s*##\s*TITLE\s*=)/im).filter(block =>
    /##\s*(XYDATA|XYPOINTS|PEAK ?TABLE)\s*=/i.test(block));
  if (!blocks.length) throw new Error("JCAMP-DX without ##XYDATA or ##XYPOINTS");
  let axisProblem = null;
  for (const block of blocks) {
    const labels = jcampLabels(block);
    const name = labels.TITLE || fileName;
    try {
      const { axis, values } = jcampData(labels, c);
      const put = onAxis(axis, c);
      if (!put) throw axisProblem = axisError(axis, c);
      spectra.push({ name, spectrum: put(values) });
    } catch (error) {
      if (blocks.length === 1) throw error;
      refused.push({ name, reason: error.message });
    }
  }
  return { spectra, refused };
}

function jcampLabels(block) {
  const labels = {};
  for (const part of block.split(/^\s*##/m).slice(1)) {
    const at = part.indexOf("=");
    const name = part.slice(0, at).toUpperCase().replace(/[ \-_/]/g, "");
    const lines = part.slice(at + 1).split(/\r\n|\r|\n/);
    labels[name] = lines.map(line => line.split("$$")[0]).join("\n").trim();
  }
  return labels;
}

function jcampData(labels, c) {
  const unit = known(labels.XUNITS, JCAMP_UNITS);
  if (unit && c.axis.unit !== "points" && unit !== c.axis.unit) {
    throw new Error(`wrong axis: ##XUNITS is ${unit}, the calibration needs ` +
      `${c.axis.unit}`);
  }
  const quantity = known(labels.YUNITS, QUANTITIES), needed = c.about.quantity;
  if (quantity && needed && needed !== "unknown" && quantity !== needed) {
    throw new Error(`##YUNITS is ${quantity}, the calibration needs ${needed}`);
  }
  const xFactor = factor(labels, "XFACTOR"), yFactor = factor(labels, "YFACTOR");
  const pairs = [labels.XYPOINTS, labels.XYDATA].find(text => /^\(XY/i.test(text || ""));
  if (pairs !== undefined || labels.XYDATA === undefined) {
    return jcampPairs(pairs ?? "", xFactor, yFactor);
  }
  const values = jcampTable(labels.XYDATA, xFactor, labels).map(y => y * yFactor);
  const n = Number(labels.NPOINTS), first = Number(labels.FIRSTX), last = Number(labels.LASTX);
  if (values.length !== n || !(n > 1) || !Number.isFinite(first) || !Number.isFinite(last)) {
    throw new Error(`##NPOINTS is ${labels.NPOINTS}, ${values.length} values were read`);
  }
  const axis = values.map((_, i) => first + (last - first) * i / (n - 1));
  return { axis, values };
}

function known(text, table) {
  const found = table.find(([words]) => words.test((text || "").trim()));
  return found ? found[1] : "";
}

function factor(labels, name) {
  const value = labels[name] === undefined ? 1 : Number(labels[name]);
  if (!Number.isFinite(value) || value === 0) throw new Error(`##${name} is no number`);
  return value;
}

function jcampPairs(text, xFactor, yFactor) {
  const numbers = text.replace(/^\(XY.*?\)/i, "").split(/[\s,;]+/).filter(Boolean).map(Number);
  if (numbers.length % 2 || numbers.some(Number.isNaN)) {
    throw new Error("##XYPOINTS holds cells that are no pairs of numbers");
  }
  const every = (start, by) => numbers.filter((_, i) => i % 2 === start).map(v => v * by);
  return { axis: every(0, xFactor), values: every(1, yFactor) };
}

// (X++(Y..Y)): AFFN and the packed forms SQZ, DIF, DUP. After DIF a line begins with
// the last value again, to check; so does its X.
const SQZ = "@ABCDEFGHIabcdefghi", DIF = "%JKLMNOPQRjklmnopqr", DUP = "STUVWXYZs";

function jcampTable(text, xFactor, labels) {
  const [form, ...lines] = text.split("\n");
  if (!/\(X\+\+\(Y\.\.Y\)\)/i.test(form)) throw new Error(`##XYDATA of the form ${form}`);
  const step = (Number(labels.LASTX) - Number(labels.FIRSTX)) / (Number(labels.NPOINTS) - 1);
  const values = [];
  let check = false;
  for (const line of lines.filter(each => each.trim())) {
    const tokens = line.match(/[@A-Za-z%][\d.]*|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]\d+)?|\?/g) || [];
    const x = Number(tokens.shift());
    let difference = null, previous = values[values.length - 1], own = [];
    for (const token of tokens) {
      const letter = token[0], rest = token.slice(1);
      if (DUP.includes(letter)) {
        const times = Number(`${DUP.indexOf(letter) + 1}${rest}`);
        for (let k = 1; k < times; k++) {
          if (difference !== null) previous += difference;
          own.push(previous);
        }
        continue;
      }
      if (DIF.includes(letter)) {
        difference = packed(DIF, letter, rest);
        previous += difference;
      } else {
        difference = null;
        previous = SQZ.includes(letter) ? packed(SQZ, letter, rest) : Number(token);
      }
      own.push(previous);
    }
    if (own.some(value => !Number.isFinite(value))) {
      throw new Error("##XYDATA holds a value that is missing or no number");
    }
    if (check) {
      if (own[0] !== values[values.length - 1]) {
        throw new Error("##XYDATA: a check value does not agree; the file is damaged");
      }
      own = own.slice(1);
    }
    const at = Number(labels.FIRSTX) + step * (values.length - (check ? 1 : 0));
    if (!(Math.abs(x * xFactor - at) <= Math.abs(step))) {
      throw new Error(`##XYDATA: the line at X = ${x} stands in the wrong place`);
    }
    values.push(...own);
    check = difference !== null;
  }
  return values;
}

function packed(letters, letter, rest) {
  const place = letters.indexOf(letter);
  return place < 10 ? Number(`${place}${rest}`) : -Number(`${place - 9}${rest}`);
}

if (typeof module !== "undefined") module.exports = { readSpectra };
