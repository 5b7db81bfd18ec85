// The page of CartPole: the policy drives, and whoever looks on may push.
"use strict";
{
  const { at, draw, run, bars, cartpole } = encore;
  const { manifest } = encore.data;
  const names = manifest.reading.names?.length ? manifest.reading.names : ["left", "right"];
  const UNITS = [[1, "m"], [1, "m/s"], [180 / Math.PI, "°"], [180 / Math.PI, "°/s"]];
  const STEP = 20; // Milliseconds, at the speed of the world.
  const LENGTH = 1; // Of the pole, m.

  let state = null;
  let episode = 0;
  const generator = encore.generator(0);
  let steps = 0;
  let over = false;
  let running = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  let probability = null;
  let action = 0;
  const held = { left: false, right: false };

  // --- The picture ------------------------------------------------------------------------------

  const cart = draw("g", {}, draw("rect", { x: -0.28, y: -0.09, width: 0.56, height: 0.24, rx: 0.05, class: "cart" }));
  const pole = draw("line", { x1: 0, y1: 0, x2: 0, y2: -LENGTH, class: "rod" });
  const force = draw("path", { class: "force" });
  const push = draw("path", { class: "force own" });
  cart.append(pole, draw("circle", { r: 0.045, class: "joint" }));
  at("track").append(
    draw("line", { x1: -2.7, x2: 2.7, y1: 0.2, y2: 0.2, class: "rail" }),
    ...[-cartpole.FARTHEST, cartpole.FARTHEST].map((x) => draw("line", { x1: x, x2: x, y1: 0.1, y2: 0.3, class: "end" })),
    force,
    push,
    cart,
  );

  const arrow = (side, length, y) =>
    length ? `M${0.3 * side} ${y} h${length * side} m${-0.07 * side} -0.06 l${0.07 * side} 0.06 l${-0.07 * side} 0.06` : "";

  const pushing = () => (held.right - held.left) * Number(at("strength").value);

  function paint() {
    const [x, , angle] = state;
    cart.setAttribute("transform", `translate(${x} 0)`);
    pole.setAttribute("transform", `rotate(${(angle * 180) / Math.PI})`);
    for (const mark of [force, push]) mark.setAttribute("transform", `translate(${x} 0)`);
    force.setAttribute("d", over || probability === null ? "" : arrow(action ? 1 : -1, 0.25, 0.03));
    const strength = pushing();
    push.setAttribute("d", arrow(Math.sign(strength), Math.abs(strength) / 20 + 0.15, -0.13));
    at("steps").textContent = steps.toLocaleString("en");
    UNITS.forEach(([scale, unit], k) => { at(`seen-${k}`).textContent = `${(scale * state[k]).toFixed(2).replace("-", "−")} ${unit}`; });
    bars(at("bars"), names.map((name, k) => [name, probability?.[k] ?? null]), probability === null ? -1 : action);
  }

  const tell = (text) => { if (at("told").textContent !== text) at("told").textContent = text; };

  // --- An episode -------------------------------------------------------------------------------

  function reset(start) {
    [steps, over, probability] = [0, false, null];
    episode += 1;
    state = start ?? cartpole.start(generator);
    tell("");
    paint();
  }

  /** One step: the policy sees, acts, and the world goes on. */
  async function advance() {
    const number = episode;
    const outputs = await run({ observation: state });
    if (number !== episode) return; // It began anew meanwhile.
    action = outputs.action.data[0];
    probability = outputs.probability ? Array.from(outputs.probability.data) : [1 - action, action];
    if (at("drawn").checked) action = generator() < probability[1] ? 1 : 0;
    state = cartpole.step(state, action, pushing());
    steps += 1;
    if (cartpole.fallen(state)) {
      over = true;
      const how = Math.abs(state[0]) > cartpole.FARTHEST ? "The cart left its track" : "The pole fell";
      tell(`${how} after ${steps} steps.`);
    } else if (steps === cartpole.LIMIT && !at("endless").checked) {
      over = true;
      tell(`${steps} steps: the whole episode.`);
    }
  }

  const speed = () => 2 ** Number(at("speed").value);
  let owed = 0;
  let before = 0;
  let busy = false;

  async function frame(now) {
    requestAnimationFrame(frame);
    const passed = Math.min(200, now - before);
    before = now;
    if (busy || !running || over) return;
    busy = true;
    owed += (passed * speed()) / STEP;
    while (owed >= 1 && !over && running) {
      owed -= 1;
      await advance();
    }
    busy = false;
    paint();
    if (over) button();
  }

  function button() {
    at("run").textContent = over ? "New episode" : running ? "Pause" : "Go on";
    at("reset").hidden = over;
  }

  function toggle() {
    if (over) return anew();
    running = !running;
    owed = 0;
    button();
    paint();
  }

  function anew() {
    reset();
    running = true;
    button();
  }

  async function one() {
    if (busy) return;
    running = false;
    if (!over) {
      busy = true;
      await advance();
      busy = false;
    }
    button();
    paint();
  }

  // --- Whoever looks on -------------------------------------------------------------------------

  for (const side of ["left", "right"]) {
    const hold = at(`push-${side}`);
    const set = (down) => () => { held[side] = down; paint(); };
    hold.addEventListener("pointerdown", set(true));
    for (const name of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) hold.addEventListener(name, set(false));
    hold.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") set(true)(); });
    hold.addEventListener("contextmenu", (event) => event.preventDefault());
  }
  const sides = { ArrowLeft: "left", ArrowRight: "right" };
  const typing = (event) => event.target.matches("input, summary");
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
    if (event.key in sides) held[sides[event.key]] = true;
    else if (event.key === " " && event.target.tagName !== "BUTTON") toggle();
    else if (event.key === "n" || event.key === "N") anew();
    else return;
    event.preventDefault();
    paint();
  });
  addEventListener("keyup", (event) => {
    if (event.key in sides) held[sides[event.key]] = false;
  });
  addEventListener("blur", () => { held.left = held.right = false; });
  at("run").addEventListener("click", toggle);
  at("step").addEventListener("click", one);
  at("reset").addEventListener("click", anew);
  const labels = () => {
    at("strength-now").textContent = `${at("strength").value} N`;
    at("speed-now").textContent = speed() === 1 ? "real time" : `${speed()} ×`;
  };
  for (const name of ["strength", "speed"]) at(name).addEventListener("input", labels);
  labels();

  /** For tests, and the curious: an episode from a start, as fast as it goes: [{state, action}]. */
  encore.episode = async (start, limit = cartpole.LIMIT) => {
    running = false;
    while (busy) await new Promise(requestAnimationFrame);
    reset(start.map(Math.fround));
    const seen = [];
    while (!over && seen.length < limit) {
      const from = state;
      await advance();
      seen.push({ state: from, action });
    }
    button();
    paint();
    return seen;
  };

  at("drawn").disabled = !("probability" in manifest.outputs);
  encore.start(async () => {
    reset();
    button();
    requestAnimationFrame((now) => { before = now; frame(now); });
  });
}
