"""A run's own state, asked in JAX by one jitted function."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from research.engine import environment


def main() -> None:
    """Answer rounds until the standard input ends."""
    environment.settle_environment()
    sys.path.insert(0, str(Path(__file__).parent))
    from exported_model import answer, arguments

    parser = arguments()
    parser.add_argument("--run")
    parser.add_argument("--runs-dir")
    options = parser.parse_args()

    import jax

    from research.options.command import Context
    from research.runs.reported import StateOptions, open_reported

    found = open_reported(
        options.run,
        StateOptions(runs_dir=options.runs_dir),
        Context(sys.stderr),
        "predict",
        "lacks",
    )
    call = jax.jit(partial(found.offer.apply, found.state))
    answer(f"jax {jax.__version__}", call, options)


if __name__ == "__main__":
    main()
