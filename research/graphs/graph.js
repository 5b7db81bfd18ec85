// Draws the sheets of a page of graphs: choosing, opening, moving, finding. The address says where.
"use strict";
(async () => {
  const KINDS = ["operation", "fold", "program", "fusion", "chip", "chip"];
  const [REMOVED, CRITICAL] = [1, 2];
  const [KIND, X, Y, WIDTH, HEIGHT, LINES, MARKS, SHEET, FACTS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const SHOWN = 40, SMALLEST = 0.05, LARGEST = 3, READABLE = 0.62, MARGIN = 24;
  const at = (id) => document.getElementById(id);
  const packed = Uint8Array.from(atob(at("data").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(stream).text());
  const svg = at("graph");
  let place = { program: 0, stage: 0, path: [] };
  let view = { x: 0, y: 0, scale: 1 };
  let nodes = [], edges = [], wanted = null;

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "click") made.addEventListener("click", value);
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  };
  const shape = (name, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const program = () => data.programs[place.program];
  const stage = () => program().stages[place.stage];
  const sheet = () => data.sheets[place.path.at(-1)];

  // Where one is: #program.stage.sheet-sheet-sheet
  const address = (to) => `#${to.program}.${to.stage}.${to.path.join("-")}`;
  const go = (to, node = null) => {
    wanted = node;
    if (location.hash === address(to)) arrive();
    else location.hash = address(to);
  };
  const read = () => {
    const [first, second, rest] = location.hash.slice(1).split(".");
    const number = data.programs[Number(first)] ? Number(first) : 0;
    const stages = data.programs[number].stages;
    const chosen = stages[Number(second)] ? Number(second) : 0;
    const path = (rest || "").split("-").filter((word) => data.sheets[word]).map(Number);
    const root = stages[chosen].sheet;
    return { program: number, stage: chosen, path: path[0] === root ? path : [root] };
  };
  const open = (number) => go({ ...place, path: [...place.path, number] });
  const up = () => {
    if (place.path.length > 1) {
      go({ ...place, path: place.path.slice(0, -1) }, { opens: place.path.at(-1) });
    }
  };

  const choices = (id, names, chosen, choose) => {
    at(id).replaceChildren(...names.map((name, number) => element(
      "button",
      { type: "button", "aria-pressed": number === chosen, click: () => choose(number) },
      name,
    )));
  };
  const fillTop = () => {
    choices("programs", data.programs.map((each) => each.name), place.program,
      (number) => go({ program: number, stage: 0, path: [data.programs[number].stages[0].sheet] }));
    choices("stages", program().stages.map((each) => each.name), place.stage,
      (number) => go({ ...place, stage: number, path: [program().stages[number].sheet] }));
    at("note").textContent = `${program().note} ${stage().note}`;
    const names = program().stages.map((each) => each.name);
    const head = element("tr", {}, element("th"), ...names.map((name) => element("th", { scope: "col" }, name)));
    const rows = program().totals.map(([label, cells]) => element("tr", {},
      element("th", { scope: "row" }, label),
      ...cells.map((cell, number) => element("td", number === place.stage ? { class: "now" } : {}, cell))));
    at("totals").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
    at("remarks").replaceChildren(...program().remarks.map((text) => element("p", { class: "note" }, text)));
    const trail = [];
    place.path.forEach((number, depth) => {
      const name = depth ? data.sheets[number].title : program().name;
      const last = depth === place.path.length - 1;
      if (depth) trail.push("›");
      trail.push(last ? element("b", { "aria-current": "page" }, name) : element("button", {
        type: "button", click: () => go({ ...place, path: place.path.slice(0, depth + 1) }),
      }, name));
    });
    at("trail").replaceChildren(...trail);
    at("up").disabled = place.path.length < 2;
  };

  const curve = (points) => {
    let [x, y] = points, path = `M${x} ${y}`;
    for (let i = 2; i < points.length; i += 2) {
      const toX = points[i], toY = points[i + 1] - (i + 2 === points.length ? data.arrow : 0);
      const half = (y + toY) / 2;
      path += `C${x} ${half} ${toX} ${half} ${toX} ${toY}`;
      [x, y] = [toX, toY];
    }
    return path;
  };
  const drawEdge = ([start, end, points]) => {
    const [from, to] = [sheet().nodes[start], sheet().nodes[end]];
    const both = from[MARKS] & to[MARKS];
    const faded = (from[MARKS] | to[MARKS]) & REMOVED;
    const [x, y] = points.slice(-2);
    return shape("g", { class: `edge${both & CRITICAL ? " critical" : ""}${faded ? " faded" : ""}` },
      shape("path", { d: curve(points) }),
      shape("path", { class: "head", d: `M${x} ${y}l-4 ${-data.arrow}h8Z` }));
  };
  const drawNode = (node, number) => {
    const names = ["node", KINDS[node[KIND]]];
    if (node[MARKS] & REMOVED) names.push("removed");
    if (node[MARKS] & CRITICAL) names.push("critical");
    if (node[SHEET] >= 0) names.push("opens");
    const middle = node[X] + node[WIDTH] / 2;
    const top = node[Y] + (node[HEIGHT] - node[LINES].length * data.line) / 2;
    const lines = node[LINES].map((line, i) => shape("tspan", {
      x: middle, y: top + (i + 0.75) * data.line,
      class: i === 0 ? "first" : i > 1 ? "last" : "",
    }, line));
    const made = shape("g", {
      class: names.join(" "), tabindex: 0, role: "button", "aria-label": node[LINES].join(", "),
    }, shape("rect", { x: node[X], y: node[Y], width: node[WIDTH], height: node[HEIGHT], rx: 7 }),
    shape("text", {}, ...lines));
    made.addEventListener("focus", () => { choose(number); bringIn(node); });
    made.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") choose(number); });
    made.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(number); }
    });
    return made;
  };
  const act = (number) => {
    const node = sheet().nodes[number];
    choose(number);
    if (node[SHEET] >= 0) open(node[SHEET]);
  };
  const choose = (number) => {
    nodes.forEach((made, i) => made.classList.toggle("chosen", i === number));
    edges.forEach((made, i) => made.classList.toggle("near", sheet().edges[i].slice(0, 2).includes(number)));
    showFacts(sheet().nodes[number], number);
  };
  const showFacts = (node, number) => {
    const neighbours = (mine, other) => [...new Set(sheet().edges.filter((edge) => edge[mine] === number)
      .map((edge) => sheet().nodes[edge[other]][LINES][0]))].slice(0, 12).join(", ");
    const facts = [...node[FACTS]];
    for (const [label, mine, other] of [["reads", 1, 0], ["is read by", 0, 1]]) {
      const names = neighbours(mine, other);
      if (names) facts.push([label, names]);
    }
    if (node[MARKS] & CRITICAL) facts.push(["longest chain", "it stands on it"]);
    const rows = facts.flatMap(([label, value], i) => [
      ...(i && facts[i - 1][0] === label ? [] : [element("dt", {}, label)]), element("dd", {}, value)]);
    at("facts").replaceChildren(element("h2", {}, node[LINES][0]), element("dl", {}, ...rows),
      ...(node[SHEET] < 0 ? [] : [element("button", { type: "button", click: () => open(node[SHEET]) }, "Open")]));
  };

  // The view: a point of the sheet in the left upper corner, and how large it is drawn.
  const settle = () => {
    const { width, height } = svg.getBoundingClientRect();
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${width / view.scale} ${height / view.scale}`);
  };
  const zoom = (factor, x, y) => {
    const box = svg.getBoundingClientRect();
    const [px, py] = [x === undefined ? box.width / 2 : x - box.left, y === undefined ? box.height / 2 : y - box.top];
    const scale = Math.min(LARGEST, Math.max(SMALLEST, view.scale * factor));
    view = { x: view.x + px / view.scale - px / scale, y: view.y + py / view.scale - py / scale, scale };
    settle();
  };
  const move = (dx, dy) => { view.x -= dx / view.scale; view.y -= dy / view.scale; settle(); };
  const centre = (x, y) => {
    const box = svg.getBoundingClientRect();
    view.x = x - box.width / view.scale / 2;
    view.y = y - box.height / view.scale / 2;
    settle();
  };
  const fit = (readable) => {
    const box = svg.getBoundingClientRect(), { width, height } = sheet();
    const whole = Math.min(box.width / (width + 2 * MARGIN), box.height / (height + 2 * MARGIN), 1.25);
    view.scale = Math.max(SMALLEST, readable ? Math.max(whole, READABLE) : whole);
    centre(width / 2, height / 2);
    if (readable && height * view.scale > box.height) view.y = -MARGIN;
    if (readable && width * view.scale > box.width) {
      // Where the longest chain begins.
      const start = sheet().nodes.filter((node) => node[MARKS] & CRITICAL).sort((a, b) => a[Y] - b[Y])[0];
      if (start) view = { ...view, x: start[X] + start[WIDTH] / 2 - box.width / view.scale / 2, y: Math.max(-MARGIN, start[Y] - 8 * MARGIN) };
    }
    settle();
  };
  const bringIn = (node) => {
    const box = svg.getBoundingClientRect();
    const inside = node[X] >= view.x && node[Y] >= view.y
      && node[X] + node[WIDTH] <= view.x + box.width / view.scale
      && node[Y] + node[HEIGHT] <= view.y + box.height / view.scale;
    if (!inside) centre(node[X] + node[WIDTH] / 2, node[Y] + node[HEIGHT] / 2);
  };

  const pointers = new Map();
  let moved = 0;
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, far: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!pointers.size) moved = 0;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const before = pointers.size === 2 ? spread() : null;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved += Math.abs(event.clientX - last.x) + Math.abs(event.clientY - last.y);
    svg.classList.toggle("moving", moved > 5);
    if (before) {
      const now = spread();
      move(now.x - before.x, now.y - before.y);
      zoom(now.far / (before.far || 1), now.x, now.y);
    } else if (pointers.size === 1) move(event.clientX - last.x, event.clientY - last.y);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, (event) => { pointers.delete(event.pointerId); svg.classList.remove("moving"); });
  }
  svg.addEventListener("click", (event) => {
    const made = event.target.closest(".node");
    if (made && moved <= 5) act(nodes.indexOf(made));
  });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX, event.clientY);
  }, { passive: false });
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    const keys = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => fit(false), Backspace: up, Escape: up };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (steps[event.key]) move(...steps[event.key]);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  at("in").addEventListener("click", () => zoom(1.25));
  at("out").addEventListener("click", () => zoom(0.8));
  at("fit").addEventListener("click", () => fit(false));
  at("up").addEventListener("click", up);
  addEventListener("resize", settle);

  // All boxes of a stage, each with the way to it, made when first looked for.
  const indices = new Map();
  const index = () => {
    const root = stage().sheet;
    if (!indices.has(root)) {
      const ways = new Map([[root, [root]]]), entries = [];
      for (const [number, way] of ways) {
        data.sheets[number].nodes.forEach((node, i) => {
          if (node[SHEET] >= 0 && !ways.has(node[SHEET])) ways.set(node[SHEET], [...way, node[SHEET]]);
          const values = node[FACTS].filter(([label]) => label !== "cost").map(([, value]) => value);
          if (KINDS[node[KIND]] !== "chip") entries.push({ way, i, node, text: [...node[LINES], ...values].join(" ").toLowerCase() });
        });
      }
      indices.set(root, entries);
    }
    return indices.get(root);
  };
  const search = () => {
    const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    at("found").hidden = !words.length;
    if (!words.length) return;
    const found = index().filter((entry) => words.every((word) => entry.text.includes(word)));
    const rows = found.slice(0, SHOWN).map(({ way, i, node }) => element("li", {}, element("button", {
      type: "button", click: () => { at("found").hidden = true; go({ ...place, path: way }, { number: i }); },
    }, node[LINES].slice(0, 2).join("  "), element("small", {}, way.slice(1).map((each) => data.sheets[each].title).join(" › ")))));
    const text = `${found.length} found${found.length > SHOWN ? `, the first ${SHOWN} shown` : ""}`;
    at("found").replaceChildren(element("li", {}, element("p", {}, text)), ...rows);
  };
  at("search").addEventListener("input", search);
  at("search").addEventListener("keydown", (event) => {
    if (event.key === "Escape") { at("search").value = ""; search(); }
    if (event.key === "Enter") at("found").querySelector("button")?.click();
  });

  const arrive = () => {
    place = read();
    fillTop();
    edges = sheet().edges.map(drawEdge);
    nodes = sheet().nodes.map(drawNode);
    svg.replaceChildren(...edges, ...nodes);
    fit(true);
    const goal = wanted && (wanted.number ?? sheet().nodes.findIndex((node) => node[SHEET] === wanted.opens));
    wanted = null;
    if (goal !== null && goal >= 0) nodes[goal].focus({ preventScroll: true });
    else at("facts").replaceChildren(element("p", { class: "note" }, "Point at a box, or choose it, to see what it is, what it costs and which line it comes from."));
  };
  addEventListener("hashchange", arrive);
  arrive();
})();
