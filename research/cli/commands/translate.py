"""`translate`: a sentence in the other language, by a trained model."""

from __future__ import annotations

import math
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

WIDEST = 100
"""Texts that a beam keeps at most."""


@dataclass(frozen=True)
class Options:
    """Options of `translate`."""

    beam: Annotated[int, "texts that a search keeps; 1 takes the likeliest word each time"] = 1
    length_penalty: Annotated[float, "of a beam: 0 prefers short texts, 1 long ones"] = 0.6
    temperature: Annotated[float, "above 0, words are drawn; below 1 surer, above 1 bolder"] = 0.0
    seed: Annotated[int, "of the draws: the same seed gives the same text", ANY_SEED] = 0
    checkpoint: Annotated[str, CHECKPOINT] = ""
    member: Annotated[int | None, "of a population, counted from 0 [the first]"] = None
    runs_dir: RunsDir = RUNS_DIR
    json: Annotated[bool, "print one JSON object, text goes to stderr"] = False

    def validate(self) -> list[str]:
        """What is out of range, a message each."""
        problems = choice_problems(self.checkpoint)
        if not 1 <= self.beam <= WIDEST:
            problems.append(f"--beam must lie in 1 to {WIDEST}, not {self.beam}")
        if not (self.length_penalty >= 0 and math.isfinite(self.length_penalty)):
            problems.append(f"--length-penalty must be 0 or more, not {self.length_penalty:g}")
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            problems.append(f"--temperature must be 0 or more, not {self.temperature:g}")
        if self.beam > 1 and self.temperature > 0:
            problems.append("--beam searches and --temperature draws: choose one of the two")
        if not 0 <= self.seed < SEEDS:
            problems.append(f"--seed must lie in 0 to {SEEDS - 1}, not {self.seed}")
        return problems


def unfit(experiment: Experiment) -> str:
    """What an experiment lacks that does not translate, or ""."""
    return "" if "translator" in experiment.offers else "translates nothing"


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Translate, and show what is best; of a beam, the others too."""
    (run, sentence), options = parse(COMMAND, tokens)
    found = open_reported(run, options.runs_dir, options.member, context, unfit, options.checkpoint)
    from research.engine import keys
    from research.sequence.translations.translator import Method, translate

    translator = found.experiment.offers["translator"]
    method = Method(options.beam, options.length_penalty, options.temperature)
    key = keys.stream(options.seed, "sample")
    (made,) = translate(translator, found.state, [sentence], method, key)
    unknown = translator.pair.source.unknown(sentence)
    print(made[0][0], file=context.human)
    for text, score in made if options.beam > 1 else ():
        print(f"  {score:8.3f}  {text}", file=context.human)
    if unknown:
        words = ", ".join(map(repr, unknown))
        print(f"note: the model has never learned {words}", file=context.human)
    facts = {
        **found.facts,
        "text": sentence,
        "translation": made[0][0],
        "candidates": [{"text": text, "score": score} for text, score in made],
        "unknown": unknown,
        "beam": options.beam,
        "length_penalty": options.length_penalty,
        "temperature": options.temperature,
        "seed": options.seed,
    }
    return Outcome(facts)


COMMAND = Command(
    name="translate",
    summary="let a trained model translate a sentence",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, lets it read the sentence, and prints what it
    writes: the likeliest word each time, or with --beam the best of several texts that are kept at
    each word, by the logarithm of their probabilities divided by a penalty of their length (Wu et
    al. 2016, eq. 14, with --length-penalty as its exponent); the others stand below with their
    scores. With --temperature words are drawn.

    Words that the model never learned are told; it reads a sign in their place. An empty sentence
    is refused, and one that is longer than those it learned from. A model of dates translates
    these.""",
    arguments=(
        Argument("RUN", "a run's directory, or a part of its name that only one has"),
        Argument("SENTENCE", "what is to be translated, in quotes"),
    ),
    options=Options,
    examples=(
        ('translate translate_bahdanau "I like soccer"', "in Spanish"),
        ('translate translate_bahdanau "I like soccer" --beam 5', "and four other ways"),
        ('translate dates_attention "April 22, 2019"', "2019-04-22"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
)
