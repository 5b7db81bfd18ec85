"""The page of graphs in a browser: boxes open, the view moves, and what is looked for is found."""

import json
import re
import shutil
import subprocess

import jax
import jax.numpy as jnp
import pytest

from research.graphs.stages import make_page, trace
from research.options.catalog import ROOT

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

ACTS = """
(async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const boxes = (name) => [...document.querySelectorAll("#graph .node")].filter(
    (each) => each.querySelector(".first").textContent.startsWith(name));
  const box = (name) => boxes(name)[0];
  const at = (id) => document.getElementById(id);
  const view = () => at("graph").getAttribute("viewBox").split(" ").map(Number);
  const send = (where, Kind, name, about) => where.dispatchEvent(
    new Kind(name, { bubbles: true, cancelable: true, ...about }));
  const press = (where, key) => send(where, KeyboardEvent, "keydown", { key });
  const trail = () => at("trail").textContent;
  const found = {};
  while (!document.querySelector("#graph .node")) await wait(20);
  await wait(50);
  const [x, y, width] = view();
  at("in").click();
  found.zoomed = view()[2] < width;
  at("fit").click();
  press(at("graph"), "ArrowRight");
  found.moved = view()[0] > x - 1e3 && view()[0] !== x;
  const centre = at("graph").getBoundingClientRect();
  const drag = (kind, dx) => send(at("graph"), PointerEvent, kind, {
    pointerId: 1, clientX: centre.left + 20 + dx, clientY: centre.top + 20 });
  const before = view()[0];
  drag("pointerdown", 0); drag("pointermove", 50); drag("pointerup", 50);
  found.dragged = view()[0] < before;
  const wheel = view()[2];
  send(at("graph"), WheelEvent, "wheel", { deltaY: -200, clientX: 300, clientY: 300 });
  found.wheeled = view()[2] < wheel;
  box("scan").focus();
  found.facts = at("facts").textContent;
  press(box("scan"), "Enter");
  await wait(100);
  found.opened = [trail(), boxes("dot_general").length];
  press(at("graph"), "Backspace");
  await wait(100);
  found.back = [trail(), document.activeElement.querySelector(".first")?.textContent];
  at("search").value = "tanh f32[8,4]";
  at("search").dispatchEvent(new Event("input"));
  found.rows = at("found").querySelectorAll("button").length;
  at("found").querySelector("button").click();
  await wait(100);
  found.jumped = [trail(), document.activeElement.querySelector(".first")?.textContent];
  [...at("programs").children].at(-1).click();
  await wait(100);
  found.removed = document.querySelectorAll("#graph .node.removed").length;
  [...at("stages").children][1].click();
  await wait(100);
  found.pruned = document.querySelectorAll("#graph .node.removed").length;
  [...at("programs").children][0].click();
  await wait(100);
  [...at("stages").children][2].click();
  await wait(100);
  at("search").value = "fusion";
  at("search").dispatchEvent(new Event("input"));
  at("found").querySelector("button").click();
  await wait(100);
  found.fusions = document.querySelectorAll("#graph .node.fusion").length;
  document.body.dataset.found = JSON.stringify(found);
})();
"""


def net(params, x):
    def layer(x, w):
        return jnp.tanh(x @ w), None

    x, _ = jax.lax.scan(layer, x, params)
    return {"new": jnp.exp(x) * 2 + 1, "metric": {"loss": jnp.mean(x**2)}}


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_a_person_opens_moves_and_finds(tmp_path):
    shapes = {"params": jnp.ones((3, 4, 4)), "x": jnp.ones((8, 4))}
    page = make_page("net", "", [trace("net", "A net.", net, shapes)], ROOT / "tests")
    closed = r'<meta http-equiv="Content-Security-Policy"[^>]*>'
    page, policies = re.subn(closed, "", page)
    assert policies == 1
    (tmp_path / "page.html").write_text(page.replace("</body>", f"<script>{ACTS}</script></body>"))
    (tmp_path / "closed.html").write_text(
        make_page("net", "", [trace("net", "A net.", net, shapes)], ROOT / "tests")
    )

    def dump(name):
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                   "--virtual-time-budget=20000", f"--user-data-dir={tmp_path}/profile",
                   f"file://{tmp_path}/{name}"]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=600).stdout

    # The page's own policy lets its script run.
    assert dump("closed.html").count('class="node') > 3
    found = re.search(r'data-found="([^"]*)"', dump("page.html"))
    assert found
    did = json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&"))
    assert did["zoomed"] and did["moved"] and did["dragged"] and did["wheeled"]
    assert "operations inside" in did["facts"]
    assert "linetests/graphs/test_graph_viewer.py:" in did["facts"]
    assert did["opened"] == ["net›scan × 3", 1]
    assert did["back"] == ["net", "scan × 3"]
    assert did["rows"] >= 1 and did["jumped"] == ["net›scan × 3", "tanh"]
    assert did["removed"] > 0 == did["pruned"] and did["fusions"] > 0
