"""The page of graphs: whole, closed to the network, and written by `explain --graph`."""

import base64
import gzip
import hashlib
import json
import re

import jax
import jax.numpy as jnp
import pytest

from research.cli.main import main
from research.graphs.compiled import compiled_block
from research.graphs.hlo import parse
from research.graphs.stages import make_page, trace
from research.options.catalog import ROOT


def data_of(page: str):
    packed = re.search(r'id="data">([^<]*)<', page)
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


def net(params, x):
    def layer(x, w):
        return jnp.tanh(x @ w), None

    with jax.named_scope("Layers"):
        x, _ = jax.lax.scan(layer, x, params)
    return {"new": jnp.exp(x) * 2 + 1, "metric": {"loss": jnp.mean(x**2)}}


@pytest.fixture(scope="module")
def page():
    shapes = {"params": jnp.ones((3, 4, 4)), "x": jnp.ones((8, 4))}
    return make_page("a <net>", "says & does", [trace("net", "A net.", net, shapes)], ROOT)


def test_the_page_holds_every_stage_and_every_sheet_it_leads_to(page):
    data = data_of(page)
    assert [each["name"] for each in data["programs"]] == ["net", "net, metrics off"]
    full, off = data["programs"]
    assert [each["name"] for each in full["stages"]] == ["1 traced", "2 pruned", "3 compiled"]
    assert [each["name"] for each in off["stages"]] == ["1 traced", "2 pruned"]
    waiting = [stage["sheet"] for each in (full, off) for stage in each["stages"]]
    reached = set(waiting)
    for number in waiting:
        inner = {node[7] for node in data["sheets"][number]["nodes"] if node[7] >= 0}
        waiting += sorted(inner - reached)
        reached |= inner
    assert reached == set(range(len(data["sheets"])))
    texts = [line for sheet in data["sheets"] for node in sheet["nodes"] for line in node[5]]
    for text in ("scan × 3", "dot_general", "tanh", "fusion", "x", "f32[8,4]", "metric/loss"):
        assert text in texts
    facts = [value for sheet in data["sheets"] for node in sheet["nodes"] for _, value in node[8]]
    assert any("pow" in text or "y=2" in text for text in facts)
    operations = dict(off["totals"])["operations"]
    assert int(operations[0]) > int(operations[1])
    operations = dict(full["totals"])["operations"]
    assert operations[0] == operations[1]


def test_the_page_is_closed_and_the_same_each_time(page):
    assert re.findall(r"https?://[^\"' ]*", page) == ["http://www.w3.org/2000/svg"]
    assert "default-src 'none'" in page and "a &lt;net&gt;" in page and "says &amp; does" in page
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    shapes = {"params": jnp.ones((3, 4, 4)), "x": jnp.ones((8, 4))}
    again = make_page("a <net>", "says & does", [trace("net", "A net.", net, shapes)], ROOT)
    assert again == page


def test_a_compiled_program_is_read_whole():
    compiled = jax.jit(net).lower(jnp.ones((3, 4, 4)), jnp.ones((8, 4))).compile()
    text = compiled.as_text()
    module = parse(text)
    instructions = sum(map(len, module.computations.values()))
    assert instructions == len(re.findall(r"^\s+(?:ROOT )?%[\w.\-]+ = ", text, re.MULTILINE))
    block = compiled_block(module, ROOT)
    assert block.totals.fusions == len(re.findall(r" fusion\(", text)) > 0
    loops = [op for op in block.ops if op.name == "while"]
    assert [op.times for op in loops] == [3]
    fused = [op for op in block.ops if op.fused]
    assert all(inner.bytes == 0 for op in fused for _, inside in op.inside for inner in inside.ops)
    with pytest.raises(ValueError, match="no ENTRY"):
        parse("HloModule nothing")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("graph.svg", "the graph is written as .html"),
        ("graph", "the graph is written as .html"),
        ("nowhere/graph.html", "there is no folder nowhere"),
        ("folder.html", "that is a folder"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_line(tmp_path, monkeypatch, capsys, file, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    assert main(["explain", "pruned_graph", "--graph", file]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_explain_writes_the_page_and_replaces_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.html").write_text("old")
    assert main(["explain", "pruned_graph", "--smoke", "--graph", "g.html", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["graph"] == "g.html" and report["update"]["product_flops"] > 0
    data = data_of((tmp_path / "g.html").read_text())
    names = [each["name"] for each in data["programs"]]
    assert names == ["update", "update, metrics off", "evaluate"]
    boxes = {
        (number, node[5][0]): node[6]
        for number, sheet in enumerate(data["sheets"])
        for node in sheet["nodes"]
    }
    for program, branch, mark in ((0, "nobody_reads", 1), (0, "how_far", 0), (1, "how_far", 1)):
        traced, pruned = (each["sheet"] for each in data["programs"][program]["stages"][:2])
        assert boxes[traced, branch] & 1 == mark
        assert ((pruned, branch) in boxes) == (not mark)


def test_an_experiment_without_programs_has_no_graph(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", "chapter_function", "--graph", "g.html"]) == 2
    assert "there is no graph to draw" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
