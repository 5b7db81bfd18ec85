"""The parts of a manifest that follow from a run: where it comes from, how outputs read, rights."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from research.data.prepared import locate
from research.data.text import Vocabulary
from research.engine import ledger
from research.engine.directory import LEDGER_FILE
from research.engine.experiment import Experiment, State
from research.engine.identity import Identity
from research.errors import Damaged, Mistake
from research.export.forms import names_in_onnx
from research.export.manifest import BATCH, Form, Kind, Licence, Origin, Tensor
from research.options.help import PROGRAM
from research.prediction import (
    Actions,
    Classes,
    Pictures,
    Predictor,
    Quantities,
    Tokens,
    Translations,
    Values,
)
from research.runs.reported import Reported, StateOptions

ENCORE = "Apache-2.0"
"""The licence of Encore's code."""
KINDS: dict[type, Kind] = {
    Classes: "classes",
    Values: "values",
    Quantities: "quantities",
    Actions: "actions",
    Tokens: "tokens",
    Translations: "translations",
    Pictures: "pictures",
}


def describe_inputs(predictor: Predictor) -> dict[str, Tensor]:
    """What a model takes."""
    return {name: _tensor(one) for name, one in predictor.examples.items()}


def describe_outputs(predictor: Predictor, state: State, form: Form) -> dict[str, Tensor]:
    """What a model gives, by the names in its file; nothing is computed."""
    shapes = jax.eval_shape(predictor.apply, state, dict(predictor.examples))
    named = {} if form == "stablehlo" else names_in_onnx(predictor.examples, shapes)
    return {named.get(name, name): _tensor(one) for name, one in shapes.items()}


def _tensor(one: jax.ShapeDtypeStruct) -> Tensor:
    return Tensor(str(one.dtype), (BATCH, *one.shape[1:]))


def read_outputs(predictor: Predictor, experiment: Experiment) -> dict[str, Any]:
    """What is needed to read outputs, and inputs that are tokens or categories, as JSON values.

    Raises:
        Mistake: the names of classes are the data set's own, and it is not prepared.
    """
    outputs, found = predictor.outputs, dict[str, Any]()
    if isinstance(outputs, Classes):
        found["classes"] = outputs.names()
        if (kept := (experiment.needs or {}).get("vocabulary")) is not None:
            found["vocabulary"] = _vocabulary(kept).describe()
    elif isinstance(outputs, Translations):
        found = {"source": outputs.source.describe(), "target": outputs.target.describe()}
    else:
        found = outputs._asdict()
    if predictor.categories:
        found["categories"] = dict(predictor.categories)
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def _vocabulary(kept: Mapping[str, Any]) -> Vocabulary:
    return Vocabulary(**{**kept, "symbols": tuple(kept["symbols"])})


def origin_of(
    found: Reported, identity: Identity, options: StateOptions, form: Form, command: str
) -> Origin:
    """Which run a model is of, and how it is made and exported again.

    Args:
        found: what the run reports.
        identity: of the run.
        options: by which it was chosen.
        form: of the export.
        command: makes the run.
    """
    opened = ledger.read(found.run / LEDGER_FILE)
    header = opened.header
    code = json.dumps(header["code"], sort_keys=True, separators=(",", ":"))
    run = identity.directory(Path()).as_posix()
    again = [*PROGRAM.split(), "export", run, "--to", form]
    if options.checkpoint:
        again += ["--checkpoint", str(found.step)]
    if options.member is not None:
        again += ["--member", str(options.member)]
    return Origin(
        experiment=identity.experiment,
        digest=opened.lines[-1].digest,
        config=identity.config | {n: v for n, v in found.facts.get("hyperparameters", {}).items()},
        config_digest=identity.config_digest,
        seed=found.facts["run_seed"],
        step=found.step,
        finished=opened.result() is not None,
        member=found.facts.get("member"),
        fingerprint=header["fingerprint"],
        data=header["data"],
        code=hashlib.sha256(code.encode()).hexdigest(),
        command=command,
        again=shlex.join(again),
    )


def licence_of(experiment: Experiment, outputs: Any) -> Licence:
    """What is known of the right to use weights."""
    if isinstance(outputs, Actions):
        where = outputs.environment
        return Licence(
            ENCORE,
            {where: ""},
            f"Learned by acting in {where}, from no data of others. Encore ({ENCORE}) claims no "
            "right to what it trains.",
        )
    sources = {} if experiment.data is None else experiment.data.splits
    train = sources.get("train")
    name = "data that are generated" if train is None else train.name
    stated, homepage = _terms(name)
    says = f"Its record states the licence {stated}." if stated else "Its record states no licence."
    terms = f" {says} Its home is {homepage}." if homepage else ""
    return Licence(
        ENCORE,
        {name: stated},
        f"Encore ({ENCORE}) claims no right to what it trains. These weights were learned from "
        f"{name}.{terms} If the data are not your own, check that their licence allows what you do "
        "with the model, and name them.",
    )


def _terms(name: str) -> tuple[str, str]:
    """The licence that a data set states, and its homepage; "" where it is not one of tfds's."""
    place, _, version = name.partition(" ")[0].rpartition("/")
    try:
        info = locate(f"{place}:{version}").builder.info
    except (Mistake, Damaged):
        return "", ""
    stated = info.redistribution_info.license if info.redistribution_info else ""
    return str(stated or ""), str(info.homepage or "")
