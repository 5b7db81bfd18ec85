"""Commands of models of images: what `sample` does with them, and `reconstruct`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from research.errors import Exit, Mistake
from research.options.command import Argument, Command, Context, Outcome, parse
from research.options.convert import did_you_mean
from research.options.ranges import COUNT, PATH
from research.options.terminal import Column, print_table
from research.runs.names import RUN
from research.runs.reported import Reported, StateOptions, open_reported
from research.runs.spelling import spell_figure
from research.sampling import SampleOptions

if TYPE_CHECKING:
    import numpy as np

    from research.generative.sampling import Sampler

MOST = 10_000
"""Images of a grid at most."""
EXAMPLES = 8
"""Images of the test split that are reconstructed where no picture is given."""
UNLIKE = 0.99
"""A picture with a larger error than this share of the test images is unlike them."""


def draw_images(found: Reported, options: SampleOptions, context: Context) -> Outcome:
    """Draw a grid with a model of images, and write it as a PNG file."""
    import numpy as np

    from research.engine import keys
    from research.generative.sampling import Way, draw_all
    from research.report.pictures import write_grid

    sampler: Sampler = found.offer
    names = sampler.classes()
    if options.steps is not None and sampler.course is None:
        raise Mistake(f"sample: --steps is for diffusions and flows: {found.name} takes no steps")
    if options.guidance is not None and not (names and sampler.course):
        raise Mistake(
            f"sample: --guidance is for a diffusion that is given classes: {found.name} is not"
        )
    columns, rows = _grid(options.grid or ("10x10" if names else "8x8"))
    if options.class_ is None:
        label = np.repeat(np.arange(rows) % max(1, len(names)), columns)
    else:
        label = np.full(rows * columns, _class("sample", options.class_, names, found.name))
    to = Path(options.to) if options.to else found.run / "samples.png"
    problem = png_problem(to)
    if problem:
        raise Mistake(f"sample: {problem}")
    print(f"{found.name}, step {found.step:,}: {len(label):,} images", file=context.human)
    draw = sampler.draw(Way(options.guidance, options.steps))
    made = draw_all(draw, found.state, label, keys.stream(options.seed, "sample"))
    write_grid(to, made, columns)
    if names and options.class_ is None:
        of = ", ".join(names[number] for number in dict.fromkeys(label.tolist()))
        print(f"rows from the top: {of}", file=context.human)
    print(f"picture: {to}", file=context.human)
    facts = {
        **found.facts,
        "seed": options.seed,
        "columns": columns,
        "rows": rows,
        "class": names[int(label[0])] if options.class_ is not None else None,
        "guidance": options.guidance,
        "steps": options.steps,
        "picture": str(to),
    }
    return Outcome(facts)


def _grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text.strip().lower())
    columns, rows = map(int, match.groups()) if match else (0, 0)
    if not 1 <= columns * rows <= MOST:
        raise Mistake(
            f"sample: --grid is COLUMNSxROWS, such as 8x4, of at most {MOST:,} images, not {text}"
        )
    return columns, rows


def _class(command: str, text: str, names: tuple[str, ...], model: str) -> int:
    if not names:
        raise Mistake(f"{command}: --class is for a model that is given classes: {model} is not")
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    lower = [name.lower() for name in names]
    if text.lower() in lower:
        return lower.index(text.lower())
    raise Mistake(
        f"{command}: --class: there is no class {text}{did_you_mean(text, names)}; there are "
        f"{', '.join(f'{number} {name}' for number, name in enumerate(names))}"
    )


def png_problem(path: Path) -> str:
    """Why no picture can be written there, or ""."""
    if path.suffix.lower() != ".png":
        return f"--to {path}: pictures are written as .png"
    if not path.parent.is_dir():
        return f"--to {path}: there is no folder {path.parent}"
    return ""


@dataclass(frozen=True)
class ReconstructOptions(StateOptions):
    """Options of `reconstruct`."""

    count: Annotated[int | None, f"test images, where no FILE is given [{EXAMPLES}]", COUNT] = None
    class_: Annotated[
        str | None,
        "of a model that is given classes: what each picture is taken for, by name or number; "
        "needed with a FILE [test images as what they are]",
    ] = None
    to: Annotated[str, "file to write, a PNG [reconstructions.png in the run's folder]", PATH] = ""


class Given(NamedTuple):
    """A picture to be reconstructed.

    Attributes:
        name: what a table calls it.
        image: uint8 `[height, width, channels]`.
        note: what was done to it, or "".
    """

    name: str
    image: np.ndarray
    note: str = ""


def execute_reconstruct(tokens: Sequence[str], context: Context) -> Outcome:
    """Encode and decode pictures, and say how near each comes."""
    (run, *files), options = parse(RECONSTRUCT, tokens)
    if files and options.count is not None:
        raise Mistake(
            f"reconstruct: --count is of test images where no FILE is given; {files[0]} is one"
        )
    lack = "reconstructs no image from that image"
    found = open_reported(run, options, context, "reconstructor", lack, with_data=True)
    to = Path(options.to) if options.to else found.run / "reconstructions.png"
    problem = png_problem(to)
    if problem:
        raise Mistake(f"reconstruct: {problem}")
    import jax.numpy as jnp
    import numpy as np

    from research.generative.sampling import Reconstructor, errors_of
    from research.report.pictures import write_grid

    offer: Reconstructor = found.offer
    names = offer.classes()
    if files and names and options.class_ is None:
        raise Mistake(
            f"reconstruct: {found.name} is given the class of a picture: add --class, one of "
            f"{', '.join(names)}"
        )
    assert found.experiment.data is not None
    test = found.experiment.data.splits["test"].load()
    images, truth = np.asarray(test["image"]), np.asarray(test["label"])
    if files:
        own = [offer.read(file) for file in files]
        given = [Given(one.name, one.inputs["image"][0], one.note) for one in own]
    else:
        count = min(len(images), options.count or EXAMPLES)
        given = [Given(f"test {number}", images[number]) for number in range(count)]
    label = truth[: len(given)]
    if options.class_ is not None:
        label = np.full(len(given), _class("reconstruct", options.class_, names, found.name))
    pictures = np.stack([one.image for one in given])
    scaled = pictures.astype(np.float32) / offer.white
    made = np.asarray(offer.apply(found.state, jnp.asarray(scaled), jnp.asarray(label, jnp.int32)))
    usual = np.sort(errors_of(offer, found.state, images, truth))
    errors: list[float] = np.mean((made - scaled) ** 2, (1, 2, 3)).tolist()
    shares = [int(np.searchsorted(usual, error)) / len(usual) for error in errors]
    write_grid(to, np.concatenate([scaled, made]), len(given))
    rows = [
        {
            "input": one.name,
            "mse": error,
            "larger_than": share,
            "like_the_data": share <= UNLIKE,
            **({"note": one.note} if one.note else {}),
        }
        for one, error, share in zip(given, errors, shares, strict=True)
    ]
    _print_reconstructed(found, rows, float(np.median(usual)), context)
    print(f"picture: {to} (below each, its reconstruction)", file=context.human)
    facts = {**found.facts, "median_mse": float(np.median(usual)), "reconstructions": rows}
    return Outcome({**facts, "picture": str(to)})


def _print_reconstructed(
    found: Reported, rows: Sequence[dict[str, Any]], median: float, context: Context
) -> None:
    print(f"{found.name}, step {found.step:,}", file=context.human)
    columns = [
        Column("input", [row["input"] for row in rows], flexible=True),
        Column("squared error", [spell_figure(row["mse"]) for row in rows], right=True),
        Column("larger than of", [f"{100 * row['larger_than']:.1f} %" for row in rows], right=True),
        Column("", ["" if row["like_the_data"] else "unlike the data" for row in rows]),
    ]
    print_table(columns, context.human)
    print(
        f"The last column but one is a share of the test images, whose median error is "
        f"{spell_figure(median)}.",
        file=context.human,
    )
    for row in rows:
        if "note" in row:
            print(f"note: {row['input']}: {row['note']}", file=context.human)


RECONSTRUCT = Command(
    name="reconstruct",
    summary="let an autoencoder give back a picture of yours",
    text="""Takes what a run of an autoencoder reports, its newest checkpoint or the best where the
    experiment chooses, or the one that --checkpoint names, encodes each picture, decodes the code,
    and writes both, one below the other. Without a FILE it takes the first images of the test
    split.

    The error is the mean of squared differences of pixels from 0 to 1. It is held against those of
    all test images: a picture whose error is larger than that of 99 in 100 of them is unlike what
    the model learned from.

    A picture is a PNG or JPEG file. It is cut, made grey and small as `predict` does it, and a note
    says so.""",
    arguments=(RUN, Argument("FILE", "a picture", required=False, many=True)),
    options=ReconstructOptions,
    examples=(
        ("reconstruct digits_vae", "eight test digits and their reconstructions"),
        ("reconstruct digits_vae my_seven.png --to both.png", "a picture of your own"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute_reconstruct,
)
