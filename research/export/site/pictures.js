// The page of pictures: draw one, see its class, and which strokes mattered.
"use strict";
{
  const { at, make, run, bars, percent, drawing } = encore;
  const { manifest, examples } = encore.data;
  const shape = manifest.inputs.image.shape.slice(1);
  const [height, width, channels] = shape;
  const classes = manifest.reading.classes;
  const white = manifest.reading.white ?? (height === 8 ? 16 : 255);
  const rule = drawing.ruleOf(shape, classes);
  const canvas = at("canvas");
  const PEN = rule.pen / rule.side; // Of the drawing area's side, as in a picture that fills it.
  const STEP = 1 / 32;
  const WORTH = 0.01; // A change of probability that is worth a sentence.

  let strokes = [];
  let pixels = null; // Of a picture that was chosen, in place of strokes.
  const pen = { x: 0.5, y: 0.5, down: false, keys: false };

  const current = () => pixels ?? (strokes.length ? drawing.toPixels(strokes, rule, white) : null);

  // --- The drawing area -------------------------------------------------------------------------

  /** Paints pixels, a canvas pixel each. */
  function show(target, values, colourOf) {
    Object.assign(target, { width, height });
    const context = target.getContext("2d");
    const image = context.createImageData(width, height);
    for (let k = 0; k < width * height; k += 1) image.data.set([...colourOf(values, k), 255], 4 * k);
    context.putImageData(image, 0, 0);
  }

  const grey = (values, k) => Array.from({ length: 3 }, (_, c) => (255 * values[k * channels + Math.min(c, channels - 1)]) / white);

  function paint() {
    canvas.classList.toggle("pixels", pixels !== null);
    if (pixels) return show(canvas, pixels, grey);
    const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    Object.assign(canvas, { width: side, height: side });
    const context = canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    context.scale(side, side);
    drawing.trace(context, strokes, PEN, "#fff");
    if (pen.keys) {
      context.beginPath();
      context.arc(pen.x, pen.y, PEN / 2, 0, 2 * Math.PI);
      context.lineWidth = 0.01;
      context.strokeStyle = pen.down ? "#ff9549" : "#5ab4ec";
      context.stroke();
    }
  }

  function changed() {
    paint();
    answer();
    explainSoon();
  }

  function begin(point) {
    if (pixels) [pixels, strokes] = [null, []];
    strokes.push([point]);
  }

  function clear() {
    [pixels, strokes, pen.down] = [null, [], false];
    changed();
  }

  function undo() {
    if (pixels) return clear();
    strokes.pop();
    pen.down = false;
    changed();
  }

  if (channels === 1) {
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      [pen.keys, pen.down] = [false, false];
      begin(place(event));
      changed();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      const between = event.getCoalescedEvents?.() ?? [];
      strokes.at(-1).push(...(between.length ? between : [event]).map(place));
      changed();
    });
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in moves) {
        const far = (event.shiftKey ? 4 : 1) * STEP;
        const [x, y] = moves[event.key];
        pen.x = Math.min(1, Math.max(0, pen.x + far * x));
        pen.y = Math.min(1, Math.max(0, pen.y + far * y));
        if (pen.down) strokes.at(-1).push([pen.x, pen.y]);
      } else if (event.key === " ") {
        pen.down = !pen.down;
        if (pen.down) begin([pen.x, pen.y]);
        at("pen").textContent = pen.down ? "Pen down" : "Pen up";
      } else if (event.key === "Backspace") undo();
      else if (event.key === "Delete") clear();
      else return;
      event.preventDefault();
      pen.keys = true;
      changed();
    });
    canvas.addEventListener("blur", () => { [pen.keys, pen.down] = [false, false]; paint(); });
  }
  at("clear").addEventListener("click", clear);
  at("undo").addEventListener("click", undo);
  addEventListener("resize", paint);

  // --- Pictures that are there already ----------------------------------------------------------

  function choose(values) {
    [pixels, strokes, pen.down] = [values, [], false];
    changed();
  }

  async function open(file) {
    const status = at("status");
    try {
      const picture = await createImageBitmap(file);
      const ratio = picture.width / picture.height / (width / height);
      if (ratio > 2 || ratio < 0.5) {
        throw new Error(`it is ${picture.width} × ${picture.height} pixels: cut out what is to be classified, at most twice as long one way as the other`);
      }
      const shrink = Math.min(1, 2048 / Math.max(picture.width, picture.height));
      const sheet = make("canvas", { width: Math.round(picture.width * shrink), height: Math.round(picture.height * shrink) });
      const context = sheet.getContext("2d");
      context.drawImage(picture, 0, 0, sheet.width, sheet.height);
      choose(drawing.fromPicture(context.getImageData(0, 0, sheet.width, sheet.height), shape, white));
      status.textContent = "";
    } catch (error) {
      status.textContent = `${file.name} cannot be used as a picture: ${error.message}`;
    }
  }
  at("file").addEventListener("change", (event) => {
    if (event.target.files[0]) open(event.target.files[0]);
    event.target.value = "";
  });
  canvas.addEventListener("dragover", (event) => event.preventDefault());
  canvas.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });

  for (const example of examples) {
    const values = example.inputs.image.flat(Infinity);
    const thumbnail = make("canvas", { className: "pixels" });
    show(thumbnail, values, grey);
    const button = make("button", { type: "button", className: "thumbnail" }, thumbnail);
    button.setAttribute("aria-label", `Test example, in truth: ${example.truth}`);
    button.title = `in truth: ${example.truth}`;
    button.addEventListener("click", () => choose(values));
    at("examples").append(button);
  }
  at("examples-box").hidden = !examples.length;

  // --- The answer -------------------------------------------------------------------------------

  let asked = 0;

  /** The answer in large, and on a narrow screen near the drawing too. */
  function showAnswer(text, sure) {
    for (const place of ["", "-near"]) {
      at(`answer${place}`).textContent = text;
      at(`sure${place}`).textContent = sure;
    }
  }

  async function answer() {
    const values = current();
    const number = (asked += 1);
    at("numbers").textContent = values ? spell(values) : "";
    show(at("seen"), values ?? new Array(width * height * channels).fill(0), grey);
    if (!values) {
      showAnswer("–", "");
      bars(at("bars"), classes.map((name) => [name, null]));
      return;
    }
    const { probability } = await run({ image: values });
    if (number !== asked) return;
    const found = Array.from(probability.data);
    const best = encore.largest(found);
    showAnswer(classes[best], percent(found[best]));
    bars(at("bars"), classes.map((name, k) => [name, found[k]]), best);
    announce(found, best);
  }

  const announce = encore.afterwards(700, (found, best) => {
    const next = encore.largest(found.map((value, k) => (k === best ? -1 : value)));
    at("sentence").textContent =
      `Taken for ${classes[best]}, ${percent(found[best])}; next ${classes[next]}, ${percent(found[next])}.`;
  });

  function spell(values) {
    const row = width * channels;
    const lines = [];
    for (let k = 0; k < values.length; k += row) {
      lines.push(values.slice(k, k + row).map((value) => String(value).padStart(String(white).length)).join(" "));
    }
    return lines.join("\n");
  }

  // --- What mattered ----------------------------------------------------------------------------

  /** What a part is blanked with: the median of the border, 0 where that is background. */
  function background(values) {
    return Array.from({ length: channels }, (_, c) => {
      const border = [];
      for (let k = 0; k < width * height; k += 1) {
        const [row, column] = [Math.floor(k / width), k % width];
        if (!row || !column || row === height - 1 || column === width - 1) border.push(values[k * channels + c]);
      }
      border.sort((a, b) => a - b);
      return channels === 1 && strokes.length ? 0 : border[border.length >> 1];
    });
  }

  /** Parts of the picture that differ from its background: their pixels' places, and their middle. */
  function partsOf(values, blank) {
    const size = Math.max(2, Math.round(Math.min(height, width) / 7));
    const step = Math.max(1, size >> 1);
    const parts = [];
    for (let top = 0; top <= height - size; top += step) {
      for (let left = 0; left <= width - size; left += step) {
        const places = [];
        for (let k = 0; k < size * size; k += 1) places.push((top + Math.floor(k / size)) * width + left + (k % size));
        const inked = places.some((place) => blank.some((value, c) => values[place * channels + c] !== value));
        if (inked) parts.push({ places, x: (left + size / 2) / width, y: (top + size / 2) / height });
      }
    }
    return parts;
  }

  function where({ x, y }) {
    const across = x < 0.37 ? "left" : x > 0.63 ? "right" : "";
    const down = y < 0.37 ? "top" : y > 0.63 ? "bottom" : "";
    if (!down && !across) return "in the middle";
    return `at the ${[down, across].filter(Boolean).join(" ")}`;
  }

  async function explain() {
    const values = current();
    const number = asked;
    if (!values) {
      at("why").textContent = "Draw something first.";
      show(at("heat"), new Array(width * height * channels).fill(0), grey);
      return;
    }
    const blank = background(values);
    const parts = partsOf(values, blank);
    const batch = [values];
    for (const { places } of parts) {
      const without = values.slice();
      for (const place of places) blank.forEach((value, c) => { without[place * channels + c] = value; });
      batch.push(without);
    }
    const { probability } = await run({ image: batch.flat() }, batch.length);
    if (number !== asked) return;
    const rows = batch.map((_, k) => Array.from(probability.data.subarray(k * classes.length, (k + 1) * classes.length)));
    const best = encore.largest(rows[0]);
    const falls = rows.slice(1).map((row) => rows[0][best] - row[best]);
    paintHeat(values, parts, falls);
    at("why").textContent = tell(parts, falls, rows, best);
  }
  const explainSoon = encore.afterwards(250, explain);

  function paintHeat(values, parts, falls) {
    const [sums, counts] = [new Float64Array(width * height), new Float64Array(width * height)];
    parts.forEach(({ places }, k) => places.forEach((place) => {
      sums[place] += falls[k];
      counts[place] += 1;
    }));
    const heat = sums.map((sum, k) => sum / Math.max(1, counts[k]));
    const most = Math.max(WORTH, ...heat.map(Math.abs));
    show(at("heat"), values, (_, k) => {
      const share = Math.min(1, Math.abs(heat[k]) / most);
      const colour = heat[k] > 0 ? [70, 170, 245] : [250, 130, 50];
      return grey(values, k).map((level, c) => (1 - share) * level * 0.55 + share * colour[c]);
    });
  }

  /** The strongest part in a sentence, and one that speaks against the answer. */
  function tell(parts, falls, rows, best) {
    const most = encore.largest(falls);
    const least = encore.largest(falls.map((fall) => -fall));
    const before = percent(rows[0][best]);
    if (!parts.length) return "There is nothing in the picture to blank.";
    const sentences = [];
    if (falls[most] < WORTH) {
      sentences.push(`No part decides by itself: whichever is blanked, the probability of ${classes[best]} falls by less than one point.`);
    } else {
      const other = encore.largest(rows[most + 1]);
      const then = other === best ? "" : `, and the answer would be ${classes[other]}`;
      sentences.push(`The part ${where(parts[most])} matters most: without it the probability of ${classes[best]} falls from ${before} to ${percent(rows[most + 1][best])}${then}.`);
    }
    if (falls[least] < -WORTH) {
      sentences.push(`The part ${where(parts[least])} speaks against it: without it the probability rises to ${percent(rows[least + 1][best])}.`);
    }
    return sentences.join(" ");
  }

  encore.start(async () => changed());
}
