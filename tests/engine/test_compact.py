"""`compact`: an old ledger in the compact form tells the same, and a false one is refused."""

from __future__ import annotations

import json

import pytest

from research.engine import checkpoint, ledger
from research.engine.compact import ORIGIN, _check, compact, spell_compact
from research.engine.run import StoppedRun
from research.engine.verify import Judgement
from research.errors import Damaged
from tests.engine.toy import run_toy
from tests.engine.verifying import check
from tests.engine.watch import same_outcome


def spell_old(line):
    return json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"


def make_old(run):
    """The run's ledger as it was written before: each save names all leaves, with whole digests."""
    path = run / "ledger.jsonl"
    opened = ledger.read(path)
    whole = {}
    for step in checkpoint.stored_steps(run / "checkpoints"):
        whole[step] = checkpoint.read(run / "checkpoints", step).records
    lines, previous = [], ledger.FIRST
    known = opened.saves()
    for line in opened.lines:
        if line.kind in ("leaves", "figures"):
            continue
        content = dict(line.content)
        if line.kind == "save":
            step = content["step"]
            records = whole.get(step, ledger.read_leaves(known[step]))
            content = {
                "step": step,
                "digest": content["digest"],
                "leaves": {n: [r.sha256, r.dtype, list(r.shape)] for n, r in records.items()},
                "metrics": known[step]["metrics"],
                "reports": known[step]["reports"],
            }
        old = {"kind": line.kind, **content, "previous": previous}
        previous = ledger.spell(line.kind, content, previous)[1]
        lines.append(spell_old({**old, "sha256": previous}))
    path.write_text("".join(lines))
    assert not ledger.read(path).broken
    return path


def test_a_compact_ledger_tells_the_same_and_is_verified(program, copied):
    path = make_old(copied)
    old = ledger.read(path)
    assert check(program, copied).judgement is Judgement.VERIFIED, "old ledgers are still read"
    before, after = compact(copied)
    assert path.stat().st_size == after < before
    new = ledger.read(path)
    assert new.header[ORIGIN] == old.lines[-1].digest
    assert new.reports() == old.reports() and new.result() == old.result()
    assert check(program, copied).judgement is Judgement.VERIFIED
    assert compact(copied) == (after, after), "once is enough"


def test_an_old_run_goes_on_in_the_compact_form(program, finished, tmp_path):
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=40)
    path = make_old(tmp_path)
    result = run_toy(tmp_path, program)
    assert same_outcome(result, finished[1])
    kinds = [line.kind for line in ledger.read(path).lines]
    assert kinds == ["header", "save", "save", "save", "leaves", "figures", "save", "result"]
    assert check(program, tmp_path).judgement is Judgement.VERIFIED
    compact(tmp_path)
    assert check(program, tmp_path).judgement is Judgement.VERIFIED


def test_a_broken_chain_is_not_made_whole(program, copied):
    path = make_old(copied)
    broken = path.read_bytes().replace(b'"step":40', b'"step":41')
    path.write_bytes(broken)
    with pytest.raises(Damaged, match="line 4 is not what was written"):
        compact(copied)
    assert path.read_bytes() == broken


@pytest.mark.parametrize("what", ["digest", "leaves", "figures", "result"])
def test_a_rewriting_that_tells_otherwise_is_refused(program, copied, what):
    path = make_old(copied)
    old = ledger.read(path)
    lines, previous = [], ledger.FIRST
    for text in spell_compact(old).decode().splitlines():
        line = json.loads(text)
        kind = line.pop("kind")
        del line["sha256"]
        if kind == "save" and line["step"] == 40:
            if what == "digest":
                line["digest"] = "0" * 64
            elif what == "leaves":
                line["leaves"] = "A" * len(line["leaves"])
            elif what == "figures":
                line["figures"][0][1] = 0.5
        if kind == "result" and what == "result":
            line["metrics"]["test/loss"] = 0.5
        raw, previous = ledger.spell(kind, line, previous)
        lines.append(raw)
    path.write_bytes(b"".join(lines))
    with pytest.raises(Damaged, match="tells"):
        _check(old, ledger.read(path))
