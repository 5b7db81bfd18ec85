// From strokes of a pen, or from a picture, to pixels as the data have them.
"use strict";
{
  const FINE = 8; // Places across a pixel where ink is looked for.

  /**
   * How the pictures of a data set were made, in pixels of its own or of the bitmap before: the box
   * that a figure was brought to, how far its proportions may change, how wide a stroke is, and what
   * lies in the middle. A bitmap's pixels are black or white, `cells` x `cells` of them are counted
   * for one pixel, and `ink` is the share of them that is white.
   *
   * Sources: scikit-learn's digits: Alpaydin and Kaynak 1998 (32 x 32 bitmaps, counted in cells of
   * 4 x 4) of characters that NIST's programs had brought to 20 x 32, and their strokes to a width
   * with which as much is inked of each (Garris et al. 1994, NISTIR 5469; in the data .305 ± .034).
   * MNIST: LeCun et al. 1998, section III.A (a box of 20 x 20, the centre of mass in the middle).
   */
  function ruleOf(shape, classes) {
    const [height, width] = shape;
    if (height === 8 && width === 8) {
      return { side: 32, box: [20, 32], stretch: 2, pen: 5, ink: 0.305, middle: "box", cells: 4 };
    }
    if (height === 28 && width === 28 && classes.every((name) => /^\d$/.test(name))) {
      return { side: 28, box: [20, 20], stretch: 1, pen: 2.6, middle: "mass", cells: 1 };
    }
    const side = Math.max(height, width);
    return { side, box: [side, side], stretch: 1, pen: side / 14, middle: "box", cells: 1 };
  }

  /** The strokes, lists of [x, y], on a canvas of `side` x FINE pixels: x times sx plus dx. */
  function paint(strokes, { side, pen }, { sx, sy, dx, dy }) {
    const canvas = encore.make("canvas", { width: side * FINE, height: side * FINE });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.scale(FINE, FINE);
    encore.drawing.trace(
      context,
      strokes.map((stroke) => stroke.map(([x, y]) => [x * sx + dx, y * sy + dy])),
      pen,
      "#fff",
    );
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const ink = new Float64Array(side * side);
    const across = side * FINE;
    for (let k = 0; k < across * across; k += 1) {
      const place = Math.floor(k / across / FINE) * side + Math.floor((k % across) / FINE);
      ink[place] += data[4 * k] / 255 / FINE ** 2;
    }
    return ink;
  }

  /** Where the strokes go so that they fill the box, its middle in the middle. */
  function fit(strokes, { side, box, stretch, pen }) {
    const points = strokes.flat();
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const [wide, high] = [Math.max(right - left, 1e-3), Math.max(bottom - top, 1e-3)];
    const full = [(box[0] - pen) / wide, (box[1] - pen) / high];
    const sx = Math.min(full[0], stretch * full[1]);
    const sy = Math.min(full[1], stretch * full[0]);
    return { sx, sy, dx: side / 2 - (sx * (left + right)) / 2, dy: side / 2 - (sy * (top + bottom)) / 2 };
  }

  /** The rule with the pen that inks its share: found by halving between thin and thick. */
  function inked(strokes, rule) {
    let [thin, thick] = [0.6 * rule.pen, 1.8 * rule.pen];
    for (let round = 0; round < 5; round += 1) {
      const pen = (thin + thick) / 2;
      const tried = { ...rule, pen };
      const ink = paint(strokes, tried, fit(strokes, tried));
      if (ink.filter((value) => value > 0.5).length < rule.ink * ink.length) thin = pen;
      else thick = pen;
    }
    return { ...rule, pen: (thin + thick) / 2 };
  }

  function centreOfMass(ink, side) {
    let [mass, x, y] = [0, 0, 0];
    ink.forEach((value, k) => {
      mass += value;
      x += value * ((k % side) + 0.5);
      y += value * (Math.floor(k / side) + 0.5);
    });
    return [x / mass, y / mass];
  }

  /** Sums over cells of a bitmap of black and white. */
  function count(ink, side, cells) {
    const small = side / cells;
    const made = new Float64Array(small * small);
    ink.forEach((value, k) => {
      const place = Math.floor(Math.floor(k / side) / cells) * small + Math.floor((k % side) / cells);
      made[place] += value > 0.5 ? 1 / cells ** 2 : 0;
    });
    return made;
  }

  /** The average of rectangles of some numbers [rows, columns], as many as the smaller picture has. */
  function average(values, rows, columns, height, width) {
    const spans = (long, short) =>
      Array.from({ length: short }, (_, k) => {
        const [from, to] = [(k * long) / short, ((k + 1) * long) / short];
        const first = Math.floor(from);
        const shares = [];
        for (let at = first; at < to - 1e-9; at += 1) shares.push(Math.min(at + 1, to) - Math.max(at, from));
        return { first, shares: shares.map((share) => share / (to - from)) };
      });
    const across = spans(columns, width);
    const down = spans(rows, height);
    const made = [];
    for (const { first: top, shares: parts } of down) {
      for (const { first: left, shares } of across) {
        let sum = 0;
        parts.forEach((part, r) => shares.forEach((share, c) => {
          sum += part * share * values[(top + r) * columns + left + c];
        }));
        made.push(sum);
      }
    }
    return made;
  }

  encore.drawing = {
    ruleOf,

    /** Draws strokes as a round pen does. */
    trace(context, strokes, width, colour) {
      Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: width, strokeStyle: colour });
      for (const stroke of strokes) {
        context.beginPath();
        context.moveTo(...stroke[0]);
        for (const point of stroke) context.lineTo(...point);
        context.stroke();
      }
    },

    /** Strokes, lists of [x, y] in any unit, as pixels from 0 to `white`. */
    toPixels(strokes, given, white) {
      const rule = given.ink ? inked(strokes, given) : given;
      let where = fit(strokes, rule);
      let ink = paint(strokes, rule, where);
      if (rule.middle === "mass") {
        const [x, y] = centreOfMass(ink, rule.side);
        where = { ...where, dx: where.dx + rule.side / 2 - x, dy: where.dy + rule.side / 2 - y };
        ink = paint(strokes, rule, where);
      }
      if (rule.cells > 1) ink = count(ink, rule.side, rule.cells);
      return Array.from(ink, (value) => Math.round(white * Math.min(1, value)));
    },

    /**
     * A picture as pixels, as `predict` of Encore makes them: its middle is cut out in the shape of
     * the data and averaged down; for grey data it is made grey, and inverted where its border is
     * light.
     */
    fromPicture({ data, width: columns, height: rows }, [height, width, channels], white) {
      const kept = [Math.round(Math.min(columns, (rows * width) / height)), Math.round(Math.min(rows, (columns * height) / width))];
      const [left, top] = [Math.floor((columns - kept[0]) / 2), Math.floor((rows - kept[1]) / 2)];
      const planes = Array.from({ length: channels }, () => new Float64Array(kept[0] * kept[1]));
      for (let k = 0; k < kept[0] * kept[1]; k += 1) {
        const at = 4 * ((top + Math.floor(k / kept[0])) * columns + left + (k % kept[0]));
        const colour = [0, 1, 2].map((c) => (data[at + c] * data[at + 3]) / 255);
        const luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]; // ITU-R BT.601.
        planes.forEach((plane, c) => { plane[k] = channels === 1 ? luma : colour[c]; });
      }
      const small = planes.map((plane) => average(plane, kept[1], kept[0], height, width));
      if (channels === 1) {
        const border = small[0].filter((_, k) => {
          const [row, column] = [Math.floor(k / width), k % width];
          return row === 0 || column === 0 || row === height - 1 || column === width - 1;
        });
        border.sort((a, b) => a - b);
        if (border[border.length >> 1] > 127.5) small[0] = small[0].map((value) => 255 - value);
      }
      return Array.from({ length: height * width * channels }, (_, k) =>
        Math.round((small[k % channels][Math.floor(k / channels)] * white) / 255));
    },
  };
}
