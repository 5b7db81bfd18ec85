"""Beam search as one compiled loop against the usual one in Python.

    python -m benchmarks.beam

The net of `sequence/translate_luong`, which has learned nothing, so that no text is over before its
twenty words; beams of 5, length penalty .6. In Python each sentence is searched by itself: one
compiled step of the net for all of its beam, and lists, sorted, on the host. Encore searches a
sentence, and all at once. Compilation is left out, ratios are made within a round, and both must
find texts of the same scores up to rounding. Leave the machine alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from benchmarks.table import machine, table
from research.engine import environment

BEAM, STRENGTH, LENGTH, SENTENCES = 5, 0.6, 20, 64
Found: TypeAlias = tuple[list[int], float]
"""A text and its score."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    environment.settle_environment()

    import jax
    import jax.numpy as jnp
    import numpy as np

    from research.data.text import END, PADDING, START
    from research.sequence.translations.encoder_decoder import EncoderDecoder
    from research.sequence.translations.translator import Method, write_targets

    net = EncoderDecoder(1000, 1000, 128, 256, bidirectional=True, attention="multiplicative")
    sources = np.random.default_rng(0).integers(4, 1000, (SENTENCES, LENGTH)).astype(np.int32)
    variables = net.init(jax.random.key(0), sources[:1], sources[:1])
    method = Method(BEAM, STRENGTH)
    search = jax.jit(partial(write_targets, net, length=LENGTH, method=method))
    encode = jax.jit(partial(net.apply, method="encode"))

    def penalty(size: int) -> float:
        return ((5.0 + size) / 6.0) ** STRENGTH

    @jax.jit
    def step(variables: Any, stays: Any, memory: Any, symbols: Any) -> tuple[Any, Any]:
        memory, logits, _ = net.apply(variables, stays, memory, symbols, 0, method="step")
        logits = logits.at[:, jnp.array([PADDING, START])].set(-jnp.inf)
        return memory, jax.nn.log_softmax(logits)

    def in_python(source: Any) -> Found:
        """The best text of one sentence, and its score."""
        stays, memory = (
            jax.tree.map(lambda leaf: jnp.repeat(leaf, BEAM, 0), part)
            for part in encode(variables, source[None])
        )
        beams = [([START], 0.0)]
        for _ in range(LENGTH):
            if all(text[-1] == END for text, _ in beams):
                break
            last = [text[-1] for text, _ in beams] + [START] * (BEAM - len(beams))
            memory, found = step(variables, stays, memory, np.array(last))
            logs, grown = np.asarray(found), []
            for row, (text, score) in enumerate(beams):
                if text[-1] == END:
                    grown.append((text, score, row))
                    continue
                for symbol in np.argsort(-logs[row])[:BEAM].tolist():
                    grown.append(([*text, symbol], score + float(logs[row, symbol]), row))
            grown.sort(key=lambda one: -one[1] / penalty(len(one[0]) - 1))
            kept = grown[:BEAM]
            rows = np.array([row for _, _, row in kept] + [0] * (BEAM - len(kept)))
            memory = jax.tree.map(lambda leaf, rows=rows: leaf[rows], memory)
            beams = [(text, score) for text, score, _ in kept]
        text, score = beams[0]
        return text[1:], score / penalty(len(text) - 1)

    def on_device(sources: Any) -> list[Found]:
        found = jax.device_get(search(variables, sources))
        best = zip(found.tokens[:, 0].tolist(), found.score[:, 0].tolist(), strict=True)
        return [([symbol for symbol in text if symbol != PADDING], score) for text, score in best]

    def alone() -> list[Found]:
        return [on_device(source[None])[0] for source in sources]

    def together() -> list[Found]:
        return on_device(sources)

    ways: dict[str, Callable[[], list[Found]]] = {
        "in Python, a sentence after another": lambda: [*map(in_python, sources)],
        "Encore, a sentence after another": alone,
        f"Encore, {SENTENCES} at once": together,
    }
    found = {name: way() for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    first = next(iter(ways))
    lines = []
    for name, each in seconds.items():
        ratios = [theirs / ours for theirs, ours in zip(seconds[first], each, strict=True)]
        pairs = [*zip(found[first], found[name], strict=True)]
        same = sum(one[0] == other[0] for one, other in pairs)
        apart = max(abs(one[1] - other[1]) for one, other in pairs)
        lines.append(
            [
                name,
                f"{SENTENCES / statistics.median(each):.0f}",
                f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})",
                f"{same} of {SENTENCES}",
                f"{apart:.1e}",
            ]
        )
    print(machine())
    print(
        table(
            ["who", "sentences/s", "× as fast as Python", "the same texts", "scores apart by"],
            lines,
        )
    )


if __name__ == "__main__":
    main()
