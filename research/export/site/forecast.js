// The page of forecasts: a series is pasted, edited or dragged, and what follows is drawn.
"use strict";
{
  const { at, make, draw, run } = encore;
  const { manifest, examples } = encore.data;
  const [window_, features] = manifest.inputs.values.shape.slice(1);
  const { name, horizon } = manifest.reading;
  const names = manifest.reading.features ?? [];
  const shown = Math.max(0, names.indexOf(name)); // The feature that is drawn.
  const SIZE = { width: 720, height: 300, left: 58, right: 12, top: 10, bottom: 26 };

  const OFFERED = 6; // Examples.

  let rows = []; // [time][features], all that was entered.
  let came = null; // What followed, of an example.
  let forecast = null; // {mean, low, high} of the horizon.
  let number = null; // Spells a value.

  // --- The values -------------------------------------------------------------------------------

  const isNumber = (cell) => cell !== "" && Number.isFinite(Number(cell));

  /** Rows of numbers from a text; throws what is wrong with it. */
  function parse(text) {
    const lines = text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
    let cells = lines.map((line) => line.split(/[\s,;]+/).filter(Boolean));
    if (cells.length > 1 && !cells[0].some(isNumber)) {
      const head = cells.shift();
      const wanted = names.length ? names : features === 1 && head.length > 1 ? [name] : head;
      const columns = wanted.map((one) => head.indexOf(one));
      if (columns.includes(-1)) {
        throw new Error(`the first row must name ${wanted.join(", ")}; it has ${head.join(", ")}`);
      }
      cells = cells.map((row) => columns.map((column) => row[column] ?? ""));
    } else if (features === 1) {
      cells = cells.flat().map((cell) => [cell]);
    }
    const found = cells.map((row, k) => {
      const wrong = row.find((cell) => !isNumber(cell));
      if (wrong !== undefined) throw new Error(`${wrong || "an empty place"} is no number (row ${k + 1})`);
      if (row.length !== features) throw new Error(`row ${k + 1} has ${row.length} numbers, not ${features}`);
      return row.map(Number);
    });
    if (found.length < window_) {
      throw new Error(`${found.length} values; the model forecasts from ${window_}: ${window_ - found.length} more are needed`);
    }
    return found;
  }

  const spell = () => rows.map((row) => row.map((value) => String(Number(value.toPrecision(6)))).join(" ")).join(features === 1 ? ", " : "\n");

  function edited() {
    try {
      rows = parse(at("values").value);
      at("trouble").textContent = rows.length > window_ ? `The last ${window_} of ${rows.length} values are read.` : "";
      at("trouble").classList.remove("wrong");
    } catch (error) {
      at("trouble").textContent = `Not read: ${error.message}.`;
      at("trouble").classList.add("wrong");
      return;
    }
    compute();
  }

  let asked = 0;
  async function compute() {
    const mine = (asked += 1);
    const outputs = await run({ values: rows.slice(-window_).flat() });
    if (mine !== asked) return;
    const last = (output) => output && Array.from(output.data).slice(-horizon);
    forecast = { mean: last(outputs.mean), low: last(outputs.low), high: last(outputs.high) };
    number = encore.speller([...rows.slice(-window_).map((row) => row[shown]), ...forecast.mean]);
    paint();
    table();
    tell();
  }

  const tell = encore.afterwards(400, () => {
    const { mean, low, high } = forecast;
    const last = mean.length - 1;
    const between = low ? `, nine times in ten between ${number(low[last])} and ${number(high[last])}` : "";
    const rest = last ? `; after ${mean.length} steps ${number(mean[last])}${between}` : between;
    at("sentence").textContent = `The next value is expected to be ${number(mean[0])}${rest}.`;
  });

  function table() {
    const { mean, low, high } = forecast;
    const columns = [["Expected", mean], ["From", low], ["To", high], ["Came", came]].filter(([, values]) => values);
    at("head").replaceChildren(make("tr", {}, make("td"), ...columns.map(([title]) => make("th", { scope: "col", textContent: title }))));
    at("rows").replaceChildren(
      ...mean.map((value, k) => {
        const row = make("tr", {}, make("th", { scope: "row", textContent: `+${k + 1}` }),
          ...columns.map(([, values]) => make("td", { textContent: number(values[k]) })));
        row.dataset.value = value;
        return row;
      }),
    );
  }

  // --- The picture ------------------------------------------------------------------------------

  /** Round numbers between two. */
  function ticks(low, high, about = 5) {
    const raw = (high - low) / about || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * power).find((one) => one >= raw);
    const made = [];
    for (let at_ = Math.ceil(low / step) * step; at_ <= high + step * 1e-9; at_ += step) made.push(Number(at_.toPrecision(12)));
    return made;
  }

  let scale = null; // From values to places and back, of the last picture.

  function paint() {
    const known = rows.slice(-window_).map((row) => row[shown]);
    const { mean, low, high } = forecast;
    const all = [...known, ...mean, ...(low ?? []), ...(high ?? []), ...(came ?? [])];
    const [least, most] = [Math.min(...all), Math.max(...all)];
    const room = 0.06 * (most - least || 1);
    const [bottom, top] = [least - room, most + room];
    const { width, left, right, height } = { ...SIZE, width: Math.max(320, at("chart").clientWidth || SIZE.width) };
    const x = (step) => left + ((step + known.length - 1) / (known.length - 1 + horizon)) * (width - left - right);
    const y = (value) => SIZE.top + ((top - value) / (top - bottom)) * (height - SIZE.top - SIZE.bottom);
    scale = { x, y, known, back: (place) => top - ((place - SIZE.top) / (height - SIZE.top - SIZE.bottom)) * (top - bottom) };
    const line = (values, from, kind) =>
      draw("polyline", { class: kind, points: values.map((value, k) => `${x(from + k).toFixed(1)},${y(value).toFixed(1)}`).join(" ") });
    const from = 1 - known.length;
    const joined = (values) => [known.at(-1), ...values];
    const parts = [];
    const marks = ticks(bottom, top);
    const mark = encore.speller(marks.length > 1 ? [10 * (marks[1] - marks[0]), 1] : [1]);
    for (const tick of marks) {
      parts.push(draw("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
      parts.push(draw("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, mark(tick)));
    }
    for (const tick of ticks(from, horizon, width / 110).filter(Number.isInteger)) {
      parts.push(draw("text", { x: x(tick), y: height - 6, "text-anchor": "middle" }, tick > 0 ? `+${tick}` : tick === 0 ? "now" : String(tick)));
    }
    parts.push(draw("line", { class: "now", x1: x(0), x2: x(0), y1: SIZE.top, y2: height - SIZE.bottom }));
    if (low) {
      const edge = [...joined(high).map((value, k) => [k, value]), ...joined(low).map((value, k) => [k, value]).reverse()];
      parts.push(draw("polygon", { class: "band", points: edge.map(([k, value]) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }));
    }
    parts.push(line(known, from, "known"));
    if (came) parts.push(line(joined(came), 0, "came"));
    parts.push(line(joined(mean), 0, "expected"));
    mean.forEach((value, k) => parts.push(draw("circle", { class: "expected", cx: x(k + 1), cy: y(value), r: 3 })));
    known.forEach((value, k) => parts.push(draw("circle", { class: "known", cx: x(from + k), cy: y(value), r: window_ > 80 ? 1.5 : 2.5 })));
    at("chart").setAttribute("viewBox", `0 0 ${width} ${height}`);
    at("chart").replaceChildren(...parts);
    at("chart").setAttribute("aria-label", `${known.length} known values between ${number(Math.min(...known))} and ${number(Math.max(...known))}; the forecast goes from ${number(mean[0])} to ${number(mean.at(-1))}`);
    at("came").hidden = !came;
  }
  addEventListener("resize", () => { if (forecast) paint(); });

  // A point can be dragged up and down.
  let grabbed = -1;
  const local = (event) => {
    const box = at("chart").getBoundingClientRect();
    const view = at("chart").viewBox.baseVal;
    return [((event.clientX - box.left) / box.width) * view.width, ((event.clientY - box.top) / box.height) * view.height];
  };
  at("chart").addEventListener("pointerdown", (event) => {
    if (!scale) return;
    const [px, py] = local(event);
    const { known, x, y } = scale;
    const distances = known.map((value, k) => Math.hypot(x(k + 1 - known.length) - px, y(value) - py));
    const nearest = encore.largest(distances.map((distance) => -distance));
    if (distances[nearest] > 24) return;
    grabbed = rows.length - window_ + nearest;
    at("chart").setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  at("chart").addEventListener("pointermove", (event) => {
    if (grabbed < 0) return;
    rows[grabbed][shown] = scale.back(local(event)[1]);
    at("values").value = spell();
    compute();
  });
  for (const end of ["pointerup", "pointercancel"]) at("chart").addEventListener(end, () => { grabbed = -1; });

  // --- Examples ---------------------------------------------------------------------------------

  function choose(example) {
    rows = example.inputs.values.map((row) => [row].flat());
    came = Array.isArray(example.truth) ? example.truth.flat().slice(-horizon) : null;
    at("values").value = spell();
    at("trouble").textContent = "";
    return compute();
  }
  examples.slice(0, OFFERED).forEach((example, k) => {
    const button = make("button", { type: "button", textContent: `Example ${k + 1}` });
    button.addEventListener("click", () => choose(example));
    at("examples").append(button);
  });
  at("examples-box").hidden = !examples.length;
  at("values").addEventListener("input", () => { came = null; edited(); });

  encore.start(async () => {
    if (examples.length) await choose(examples[0]);
    else edited();
  });
}
