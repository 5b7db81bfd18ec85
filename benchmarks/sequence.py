"""Recurrent nets, a transformer and writing against PyTorch, Keras and plain flax.

    python -m benchmarks.sequence --pytorch TORCH/bin/python --keras KERAS/bin/python

`characters`: two GRU layers of 128 units on 39 symbols, 32 windows of 100; `rnn` and `lstm`: two
layers of 20 units on 32 series of 50 values, ten forecast at every step; `transformer`: four blocks
of width 128, 12 windows of 64 characters of 65 symbols; all trained with Adam (AdamW), float32,
each as the library's users write it. `writing`: characters a second that a GRU of 128 x 2 writes
by a temperature, one text; `writing_transformer` the same of the transformer, whose peer reads the
last 64 characters again for each. `length`: Encore alone, characters a second as windows grow. Each
peer is a process of its own that is asked for rounds in turn; ratios are made within a round, and
compilation is timed apart. Leave the machine alone while it runs. The environment variables
PYTORCH_PYTHON and KERAS_PYTHON stand for the two options.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from benchmarks.rivals import encore, library_arguments, peer, rows, show_against_best
from benchmarks.table import machine, table
from benchmarks.worker import Worker, interleave

EPOCHS = {"epochs": 10**4}
MEANS = EPOCHS | {"interval": False}
TEXT = EPOCHS | {"stateful": True}
TRAINING: Mapping[str, tuple[str, Mapping[str, object], float]] = {
    "characters": ("sequence/char_rnn_stateful", TEXT, 1.5),
    "rnn": ("sequence/sequence_rnn_ten_steps", MEANS, 1.7),
    "lstm": ("sequence/lstm_ten_steps", MEANS, 1.3),
    "transformer": ("sequence/char_transformer_small", {"steps": 10**8}, 1.2),
}
"""Question -> experiment, its settings, and how many times the best peer it is to be."""
WRITING = {"writing": "characters", "writing_transformer": "transformer"}
LENGTHS = (100, 200, 400, 800, 1600)


def peers(net: str, options: argparse.Namespace) -> list[Worker]:
    """The others that train a net."""
    sizes = ["--net", net, "--seconds", options.seconds]
    found = [peer("PyTorch", options.pytorch, "pytorch_sequence.py", *sizes)]
    if net != "transformer":
        for backend in ("tensorflow", "jax"):
            worker = Worker(
                f"Keras, {backend}",
                options.keras,
                ["benchmarks/peers/keras_sequence.py", *map(str, sizes)],
                {"KERAS_BACKEND": backend},
            )
            found.append(worker)
    return [*found, peer("flax", sys.executable, "flax_sequence.py", *sizes)]


def main() -> None:
    """Measure and print a table a question."""
    questions = (*TRAINING, *WRITING, "length")
    options = library_arguments(__doc__, questions)
    print(machine())
    for question in options.only:
        if question == "length":
            alone = [
                encore(f"window {n}", "sequence/char_rnn_stateful", TEXT | {"window": n}, 2.0)
                for n in LENGTHS
            ]
            interleave(alone, options.rounds)
            head = ["who", "version", "characters/s", "× window 100", "goal", "first step, s"]
            print("\nWindows of several lengths\n\n" + table(head, rows(alone, alone[0], {})))
        elif question in WRITING:
            net = WRITING[question]
            words = ["--net", net, "--writing", "--seconds", options.seconds]
            command = ["-m", "benchmarks.peers.encore_writing", TRAINING[net][0]]
            ours = Worker("Encore", sys.executable, [*command, "--seconds", str(options.seconds)])
            others = [peer("PyTorch", options.pytorch, "pytorch_sequence.py", *words)]
            show_against_best(question, [ours, *others], 5.0, "characters", options.rounds)
        else:
            name, settings, goal = TRAINING[question]
            workers = [encore("Encore", name, settings, options.seconds), *peers(question, options)]
            items = "series" if question in ("rnn", "lstm") else "characters"
            show_against_best(question, workers, goal, items, options.rounds)


if __name__ == "__main__":
    main()
