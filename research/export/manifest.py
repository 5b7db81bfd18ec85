"""The manifest of an exported model, `manifest.json`: what it is, takes and gives, and its proof.

Whoever loads the model needs this file and no Encore.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

FILE = "manifest.json"
FORMAT = 1
"""Of the manifest. A later one that a reader of this one cannot understand has a larger number."""
BATCH = "batch"
"""Stands in a shape for the size that whoever calls the model chooses."""

Form: TypeAlias = Literal["stablehlo", "onnx", "web"]
Kind: TypeAlias = Literal[
    "classes", "values", "quantities", "actions", "tokens", "translations", "pictures"
]


@dataclass(frozen=True)
class Tensor:
    """An input or an output.

    Attributes:
        dtype: as NumPy spells it: `float32`, `int32`, `uint8`.
        shape: of it; the first entry is `BATCH`.
    """

    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Origin:
    """The run that the model is of: with Encore, what is needed to make it again.

    Attributes:
        experiment: `vision/digits_cnn`.
        digest: SHA-256 of the last line of the run's ledger, and so of all lines before.
        config: each field, as JSON values.
        config_digest: of experiment and config, as the run's folder is called.
        seed: of the run, or of the member of a population.
        step: updates that made the parameters.
        finished: whether the run had come to its end.
        member: which one of a population; None of a run of one seed.
        fingerprint: what in the run's environment can change bits.
        data: split -> digest of its decoded content.
        code: SHA-256 over the digests of all files that the experiment rests on.
        command: makes the run.
        again: exports it.
    """

    experiment: str
    digest: str
    config: Mapping[str, Any]
    config_digest: str
    seed: int
    step: int
    finished: bool
    member: int | None
    fingerprint: Mapping[str, str]
    data: Mapping[str, str]
    code: str
    command: str
    again: str


@dataclass(frozen=True)
class Licence:
    """What is known of the right to use the weights, and what is not.

    Attributes:
        code: SPDX identifier of the licence of the code that trained them.
        learned_from: data set, text or environment -> the licence that it states, or "".
        weights: what follows, for people.
    """

    code: str
    learned_from: Mapping[str, str]
    weights: str


@dataclass(frozen=True)
class Verification:
    """How the model's answers compare with those of the run, in a process without Encore.

    Attributes:
        on: what was put in: `test: 360 examples`, `32 episodes`.
        batch_sizes: each was tried with all of it.
        tolerance: the largest difference allowed: |a - b| / max(1, |b|), b being the run's.
        largest: name of an output -> the largest that was found.
        same: the choices that were the same everywhere, such as `every action`; "" of values.
        platform: where it was compared.
        ties: texts that are others than the run's from two tokens on which are equally probable
            within the tolerance, at the batch size that has most of them.
    """

    on: str
    batch_sizes: tuple[int, ...]
    tolerance: float
    largest: Mapping[str, float]
    same: str
    platform: str
    ties: int = 0


@dataclass(frozen=True)
class Manifest:
    """What stands in `manifest.json`.

    Attributes:
        form: of the model's file.
        model: the name of that file.
        sha256: of that file.
        made: when, `2026-11-30T20:00:00Z`.
        title: what the experiment shows, one sentence.
        kind: how outputs read: `classes` (`probability`), `values` (`mean`, and `low` and `high`),
            `quantities` (`mean`), `actions` (`action`), `tokens` (`logits` of the one that
            follows), `translations` (`tokens`), `pictures` (`image`).
        inputs: name -> what the model takes. Raw: all preparation is inside.
        outputs: name -> what it gives. In ONNX, where no output may have the name of an input, it
            is called `next_NAME`; `load.py` gives it as `NAME`.
        carried: of the inputs, those which at the next call are the outputs of the same name, and
            zeros at the first.
        reading: what else is needed to read them: the fields of the class of that kind in
            `research.prediction`, with `classes` for names; vocabularies as
            `research.data.text.Vocabulary.describe` has them, that of a classifier of texts as
            `vocabulary`; and of a table's inputs that are texts the `categories`: input -> texts,
            whose places it takes, and the number after the last for every other text.
        origin: the run.
        licence: of the weights.
        versions: of what made it: jax, jaxlib, stablehlo or opset.
        platforms: that it can be run on.
        verification: None only while it is being verified.
        notes: sentences for people, such as until when the form can be read for certain.
        format: of this file.
    """

    form: Form
    model: str
    sha256: str
    made: str
    title: str
    kind: Kind
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    carried: tuple[str, ...]
    reading: Mapping[str, Any]
    origin: Origin
    licence: Licence
    versions: Mapping[str, str]
    platforms: tuple[str, ...]
    verification: Verification | None = None
    notes: tuple[str, ...] = field(default=())
    format: int = FORMAT


def spell(manifest: Manifest) -> str:
    """The content of the file."""
    return json.dumps(dataclasses.asdict(manifest), indent=1, ensure_ascii=False) + "\n"


def read(folder: Path) -> Manifest:
    """The manifest of an exported model.

    Raises:
        ValueError: there is none that can be understood; says why.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no exported model: it has no {FILE}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path} has format {found}, and {FORMAT} is what can be read here")
    try:
        return _parse(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _parse(content: dict[str, Any]) -> Manifest:
    def tensors(found: Mapping[str, Any]) -> dict[str, Tensor]:
        return {n: Tensor(one["dtype"], tuple(one["shape"])) for n, one in found.items()}

    checked = content["verification"]
    if checked is not None:
        checked = Verification(**{**checked, "batch_sizes": tuple(checked["batch_sizes"])})
    return Manifest(
        **{
            **content,
            "inputs": tensors(content["inputs"]),
            "outputs": tensors(content["outputs"]),
            "carried": tuple(content["carried"]),
            "origin": Origin(**content["origin"]),
            "licence": Licence(**content["licence"]),
            "platforms": tuple(content["platforms"]),
            "verification": checked,
            "notes": tuple(content["notes"]),
        }
    )
