"""Sampling: what models of text, images and music draw for the command `sample`, and its options.

A model that draws has one of the offers of `KINDS`. An option that is not given is None, so that
each kind has defaults of its own, and refuses what is another kind's.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, NamedTuple

from research.errors import Mistake
from research.options.command import Context, Outcome
from research.options.ranges import AMOUNT, COUNT, PATH, STEPS, Range, flag
from research.runs.reported import DrawOptions, Reported


@dataclass(frozen=True)
class SampleOptions(DrawOptions):
    """Options of `sample`."""

    to: Annotated[
        str,
        "images, music: file to write, FILE.png, FILE.mid [samples.png, chorale.mid in the run's "
        "folder]",
        PATH,
    ] = ""
    prompt: Annotated[
        str | None,
        'text, music: its beginning; chords are "C5 G4 E4 C3; D5 A4 F4 D3", or FILE.csv [a new '
        "line, a chord that a chorale begins with]",
    ] = None
    length: Annotated[
        int | None, "text, music: characters, or sixteenths, to write [500, 64]", COUNT
    ] = None
    temperature: Annotated[
        float | None,
        "text, music: below 1 surer, above 1 bolder, 0 always the likeliest [0.8, 0.9]",
        AMOUNT,
    ] = None
    top_k: Annotated[
        int | None, "text, music: draw from so many of the likeliest [0, all]", AMOUNT
    ] = None
    top_p: Annotated[
        float | None,
        "text, music: draw from the likeliest that together have this probability [1]",
        Range(0, 1, above=True),
    ] = None
    grid: Annotated[str | None, "images: COLUMNSxROWS, such as 8x4 [8x8, 10x10 by class]"] = None
    class_: Annotated[
        str | None, "images: draw this class alone, by its name or number [a row of each]"
    ] = None
    guidance: Annotated[
        float | None, "images: of a diffusion, how strongly the class guides [as trained]", AMOUNT
    ] = None
    steps: Annotated[
        int | None, "images: of a diffusion, on the way from noise [as trained]", STEPS
    ] = None

    def validate(self) -> list[str]:
        """What is wrong with the options, a message each."""
        problems = super().validate()
        if self.prompt == "":
            problems.append("--prompt is empty: it is one character or chord at least")
        return problems


class Kind(NamedTuple):
    """A kind of model that draws.

    Attributes:
        name: of such a model, with its article.
        options: fields of `SampleOptions` that are for it.
        execute: where the function stands that draws: (what a run reports, options, context) -> how
            the command ended.
    """

    name: str
    options: frozenset[str]
    execute: str

    def load(self) -> Callable[[Reported, SampleOptions, Context], Outcome]:
        """That function; its module is imported only now."""
        found: Callable[[Reported, SampleOptions, Context], Outcome]
        found = pkgutil.resolve_name(self.execute)
        return found


KINDS = {
    "writer": Kind(
        "a model of text",
        frozenset({"prompt", "length", "temperature", "top_k", "top_p"}),
        "research.sequence.commands:write_text",
    ),
    "composer": Kind(
        "a model of chorales",
        frozenset({"to", "prompt", "length", "temperature", "top_k", "top_p"}),
        "research.sequence.chorales.sampling:write_chorale",
    ),
    "sampler": Kind(
        "a model of images",
        frozenset({"to", "grid", "class_", "guidance", "steps"}),
        "research.generative.commands:draw_images",
    ),
}
"""What an experiment may offer -> the kind of model that it is."""


def refuse_others(found: Reported, options: SampleOptions) -> None:
    """Refuse the options of other kinds.

    Raises:
        Mistake: one of them is given.
    """
    kind = KINDS[found.offered]
    common = {field.name for field in fields(DrawOptions)}
    given = [
        field.name
        for field in fields(SampleOptions)
        if field.name not in common | kind.options
        and getattr(options, field.name) not in (None, "")
    ]
    if given:
        allowed = ", ".join(flag(name) for name in sorted(kind.options))
        raise Mistake(
            f"sample: {flag(given[0])} is not for {found.name}, which is {kind.name}: there are "
            f"{allowed}"
        )
