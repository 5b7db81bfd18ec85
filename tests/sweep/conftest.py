"""A small project whose runs start in their own processes, as those of a sweep do."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from research.cli import main as main_module

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = """
    import sys
    from pathlib import Path

    from research.engine.environment import settle_environment

    if __name__ == "__main__":
        settle_environment()
        from research.cli import main

        main.ROOT = Path(__file__).resolve().parent
        sys.exit(main.main(sys.argv[1:]))
"""
SMALL = '''
    """A vector shrinks, unless there is trouble.

    Expected: nothing
    Time: 0 s
    """

    from __future__ import annotations

    import os
    from dataclasses import dataclass, replace
    from typing import Annotated, Literal, NamedTuple

    import jax
    import jax.numpy as jnp

    from research.engine.experiment import Experiment
    from research.engine.metrics import mean
    from research.options.config import Config


    class State(NamedTuple):
        params: jax.Array
        hyperparameters: dict


    @dataclass(frozen=True)
    class Probe(Config):
        steps: Annotated[int, "steps"] = 40
        size: Annotated[int, "length of the vector"] = 4
        decay: Annotated[float, "factor of each step"] = 0.9
        trouble: Annotated[Literal["none", "nan", "crash"], "what befalls the run"] = "none"

        def problems(self):
            problems = []
            if self.size < 1:
                problems.append(f"--size must be at least 1, not {self.size}")
            if not 0 < self.decay < 1:
                problems.append(f"--decay must lie between 0 and 1, not {self.decay}")
            return problems

        def smoke(self):
            return replace(self, steps=8)

        def make(self):
            def init(key, hyperparameters):
                return State(jax.random.normal(key, (self.size,)), hyperparameters)

            def update(state, batch, key):
                noise = 0.01 * jax.random.normal(key, (self.size,))
                w = state.hyperparameters["decay"] * state.params + noise
                bad = jnp.nan if self.trouble == "nan" else 0.0
                return state._replace(params=w), {"loss": mean(jnp.sum(w**2) + bad)}

            def evaluate(state, batch, key):
                return {"norm": mean(jnp.sum(jnp.abs(state.params)))}

            def judge(state, evaluation, key):
                if self.trouble == "crash" and not os.path.exists("mended"):
                    os.kill(os.getpid(), 9)
                return {"sum": float(state.params.sum())}

            return Experiment(
                init, update, evaluate, self.steps, self.size, "numbers",
                evaluate_every=max(self.steps // 4, 1), judge=judge,
            )


    config = Probe()
'''


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with one experiment; the working directory is beside it."""
    root = tmp_path / "project"
    (root / "experiments" / "alpha").mkdir(parents=True)
    (root / "experiments" / "alpha" / "small.py").write_text(textwrap.dedent(SMALL).lstrip())
    (root / "launch.py").write_text(textwrap.dedent(LAUNCH).lstrip())
    # The code digest is taken of files below this project's root.
    (root / "research").symlink_to(ROOT / "research")
    monkeypatch.setattr(main_module, "ROOT", root)
    monkeypatch.chdir(tmp_path)
    yield root
    sys.modules.pop("experiments.alpha.small", None)
