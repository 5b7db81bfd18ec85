"""The commands of text: let a trained model `sample` a text, or `translate` a sentence."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from research.errors import Exit
from research.options.command import Argument, Command, Context, Outcome, parse
from research.options.ranges import AMOUNT, COUNT, Range
from research.runs.names import RUN
from research.runs.reported import DrawOptions, open_reported

WIDEST = 100
"""Texts that a beam keeps at most."""


@dataclass(frozen=True)
class SampleOptions(DrawOptions):
    """Options of `sample`."""

    prompt: Annotated[str, "beginning of the text [a new line]"] = "\n"
    temperature: Annotated[
        float, "below 1 surer, above 1 bolder; 0 is always the likeliest", AMOUNT
    ] = 0.8
    top_k: Annotated[int, "draw from so many of the likeliest characters; 0 is all", AMOUNT] = 0
    top_p: Annotated[
        float,
        "draw from the likeliest that together have this probability",
        Range(0, 1, above=True),
    ] = 1.0
    length: Annotated[int, "characters to write", COUNT] = 500

    def validate(self) -> list[str]:
        """What is wrong with the options, a message each."""
        problems = super().validate()
        if not self.prompt:
            problems.append("--prompt is empty: a text begins with one character at least")
        return problems


def execute_sample(tokens: Sequence[str], context: Context) -> Outcome:
    """Write, and show each character as it comes."""
    (text,), options = parse(SAMPLE, tokens)
    lack = "writes no text: it is no model of characters"
    found = open_reported(text, options, context, "writer", lack)
    from research.engine import keys
    from research.sequence.characters.writing import Sampling, write

    writer = found.offer
    prompt = writer.vocabulary.encode(options.prompt, "the prompt")
    sampling = Sampling(options.temperature, options.top_k, options.top_p)
    file, written, began = context.human, [], 0.0
    print(writer.vocabulary.decode(prompt), end="", file=file, flush=True)
    key = keys.stream(options.seed, "sample")
    for part in write(writer, found.state, prompt[None], options.length, sampling, key):
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


SAMPLE = Command(
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
    arguments=(RUN,),
    options=SampleOptions,
    examples=(
        ('sample char_rnn_stateful --prompt "To be"', "500 characters that go on from there"),
        ("sample char_rnn_stateful --temperature 0", "the likeliest character each time"),
        ("sample 3f2a-s0 --length 5000 --top-p 0.9 --seed 7", "another text, and a longer one"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute_sample,
)


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
