// One spectrum through a calibration in the format "spektron-calibration" 1.
// Throws an Error for an axis that is not the calibration's, or for missing values.
function predictSpectrum(c, axis, spectrum) {
  const positions = c.axis.positions, q = positions.length;
  if (c.format !== "spektron-calibration" || c.version !== 1) {
    throw new Error("not a calibration of format spektron-calibration 1");
  }
  if (axis.length !== q || spectrum.length !== q) {
    throw new Error(`wrong axis: ${axis.length} positions and ${spectrum.length} ` +
      `values, the calibration needs ${q}`);
  }
  for (let i = 0; i < q; i++) {
    if (!(Math.abs(axis[i] - positions[i]) <= c.axis.tolerance)) {
      throw new Error(`wrong axis: point ${i + 1} is at ${axis[i]}, the calibration ` +
        `needs ${positions[i]} ${c.axis.unit}`);
    }
    if (typeof spectrum[i] !== "number" || !(Math.abs(spectrum[i]) <= c.largest)) {
      throw new Error(`point ${i + 1} is ${spectrum[i]}, not a measured value`);
    }
  }
  const dot = (a, b) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
    return sum;
  };
  const minus = (a, b) => a.map((value, i) => value - b[i]);
  const p = c.points;
  const z = p === null ? Array.from(spectrum) : p.first.map((first, j) => {
    let sum = 0;
    for (let k = 0; k < p.weights[j].length; k++) {
      sum += p.weights[j][k] * spectrum[first + k];
    }
    return sum + p.constant[j];
  });
  let value = c.intercept + dot(c.raw, spectrum);
  if (c.snv !== null) {
    const mean = z.reduce((a, b) => a + b, 0) / z.length;
    let squares = 0;
    for (const each of z) squares += (each - mean) * (each - mean);
    const sd = Math.sqrt(squares / (z.length - 1));
    value += (dot(c.snv, spectrum) + c.snv_constant) / (sd > 0 ? sd : 1);
  }
  let half = c.interval.fixed;
  if (half === null) {
    const moved = minus(z, c.interval.centre);
    let h = c.interval.floor;
    for (const row of c.interval.axes) h += dot(row, moved) ** 2;
    half = c.interval.scale * Math.sqrt(Math.sqrt(h));
  }
  const result = { value, low: null, high: null,
    t2: null, q: null, flag: "not known", beyond: false };
  if (!Number.isFinite(value) || !Number.isFinite(half)) {
    throw new Error("the prediction is not a finite number");
  }
  const d = c.domain;
  if (d !== null) {
    const moved = minus(z, d.mean);
    let t2 = 0, rest = dot(moved, moved);
    d.loadings.forEach((row, k) => {
      const score = dot(row, moved);
      t2 += score * score / d.variances[k];
      rest -= score * score;
    });
    result.t2 = t2 / d.t2_limit;
    result.q = Math.max(rest, 0) / d.q_limit;
    result.flag = result.q > d.unlike ? d.flags[2] :
      result.t2 <= 1 && result.q <= 1 ? d.flags[0] : d.flags[1];
    if (result.q > d.unlike && d.ends !== null) {
      result.value = Math.min(Math.max(value, d.ends[0]), d.ends[1]);
    }
  }
  result.low = result.value - half;
  result.high = result.value + half;
  if (c.labels !== null) {
    result.beyond = value < c.labels.low - c.labels.margin ||
      value > c.labels.high + c.labels.margin;
  }
  return result;
}
