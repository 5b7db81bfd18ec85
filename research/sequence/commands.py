"""What text has of commands: `sample` writes one, `translate` is a command of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from research.errors import Exit
from research.options.command import Argument, Command, Context, Outcome, parse
from research.options.ranges import AMOUNT, Range
from research.runs.names import RUN
from research.runs.reported import DrawOptions, Reported, open_reported
from research.sampling import SampleOptions

WIDEST = 100
"""Texts that a beam keeps at most."""


def write_text(found: Reported, options: SampleOptions, context: Context) -> Outcome:
    """Write with a model of text, and print each character as it comes."""
    from research.engine import keys
    from research.sequence.characters.writing import Sampling, write

    writer = found.offer
    given = options.prompt or "\n"
    temperature = 0.8 if options.temperature is None else options.temperature
    prompt = writer.vocabulary.encode(given, "the prompt")
    sampling = Sampling(temperature, options.top_k or 0, options.top_p or 1.0)
    file, written, began = context.human, [], 0.0
    print(writer.vocabulary.decode(prompt), end="", file=file, flush=True)
    key = keys.stream(options.seed, "sample")
    for part in write(writer, found.state, prompt[None], options.length or 500, sampling, key):
        written.append(writer.vocabulary.decode(part[0]))
        print(written[-1], end="", file=file, flush=True)
        # The first part is compiled; the rate is that of the others.
        began = began or time.perf_counter()
    seconds, later = time.perf_counter() - began, sum(map(len, written[1:]))
    print(file=file)
    rate = later / seconds if later else None
    facts = {
        **found.facts,
        "prompt": given,
        "text": "".join(written),
        "seed": options.seed,
        "temperature": temperature,
        "characters_per_second": rate,
    }
    return Outcome(facts)


@dataclass(frozen=True)
class TranslateOptions(DrawOptions):
    """Options of `translate`."""

    beam: Annotated[
        int, "texts that a search keeps; 1 takes the likeliest word each time", Range(1, WIDEST)
    ] = 1
    length_penalty: Annotated[float, "of a beam: 0 prefers short texts, 1 long ones", AMOUNT] = 0.6
    temperature: Annotated[
        float, "above 0, words are drawn; below 1 surer, above 1 bolder", AMOUNT
    ] = 0.0

    def validate(self) -> list[str]:
        """What does not go together, a message each."""
        problems = super().validate()
        if self.beam > 1 and self.temperature > 0:
            problems.append("--beam searches and --temperature draws: choose one of the two")
        return problems


def execute_translate(tokens: Sequence[str], context: Context) -> Outcome:
    """Translate, and show what is best; of a beam, the others too."""
    (run, sentence), options = parse(TRANSLATE, tokens)
    lack = "translates nothing"
    found = open_reported(run, options, context, "translator", lack)
    from research.engine import keys
    from research.sequence.translations.translator import Method, translate

    translator = found.offer
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


TRANSLATE = Command(
    name="translate",
    summary="let a trained model translate a sentence",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, lets it read the sentence, and prints what it
    writes: the likeliest word each time, or with --beam the best of several texts that are kept at
    each word, by the logarithm of their probabilities divided by a penalty of their length (Wu et
    al. 2016, eq. 14, with --length-penalty as its exponent); the others stand below with their
    scores. With --temperature words are drawn.

    Words that the model never learned are noted; it reads a sign in their place. An empty sentence
    is refused, and one that is longer than those it learned from. A model of dates translates
    these.""",
    arguments=(RUN, Argument("SENTENCE", "what is to be translated, in quotes")),
    options=TranslateOptions,
    examples=(
        ('translate translate_bahdanau "I like soccer"', "in Spanish"),
        ('translate translate_bahdanau "I like soccer" --beam 5', "and four other ways"),
        ('translate dates_attention "April 22, 2019"', "2019-04-22"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute_translate,
)
