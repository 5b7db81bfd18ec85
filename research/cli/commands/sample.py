"""`sample`: what a trained model of text writes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from research.cli.acting import open_reported
from research.cli.command import Argument, Command, Context, Outcome, parse
from research.cli.pace import CHECKPOINT, RUNS_DIR, SEEDS, RunsDir, choice_problems
from research.errors import Exit
from research.options.ranges import ANY_SEED

if TYPE_CHECKING:
    from research.engine.experiment import Experiment


@dataclass(frozen=True)
class Options:
    """Options of `sample`."""

    prompt: Annotated[str, "what the text begins with"] = "\n"
    temperature: Annotated[float, "below 1 surer, above 1 bolder; 0 is always the likeliest"] = 0.8
    top_k: Annotated[int, "draw from so many of the likeliest characters; 0 is all"] = 0
    top_p: Annotated[float, "draw from the likeliest that together have this probability"] = 1.0
    length: Annotated[int, "characters to write"] = 500
    seed: Annotated[int, "of the draws: the same seed writes the same text", ANY_SEED] = 0
    checkpoint: Annotated[str, CHECKPOINT] = ""
    member: Annotated[int | None, "of a population, counted from 0 [the first]"] = None
    runs_dir: RunsDir = RUNS_DIR
    json: Annotated[bool, "print one JSON object, text goes to stderr"] = False

    def validate(self) -> list[str]:
        """What is out of range, a message each."""
        problems = choice_problems(self.checkpoint)
        if not self.prompt:
            problems.append("--prompt is empty: a text begins with one character at least")
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            problems.append(f"--temperature must be 0 or more, not {self.temperature:g}")
        if self.top_k < 0:
            problems.append(f"--top-k must be 0 (all) or more, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            problems.append(f"--top-p must lie above 0 and be at most 1, not {self.top_p:g}")
        if self.length < 1:
            problems.append(f"--length must be at least 1, not {self.length}")
        if not 0 <= self.seed < SEEDS:
            problems.append(f"--seed must lie in 0 to {SEEDS - 1}, not {self.seed}")
        return problems


def unfit(experiment: Experiment) -> str:
    """What an experiment lacks that does not write, or ""."""
    return "" if "writer" in experiment.offers else "writes no text: it is no model of characters"


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Write, and show each character as it comes."""
    (text,), options = parse(COMMAND, tokens)
    found = open_reported(
        text, options.runs_dir, options.member, context, unfit, options.checkpoint
    )
    from research.engine import keys
    from research.sequence.characters.writing import Sampling, write

    writer = found.experiment.offers["writer"]
    prompt = writer.vocabulary.encode(options.prompt, "the prompt")
    taste = Sampling(options.temperature, options.top_k, options.top_p)
    file, written, began = context.human, [], 0.0
    print(writer.vocabulary.decode(prompt), end="", file=file, flush=True)
    key = keys.stream(options.seed, "sample")
    for part in write(writer, found.state, prompt[None], options.length, taste, key):
        written.append(writer.vocabulary.decode(part[0]))
        print(written[-1], end="", file=file, flush=True)
        # The first part is compiled; the rate is that of the others.
        began = began or time.perf_counter()
    seconds, later = time.perf_counter() - began, sum(map(len, written[1:]))
    print(file=file)
    rate = later / seconds if later else None
    facts = {
        **found.facts,
        "prompt": options.prompt,
        "text": "".join(written),
        "seed": options.seed,
        "temperature": options.temperature,
        "characters_per_second": rate,
    }
    return Outcome(facts)


COMMAND = Command(
    name="sample",
    summary="let a trained model of text write",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, lets it read the prompt, and writes what it draws
    from there, each character as it comes. The model's state is carried from character to
    character, on the device; the same command writes the same text.

    --temperature divides the logits: 0 takes the likeliest character always, which soon repeats
    itself; 1 draws as the model believes. --top-k and --top-p leave out what is unlikely. A prompt
    with a character that the training text did not have is refused; where the model was trained on
    lower case, the prompt is made so.""",
    arguments=(Argument("RUN", "a run's directory, or a part of its name that only one has"),),
    options=Options,
    examples=(
        ('sample char_rnn_stateful --prompt "To be"', "500 characters that go on from there"),
        ("sample char_rnn_stateful --temperature 0", "the likeliest character each time"),
        ("sample 3f2a-s0 --length 5000 --top-p 0.9 --seed 7", "another text, and a longer one"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
)
