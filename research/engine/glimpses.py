"""What a run says of itself as it goes: words made at each evaluation, beside its figures.

They show and prove nothing: no part of the run's identity, its bits or its ledger. A step that
is made again after a kill says the same words again. Read without JAX, for a report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from research.engine.advance import Carry
    from research.engine.leaves import Reader
    from research.engine.observer import Observer
    from research.engine.program import Program

FILE = "glimpses.jsonl"
"""In a run's directory."""


def keep(
    directory: Path,
    program: Program,
    carry: Carry,
    step: int,
    reader: Reader,
    observer: Observer,
) -> None:
    """Add what the state of a step says; what cannot be said is only noted.

    Of a population, that is its first member.
    """
    say = program.experiment.glimpse
    if say is None:
        return
    from research.engine import keys

    try:
        seed, state = program.each(program.read((carry.seed, carry.state), reader))[0]
        said = say(state, keys.at_step(keys.stream(seed, "sample"), step))
        with (directory / FILE).open("a") as file:
            file.write(json.dumps({"step": step, "said": said}) + "\n")
    except Exception as error:
        # Words that cannot be said are no reason to lose a run.
        observer.note(f"step {step:,} shows nothing of itself: {type(error).__name__}: {error}")


def read(directory: Path) -> dict[int, str]:
    """Step -> what was said then, ascending; lines that cannot be read are left out."""
    path, found = directory / FILE, {}
    for text in path.read_text(errors="replace").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
            found[int(line["step"])] = str(line["said"])
        except (ValueError, KeyError, TypeError):
            continue
    return dict(sorted(found.items()))
