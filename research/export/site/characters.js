// The page of characters: a beginning is typed, and the model writes on.
"use strict";
{
  const { at, make, run, bars } = encore;
  const { manifest, examples } = encore.data;
  const { lower } = manifest.reading;
  const symbols = [...manifest.reading.symbols];
  const token = new Map(symbols.map((symbol, k) => [symbol, k]));
  const SHOWN = 8; // Of the characters that may come next.
  const VISIBLE = { " ": "␣", "\n": "↵", "\t": "⇥" };

  let memory = null; // Carried, after all of the text.
  let logits = null; // Of what follows it.
  let draw = null; // A generator, of the seed.
  let known = ""; // The prompt that all this is of.
  let count = 0; // Characters written after it.
  let writing = false;

  /** The text's characters that the model knows, and those that it does not. */
  function read(text) {
    const signs = [...(lower ? text.toLowerCase() : text)];
    return { tokens: signs.filter((sign) => token.has(sign)), strange: [...new Set(signs.filter((sign) => !token.has(sign)))] };
  }

  function softmax(values, temperature = 1) {
    const most = Math.max(...values);
    const powers = Array.from(values, (value) => Math.exp((value - most) / temperature));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  }

  /** The place of the next character. */
  function choose(temperature) {
    if (!temperature) return encore.largest(Array.from(logits));
    const probability = softmax(logits, temperature);
    let left = draw();
    for (let k = 0; k < probability.length; k += 1) {
      left -= probability[k];
      if (left < 0) return k;
    }
    return encore.largest(probability);
  }

  async function feed(place) {
    const outputs = await run({ token: [place], ...memory });
    memory = encore.carry(outputs);
    logits = outputs.logits.data;
  }

  const hasNewLine = token.has("\n");

  /** Reads the prompt anew. */
  async function begin() {
    known = at("prompt").value;
    const { tokens } = read(known);
    draw = encore.generator(Number(at("seed").value) || 0);
    memory = encore.rest();
    count = 0;
    at("text").replaceChildren(make("span", { className: "given", textContent: tokens.join("") }), make("span", { id: "own" }));
    for (const sign of tokens.length ? tokens : [hasNewLine ? "\n" : symbols[0]]) await feed(token.get(sign));
    showNext();
  }

  async function append() {
    const place = choose(Number(at("temperature").value));
    at("own").append(symbols[place]);
    count += 1;
    await feed(place);
  }

  function showNext() {
    const probability = softmax(logits);
    const order = probability.map((_, k) => k).sort((a, b) => probability[b] - probability[a]).slice(0, SHOWN);
    bars(at("bars"), order.map((k) => [VISIBLE[symbols[k]] ?? symbols[k], probability[k]]), 0);
  }

  const begun = async () => {
    if (memory === null || known !== at("prompt").value) await begin();
  };

  async function write() {
    if (writing) {
      writing = false;
      return;
    }
    writing = true;
    at("write").textContent = "Stop";
    at("step").disabled = at("clear").disabled = true;
    at("progress").textContent = "Writing …";
    const box = at("text");
    let rate = "";
    try {
      if (count) await begin();
      else await begun();
      const length = Math.max(1, Number(at("length").value) || 1);
      const started = performance.now();
      let shown = started;
      while (writing && count < length) {
        await append();
        const now = performance.now();
        if (now - shown > 50) {
          // So often that it is seen to write, and so seldom that writing stays fast.
          shown = now;
          showNext();
          box.scrollTop = box.scrollHeight;
          await new Promise(requestAnimationFrame);
        }
      }
      rate = `${Math.round(count / Math.max(1e-3, (performance.now() - started) / 1000)).toLocaleString("en")} a second`;
    } finally {
      writing = false;
      at("write").textContent = count ? "Write anew" : "Write";
      at("step").disabled = at("clear").disabled = false;
    }
    showNext();
    box.scrollTop = box.scrollHeight;
    at("progress").textContent = `${count.toLocaleString("en")} characters written, ${rate}.`;
  }

  async function step() {
    await begun();
    await append();
    showNext();
    at("progress").textContent = `${count.toLocaleString("en")} characters written.`;
  }

  async function again() {
    memory = null;
    at("progress").textContent = "";
    at("write").textContent = "Write";
    await begin();
  }

  function look() {
    const { strange } = read(at("prompt").value);
    at("strange").textContent = strange.length
      ? `The model has never seen ${strange.slice(0, 12).join(" ")}: left out.`
      : "";
    at("strange").classList.toggle("wrong", strange.length > 0);
  }

  const sequence = (call) => {
    let last = Promise.resolve();
    return () => (last = last.then(call));
  };
  at("write").addEventListener("click", write);
  at("step").addEventListener("click", sequence(step));
  at("clear").addEventListener("click", sequence(again));
  at("prompt").addEventListener("input", look);
  at("prompt").addEventListener("change", () => { if (!writing) again(); });
  at("seed").addEventListener("change", () => { if (!writing) again(); });
  const temperature = () => {
    const value = Number(at("temperature").value);
    at("temperature-now").textContent = value ? value.toFixed(2) : "0, always the likeliest";
  };
  at("temperature").addEventListener("input", temperature);
  temperature();
  at("prompt").value = examples[0]?.inputs.token ?? "";
  look();
  encore.start(begin);
}
