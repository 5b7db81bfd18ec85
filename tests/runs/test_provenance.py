"""Seeds of other code, data or environments: kept apart or named, and never pooled in silence."""

from __future__ import annotations

import pytest

from research.runs.files import provenance_of, read_provenance
from research.runs.grouping import mixed, split_by_data
from research.runs.run import Provenance
from tests.runs.fabricate import make_run

CODE = {"research/a.py": "1" * 64, "research/b.py": "2" * 64}
OTHER = {**CODE, "research/b.py": "3" * 64}
ZEN = {"cpu": "AuthenticAMD", "jaxlib": "0.10.2", "device_count": "1"}
INTEL = {**ZEN, "cpu": "GenuineIntel"}


def made(code=CODE, environment=ZEN, data=()) -> Provenance:
    return provenance_of([{"code": code, "fingerprint": environment, "data": dict(data)}])


def test_seeds_of_the_same_code_and_environment_are_not_named():
    assert mixed({k: made() for k in range(4)}) == []
    # Another number of devices changes no bit.
    assert mixed({0: made(), 1: made(environment={**ZEN, "device_count": "8"})}) == []
    assert mixed({0: Provenance(), 1: Provenance()}) == []


def test_other_code_is_named_with_the_seeds_that_it_made():
    seeds = {k: made() for k in (0, 1, 2)} | {k: made(code=OTHER) for k in (3, 4)}
    assert mixed(seeds) == ["seeds 0-2 and 3-4 were made by different code: research/b.py differs"]
    added = {**CODE, **{f"research/{name}.py": "4" * 64 for name in "wxyz"}}
    (words,) = mixed({0: made(), 7: made(code=added)})
    assert words.startswith("seeds 0 and 7 were made by different code: research/w.py, ")
    assert words.endswith("research/y.py and 1 more differ")


def test_another_environment_is_named_by_what_differs():
    seeds = {0: made(), 2: made(environment=INTEL), 1: made()}
    assert mixed(seeds) == ["seeds 0-1 and 2 were made in different environments: the CPU differs"]
    # What a version did not record yet is not known to differ.
    assert mixed({0: made(), 1: made(environment={**ZEN, "mctx": "0.1"})}) == []


def test_a_run_that_went_on_after_a_change_is_named():
    again = provenance_of([{"code": CODE, "fingerprint": ZEN}, {"code": OTHER, "fingerprint": ZEN}])
    assert mixed({5: again}) == [
        "seed 5 was made by different code, going on after a change: research/b.py differs"
    ]
    assert mixed({k: again for k in range(3)}) == [
        "seeds 0-2 were made by different code, going on after a change: research/b.py differs"
    ]
    assert mixed({0: made(), 1: again}) == [
        "seeds 0 and 1 were made by different code: research/b.py differs"
    ]


def test_other_data_are_kept_apart():
    one, two = {"train": "a" * 64, "test": "c" * 64}, {"train": "b" * 64, "test": "c" * 64}
    found = split_by_data([made(data=one), made(data=two), made(data=one)])
    assert found == {"train data aaaaaaaa": [0, 2], "train data bbbbbbbb": [1]}
    assert split_by_data([made(data=one)] * 3) == {"": [0, 1, 2]}
    assert split_by_data([made(), made()]) == {"": [0, 1]}
    # A split that an experiment got later says nothing of the others.
    assert split_by_data([made(data=one), made(data={**one, "unseen": "d" * 64})]) == {"": [0, 1]}


def test_it_is_read_from_the_first_line_and_the_segments(tmp_path):
    header = {"code": CODE, "fingerprint": ZEN, "data": {"train": "a" * 64}}
    segment = {"code": OTHER, "fingerprint": ZEN}
    run = make_run(tmp_path, made_by=header, segments=[segment], result={"test/accuracy": 0.5})
    ledger = run / "ledger.jsonl"
    expected = provenance_of([header, segment])
    assert read_provenance(ledger) == expected and len(expected.code) == 2
    # Saves are long, and skipped unread; one that is damaged is none of its business.
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join([*lines[:2], b"x" * 100 + b"\n", *lines[3:]]))
    assert read_provenance(ledger) == expected
    assert read_provenance(tmp_path / "nothing.jsonl") == Provenance()


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"kind": "segment"', b"\xff\n"])
def test_a_first_line_that_cannot_be_read_says_nothing(tmp_path, damage):
    (tmp_path / "ledger.jsonl").write_bytes(damage)
    assert read_provenance(tmp_path / "ledger.jsonl") == Provenance()
