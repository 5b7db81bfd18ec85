"""The recorded runs that the page of results rests on: whole, current, and replayable."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import jax
import pytest

from research.engine import ledger, needs
from research.engine.fingerprint import changed, code_digest
from research.engine.identity import Identity, is_config_file_true, read_identity
from research.engine.inputs import kept, words_of
from research.engine.record import Observer
from research.engine.verify import Judgement, verify
from research.errors import Mistake
from research.options.assembly import AS_IT_FITS, Launch, open_run
from research.options.catalog import ROOT, catalog, load, resolve
from research.options.config import config_fields
from research.runs.files import read_header
from tests.figures import differing, rows_of

RECORDS = sorted(path.parent for path in (ROOT / "records").glob("*/*/*/ledger.jsonl"))
NAMES = [path.relative_to(ROOT / "records").as_posix() for path in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_a_record_is_whole_and_of_the_experiment_as_it_is_now(record: Path) -> None:
    chain = ledger.read(record / "ledger.jsonl")
    assert not chain.broken
    # Without it `verify` calls the record damaged.
    assert needs.is_whole(record, chain.header)
    recorded = chain.result()
    assert recorded is not None and recorded["shown"]["complete"]
    shown = json.loads((record / "result.json").read_text())
    assert (shown["digest"], shown["metrics"]) == (recorded["digest"], recorded["metrics"])

    identity = read_identity(record)
    assert is_config_file_true(record, identity)
    named = load(resolve(identity.experiment, catalog()))
    typed = words_of(read_header(record)[0])
    options = differing(named.name, identity.config | typed)
    assert options in rows_of(named.name), "the defaults have changed: record it again"
    fields = config_fields(named.config)
    fields |= {name: identity.config[name] for name in (*dict(options), *typed)}
    today = Identity(named.name, fields, identity.seed, population=identity.population)
    assert identity == today
    assert record == today.directory(ROOT / "records")


def changed_since(record: Path) -> list[str]:
    """The files that differ from those that the record was made by."""
    header, _ = read_header(record)
    return changed(header["code"], code_of(header["experiment"]))


@functools.cache
def code_of(experiment: str) -> dict[str, str]:
    return code_digest(resolve(experiment, catalog()).path)


def test_records_whose_code_has_changed_are_named(tmp_path: Path) -> None:
    """Named in the reason of a skip: replaying them all takes hours (`verify records`)."""
    record = tmp_path / "record"
    record.mkdir()
    chain = ledger.read(RECORDS[0] / "ledger.jsonl")
    code = code_of(chain.header["experiment"])
    header = {**chain.header, "code": code}
    ledger.append(record / "ledger.jsonl", "header", header, ledger.FIRST)
    assert changed_since(record) == [], "made by the code of today"
    (record / "ledger.jsonl").unlink()
    header["code"] = code | {"research/engine/program.py": "0" * 16}
    ledger.append(record / "ledger.jsonl", "header", header, ledger.FIRST)
    assert changed_since(record) == ["research/engine/program.py changed"]

    stale = sorted(
        {name.rsplit("/", 1)[0] for name in NAMES if changed_since(ROOT / "records" / name)}
    )
    if stale:
        pytest.skip(f"made by other code than that of today: {', '.join(stale)}")


@pytest.mark.slow
@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_a_record_is_verified_by_replaying_it(record: Path) -> None:
    identity = read_identity(record)
    header = ledger.read(record / "ledger.jsonl").header
    platform = header["fingerprint"]["platform"]
    if platform != jax.default_backend():
        pytest.skip(
            f"made on another platform, {platform}: a chaotic run is not within a tolerance"
        )
    try:
        inputs = kept(record, header, ROOT / "runs")
        with open_run(Launch(identity, record, inputs, {}), AS_IT_FITS, ROOT) as ready:
            verdict = verify(ready.program, identity, record, ready.surroundings, Observer())
    except Mistake as missing:
        pytest.skip(str(missing).splitlines()[0])
    assert verdict.judgement is not Judgement.DIFFERS, verdict.findings
