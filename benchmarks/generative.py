"""Autoencoders, a GAN and a diffusion against PyTorch, Keras and plain flax.

    python -m benchmarks.generative --pytorch TORCH/bin/python --keras KERAS/bin/python

Images a second in training, at the sizes of the named experiments: `stacked` (784-100-30 and back,
batches of 32 and of 128), `vae` (784-150-100-10 and back, 128), `dcgan` (both nets, 64), `ddpm` (a
U-Net of 32 and 64 channels, 64); `sampling`, images a second that it draws in 50 steps, 64 at once;
`population`, Encore alone: how many times as long eight autoencoders take as one. Each peer is a
process of its own that is asked for rounds in turn; ratios are made within a round, and compilation
is timed apart. Encore's batches are cut as the experiment says, its peers' are whole. Leave the
machine alone while it runs. The environment variables PYTORCH_PYTHON and KERAS_PYTHON stand for the
two options.
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

from benchmarks.rivals import encore, library_arguments, peer, rows, show_against_best
from benchmarks.table import machine, table
from benchmarks.worker import Worker, interleave


class Question(NamedTuple):
    """What is measured.

    Attributes:
        name: of the experiment.
        net: as peers call it.
        batch: images in a step.
        goal: how many times the best peer Encore is to be.
    """

    name: str
    net: str
    batch: int
    goal: float


QUESTIONS = {
    "stacked_32": Question("generative/stacked", "stacked", 32, 1.15),
    "stacked_128": Question("generative/stacked", "stacked", 128, 1.15),
    "vae": Question("generative/variational", "vae", 128, 1.2),
    "dcgan": Question("generative/dcgan", "dcgan", 64, 1.2),
    "ddpm": Question("generative/ddpm", "ddpm", 64, 1.1),
    "sampling": Question("generative/ddpm", "sampling", 64, 2.0),
}
MEMBERS, AT_MOST = 8, 5.0


def workers_of(question: Question, options: argparse.Namespace) -> list[Worker]:
    """Encore, and all that train or draw with the same net."""
    sizes = ["--net", question.net, "--batch", question.batch, "--seconds", options.seconds]
    torch = peer("PyTorch", options.pytorch, "pytorch_generative.py", *sizes)
    if question.net == "sampling":
        command = ["-m", "benchmarks.peers.encore_sampling", *map(str, sizes)]
        return [Worker("Encore", sys.executable, command), torch]
    settings: dict[str, object] = {"epochs": 10**4, "batch_size": question.batch}
    if question.net in ("dcgan", "ddpm"):
        settings["features"] = ""
    found = [encore("Encore", question.name, settings, options.seconds), torch]
    if question.net == "stacked":
        command = ["benchmarks/peers/keras_generative.py", *map(str, sizes)]
        found.append(Worker("Keras, jax", options.keras, command, {"KERAS_BACKEND": "jax"}))
    return [*found, peer("flax", sys.executable, "flax_generative.py", *sizes)]


def measure_population(options: argparse.Namespace) -> None:
    """One variational autoencoder, and eight of other seeds."""
    settings = {"epochs": 10**4}
    one, many = (
        encore(title, "generative/variational", settings, options.seconds, members=n, width=width)
        for title, n, width in (("one", 1, 0), (f"a population of {MEMBERS}", MEMBERS, MEMBERS))
    )
    interleave([one, many], options.rounds)
    # Eight take at most five times as long where they have at least 8 / 5 of the images a second.
    goals = {many.name: MEMBERS / AT_MOST}
    head = ["who", "version", "images/s of all", "× one", "goal", "first step, s"]
    print(f"\npopulation\n\n{table(head, rows([one, many], one, goals))}", flush=True)


def main() -> None:
    """Measure and print a table a question."""
    questions = (*QUESTIONS, "population")
    options = library_arguments(__doc__, questions)
    print(machine())
    for name in options.only:
        if name == "population":
            measure_population(options)
        else:
            question = QUESTIONS[name]
            workers = workers_of(question, options)
            show_against_best(name, workers, question.goal, "images", options.rounds)


if __name__ == "__main__":
    main()
