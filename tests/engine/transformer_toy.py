"""A transformer on dates, two seeds on one device and on two: `python transformer_toy.py`.

In a process of its own, since the number of devices is settled when JAX starts. Prints one JSON
line: digests after two updates, of programs compiled as Encore compiles them, and as it once did,
where only a program for several devices was told to merge no equal computations.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import numpy as np

from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.engine import mesh
from research.engine.environment import fix_devices, settle_environment
from research.engine.experiment import Data, Experiment
from research.engine.leaves import is_key
from research.engine.population import Population, Seeded
from research.sequence.translations.dates import SIZES, DateTranslation, make_dates
from research.sequence.translations.transformer_translator import TransformerTranslator
from research.sequence.translations.translation import make_translation

WIDTH = 8


def experiment() -> Experiment:
    """A block that reads and one that writes, with dropout."""
    pair, sources = make_dates()
    longest = max(pair.source_length, pair.target_length)
    net = TransformerTranslator(len(pair.source), len(pair.target), WIDTH, 2, WIDTH, 1, longest)
    config = DateTranslation(batch_size=16)
    data = Data(sources, shuffled_rows(SIZES["train"], 16))
    made = make_translation(config, net, pair, data, pairs=SIZES["train"])
    values = {"learning_rate": 1e-3, "dropout_rate": 0.1, "gradient_norm": 1e9}
    return made._replace(hyperparameters=values)


def digest_of(devices: int, options: dict[str, str]) -> str:
    """Of all that two seeds leave."""
    mesh.COMPILER_OPTIONS = options
    made = experiment()
    seeded = [Seeded(seed, made.hyperparameters) for seed in (0, 1)]
    program = Population(made, open_feed(made.data, "resident"), seeded, 1, jax.devices()[:devices])
    arrays = next(iter(program.windows(0, 0, 1))).arrays
    carry = program.advance(program.initial(0), arrays, 0, 2, fresh=True, halt=False)
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(carry):
        digest.update(np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf).tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    settle_environment()
    fix_devices(2)
    now = mesh.COMPILER_OPTIONS
    alike = [digest_of(devices, now) for devices in (1, 2)]
    print(json.dumps({"alike": alike, "apart": [digest_of(1, {}), alike[1]]}))
