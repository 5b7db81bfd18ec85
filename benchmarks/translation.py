"""How well PyTorch's nets translate at the size of Encore's defaults.

    python -m benchmarks.translation --pytorch TORCH/bin/python

The same sentences, split, words, sizes, optimiser and passes as `sequence/translate_lstm`,
`_bidirectional`, `_luong` and `_transformer`; the same measure, masked token accuracy given the
true words before. One seed each, some 4 min each on two cores. The environment variable
PYTORCH_PYTHON stands for the option.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.table import machine, table
from research.sequence.translations.sentences import (
    RecurrentTranslation,
    SentenceTranslation,
    TransformerTranslation,
    read_sentences,
)

KINDS: dict[str, tuple[str, SentenceTranslation]] = {
    "none": ("sequence/translate_lstm", RecurrentTranslation()),
    "bidirectional": ("sequence/translate_bidirectional", RecurrentTranslation()),
    "multiplicative": ("sequence/translate_luong", RecurrentTranslation()),
    "transformer": ("sequence/translate_transformer", TransformerTranslation()),
}
"""Net of the peer -> the experiment that it stands beside, and that one's sizes."""


def main() -> None:
    """Train each and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pytorch", default=os.environ.get("PYTORCH_PYTHON"), metavar="PYTHON")
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS))
    options = parser.parse_args()
    if not options.pytorch:
        parser.error("--pytorch is needed: the python of an environment with PyTorch")
    print(machine())
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for split, source in read_sentences(RecurrentTranslation()).sources.items():
            for column, values in source.load().items():
                np.save(Path(folder) / f"{split}_{column}.npy", values)
        for kind in options.only:
            name, config = KINDS[kind]
            peer = "benchmarks/peers/pytorch_translation.py"
            command = [options.pytorch, peer, folder, kind, json.dumps(asdict(config))]
            made = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(made.stdout.splitlines()[-1])
            lines.append([name, f"{found['accuracy']:.3f}", f"{found['seconds']:.0f} s"])
    print(table(["the same as", "PyTorch's validation token accuracy", "training"], lines))


if __name__ == "__main__":
    main()
