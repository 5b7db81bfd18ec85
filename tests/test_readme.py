"""The figures in the README are those of the recorded runs."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import numpy as np
import pytest
from scipy import stats

from research.cli.catalog import ROOT, catalog

FIGURE = {
    "vision": "test/accuracy",
    "rl": "evaluation/episode_return",
    "sequence": "test/mse",
    "rl/three_state_q_iteration": "q_s0_a0",
    "rl/three_state_q_learning": "q_s0_a0",
    "rl/frozen_lake_value_iteration": "start_value",
}
FIGURE |= {
    f"sequence/{name}": "validation/loss"
    for name in (
        "char_rnn_stateless",
        "char_rnn_stateful",
        "char_rnn_embedding",
        "char_lstm_large",
        "char_transformer_small",
        "char_transformer",
    )
}
FIGURE |= {
    f"sequence/imdb_{name}": "test/accuracy"
    for name in (
        "bag_of_words",
        "bag_of_pairs",
        "mean_embedding",
        "gru",
        "gru_unmasked",
        "bidirectional_gru",
        "transformer",
    )
}
FIGURE |= {
    f"sequence/ridership_{name}": "validation/mae"
    for name in ("naive", "linear", "rnn", "deep", "multivariate", "two_weeks", "sarima")
}
FIGURE |= {
    "sequence/reber_gru": "test/accuracy",
    "sequence/dates_encoder_decoder": "test/whole",
    "sequence/dates_attention": "test/whole",
}
FIGURE |= {
    f"sequence/translate_{name}": "validation/accuracy"
    for name in ("lstm", "bidirectional", "bahdanau", "luong", "transformer")
}
"""The figure of an experiment, or of a field where the experiment has none of its own."""


def records() -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for path in sorted((ROOT / "records").glob("*/*/*/result.json")):
        result = json.loads(path.read_text())
        name = result["experiment"]
        figure = FIGURE.get(name) or FIGURE[name.split("/")[0]]
        members = result.get("members", [result])  # a population is one record of many seeds
        found[name] += [member["metrics"][figure] for member in members]
    return found


def rows() -> dict[str, str]:
    text = (ROOT / "README.md").read_text()
    return dict(re.findall(r"^\| `(\w+/\w+)` \|(.*)\|$", text, re.MULTILINE))


def test_every_experiment_has_a_row() -> None:
    assert set(rows()) == {entry.name for entry in catalog()}


@pytest.mark.parametrize(("name", "values"), sorted(records().items()))
def test_a_row_says_what_the_records_say(name: str, values: list[float]) -> None:
    row = rows()[name]
    shown = re.search(r"\*\*(-?\d*\.\d+)(?: ± (\d*\.\d+))?\*\*", row)
    assert shown, f"{name} has records and no figure"
    decimals = len(shown[1].split(".")[1])
    assert float(shown[1]) == pytest.approx(np.mean(values), abs=0.5001 * 10**-decimals)
    if len(values) == 1:
        assert shown[2] is None and "seed 0" in row
        return
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    assert float(shown[2]) == pytest.approx(half, abs=0.5001 * 10**-decimals)
    assert f"({len(values)} seeds" in row
