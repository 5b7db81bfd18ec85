"""The figures on the page of results, and in the README, are those of the recorded runs."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import numpy as np
import pytest
from scipy import stats

from research.engine.selection import headline
from research.options.catalog import ROOT, catalog
from tests.figures import Options, chosen_rows, differing, named, named_rows, rows_of

RECORDS = ROOT / "records"
RECORDED = sorted(path.relative_to(RECORDS).as_posix() for path in RECORDS.glob("*/*/"))


def records(name: str) -> dict[Options, list[float]]:
    """Options -> the figure of each seed that was recorded with them."""
    found: dict[Options, list[float]] = defaultdict(list)
    for path in sorted((RECORDS / name).glob("*/result.json")):
        result = json.loads(path.read_text())
        config = json.loads((path.parent / "config.json").read_text())["config"]
        members = result.get("members", [result])  # a population is one record of many seeds
        figure = headline(members[0]["metrics"], named(name).config.headline)
        assert figure is not None
        found[differing(name, config)] += [member["metrics"][figure] for member in members]
    return found


def test_every_recorded_experiment_has_a_row_and_every_row_is_of_an_experiment() -> None:
    rows = {name for name, _ in named_rows()}
    assert set(RECORDED) <= rows <= {entry.name for entry in catalog()}


def test_the_readme_has_rows_of_the_page() -> None:
    chosen = chosen_rows()
    assert len(chosen) > 5 and set(chosen) <= set(named_rows())
    there_are = re.search(r"There are more than (\d+), in", (ROOT / "README.md").read_text())
    assert there_are and int(there_are[1]) < len(catalog())


def test_an_option_is_read_as_it_is_typed_and_one_that_is_the_default_is_none() -> None:
    assert list(rows_of("sequence/char_rnn_stateful")) == [(("text", "tiny_shakespeare"),)]
    assert set(rows_of("sequence/translate_transformer")) == {(), (("epochs", 10),)}
    assert differing("sequence/translate_luong", {"epochs": 2, "units": 512}) == (("units", 512),)


@pytest.mark.parametrize("name", sorted({name for name, _ in named_rows()}))
def test_a_figure_in_a_row_was_recorded(name: str) -> None:
    rows = rows_of(name)
    assert len(rows) == [named for named, _ in named_rows()].count(name)
    assert {options for options, row in rows.items() if "**" in row} == set(records(name))


@pytest.mark.parametrize("name", RECORDED)
def test_a_row_says_what_the_records_say(name: str) -> None:
    rows = rows_of(name)
    for options, values in records(name).items():
        row = rows[options]
        shown = re.search(r"\*\*(-?\d*\.\d+)(?: ± (\d*\.\d+))?\*\*", row)
        assert shown, f"{name} has records and no figure"
        decimals = len(shown[1].split(".")[1])
        assert float(shown[1]) == pytest.approx(np.mean(values), abs=0.5001 * 10**-decimals)
        if len(values) == 1:
            assert shown[2] is None and "seed 0" in row
            continue
        half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
        assert float(shown[2]) == pytest.approx(half, abs=0.5001 * 10**-decimals)
        assert f"({len(values)} seeds" in row
