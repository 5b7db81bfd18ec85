"""The contract: an experiment is three pure functions over a pytree, and facts beside them.

Beside it stands the interface by which its batches reach the compiled loop, which `research.data`
implements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from research.engine import keys
from research.engine.artifacts import Artifact
from research.engine.metrics import Metrics
from research.engine.selection import Selection as Selection
from research.engine.waiting import Waiting

Key = jax.Array
"""A typed PRNG key, as `jax.random.key` makes it."""
State = Any
"""A pytree that holds all that the next step depends on."""
Arrays = Mapping[str, Any]
"""Columns of examples: name -> array `[examples, ...]`."""
Batch = Any
"""A pytree of arrays, usually `Arrays` with a column `weight`; None where nothing is fed."""
Hyperparameters = dict[str, jax.Array]
"""The numeric hyper-parameters: name -> float32 scalar, traced."""
Evaluation = Callable[[str], Iterator[Batch]]
"""(split) -> its batches, equal in shape, the last padded with weight 0."""
Artifacts = Callable[[State, Evaluation, Key], Mapping[str, Artifact]]
"""(state on the host, evaluation, key) -> what a report shows, by name."""
Judge = Callable[[State, Evaluation, Key], Mapping[str, float]]
"""(state on the host, evaluation, key) -> figures by their full name, `test/average_precision`."""
Remarks = Callable[[Mapping[str, float]], Sequence[str]]
"""(finite figures by their full name) -> sentences on those that say that something went wrong."""
Needs = Mapping[str, Any]
"""What using a model needs beside its state, such as a vocabulary, as JSON values."""


Inputs = Mapping[str, State]
"""Name -> state of another run that an experiment is given."""


class Rows(NamedTuple):
    """Which rows of a split make a batch.

    Attributes:
        position: int32 `[batch]`, rows of the split; or `[batch, time]`, where an example is
            several of them, such as a window of a sequence.
        weight: float32 `[batch]`, 1 for an example and 0 for padding.
    """

    position: jax.Array
    weight: jax.Array


class Source(Protocol):
    """One split of a data set. Making one reads nothing; the methods do."""

    @property
    def name(self) -> str:
        """What a person calls it: `fashion_mnist/3.0.1 train[:55000]`."""

    def __len__(self) -> int:
        """The number of examples."""

    def load(self) -> dict[str, np.ndarray]:
        """All examples, decoded: column -> array `[examples, ...]`."""

    def read(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """The examples at `index` (int `[n]`), decoded, by random access."""

    def digest(self) -> str:
        """SHA-256 (hex) of the decoded content."""


class Data(NamedTuple):
    """What an experiment trains on and is measured on.

    Attributes:
        splits: name -> source. `train` feeds the updates; others are evaluated.
        rows: (order key, step) -> `Rows` of `train`: pure, traced, random access.
            None where nothing is read from `train`.
        generate: (data key, step) -> batch, for data made on the device instead of read.
        evaluation_batch_size: examples in one call of `evaluate`; the last batch is padded
            with weight 0, so that every example counts exactly once.
    """

    splits: Mapping[str, Source]
    rows: Callable[[Key, jax.Array], Rows] | None = None
    generate: Callable[[Key, jax.Array], Batch] | None = None
    evaluation_batch_size: int = 1000


class Glimpse(NamedTuple):
    """A text, a picture or a table by which a person sees how training goes.

    Taken at each evaluation, of a population's first member, and kept in the run's `glimpses/`
    (`research.engine.record` says how many of a long run). A report has texts as passages, and
    everything else as frames with a slider. It proves nothing and changes no bit: no part of a
    run's identity or ledger.

        glimpse=Glimpse(lambda state, key: sample(state.generator, CODES))  # 64 pictures
        glimpse=Glimpse(write_tokens, vocabulary.decode)  # a text

    Attributes:
        make: (state, key) -> an array, or a pytree of them. Pure, compiled once like the three
            functions, and run where the state lies: only its result goes to the host. The key
            follows from seed and step; for the same codes at every step use constants, or a
            constant key.
        show: the same as NumPy arrays -> a text, any kind of `research.engine.artifacts` (a table
            is a `Confusion`), or an array that is a picture or a grid of pictures, as
            `artifacts.as_images` has it: uint8, or floats from 0 to 1, `[height, width]`,
            `[height, width, channels]`, or several of them along a first axis. By default the
            result of `make` is such an array. It is called with zeros before training begins, and
            a wrong type or shape then ends the run with a message.
    """

    make: Callable[[State, Key], Any]
    show: Callable[[Any], str | Artifact | np.ndarray] = np.asarray


class Experiment(NamedTuple):
    """Three pure functions over one pytree, and the facts that the engine needs beside them.

    Attributes:
        init: (key, hyperparameters) -> state. The state keeps the hyper-parameters that `update`
            uses, so that a population may differ in them within one compiled program.
        update: (state, batch, key) -> (state, metrics). One step. The engine stops at the first
            one of whose metrics any is NaN or infinite, whatever it is called; what has no weight
            counts nothing.
        evaluate: (state, batch, key) -> metrics, weighted sums over one batch of a split (None
            where the experiment has no data to evaluate on). Never changes the state.
        steps: how many updates make a whole run; 0 is allowed.
        items_per_step: examples, characters or environment steps in one update.
        items: what those are called.
        hyperparameters: name -> value, the starting values that `init` is given: the floats of the
            config, which fills them in (`research.options.config.make_experiment`).
        data: what is fed; None where the state holds it all (RL).
        groups: how many parts `update` cuts a batch into by `research.engine.groups`, which
            devices can share; 1 where it does not. Where there are more, it uses columns of a batch
            in no other way: of streamed data a process has only the examples of its own groups, and
            zeros for others. `weight` is whole.
        evaluate_every: steps between evaluations during a run.
        watched: splits evaluated during the run.
        final: splits evaluated once, on the reported state.
        selection: how the reported checkpoint is chosen; None means the last.
        headline: full name of the one figure that matters, `test/accuracy`, which stands in the
            ledger's first line and so in every table and page; "" for the rule of
            `research.engine.selection`.
        judge: (host state, evaluation, key) -> figures of what no sum over batches can say: of a
            whole split at once (average precision, the distance of two distributions), or of the
            state alone. Computed once, of the reported state at the end of a complete run, which
            may take long, and by `verify`, to the last digits that follow the host's libraries.
        remarks: finite figures of the end of a run, each member's -> sentences for a person who may
            not know what to make of them, such as that a generator has collapsed. The terminal and
            the report have them.
        artifacts: (host state, evaluation, key) -> name -> what a report shows, made once at the
            end of a complete run; `evaluation` gives the batches of a split, as `Feed.evaluation`.
        glimpse: a text, a picture or a table of a state at each evaluation, for the report.
        offers: name -> what commands take of a state of it. The engine never looks into them:
            `predict`, which `predict` takes, is a `research.prediction.Predictor`; `agent`, which
            `play` and `evaluate` take, a `research.rl.policy.Agent`; `writer` and
            `composer`, which `sample` takes, a `research.sequence.characters.writing.Writer` and a
            `research.sequence.chorales.composition.Composer`; `translator`, which `translate`
            takes, a `research.sequence.translations.translator.Translator`. `features`, which runs
            that are given a state of it take, is (state, images as in the data) ->
            `[batch, features]`.
        needs: what `make` reads of the data and whoever uses a state needs again; kept by the run.
            `Config.make_to_use` then makes the experiment without opening the data: to use a state
            of it, not to train one.
        inputs: name -> state of another run, filled in after `make_with`. Where there are any, each
            of `GIVEN` and `Glimpse.make` takes them as its last argument: in a compiled program
            they are arguments, one copy for all members of a population. Each of `offers` is then
            made by a function: (inputs) -> what is offered.
    """

    init: Callable[[Key, Hyperparameters], State]
    update: Callable[[State, Batch, Key], tuple[State, Metrics]]
    evaluate: Callable[[State, Batch, Key], Metrics]
    steps: int
    items_per_step: int
    items: str
    hyperparameters: Mapping[str, float] = MappingProxyType({})
    data: Data | None = None
    groups: int = 1
    evaluate_every: int = 1
    watched: tuple[str, ...] = ("validation",)
    final: tuple[str, ...] = ("test",)
    selection: Selection | None = None
    headline: str = ""
    judge: Judge | None = None
    remarks: Remarks | None = None
    artifacts: Artifacts | None = None
    glimpse: Glimpse | None = None
    offers: Mapping[str, Any] = MappingProxyType({})
    needs: Needs | None = None
    inputs: Inputs = MappingProxyType({})


class Window(NamedTuple):
    """Steps that can run on the arrays at hand.

    Attributes:
        arrays: a pytree on the device; the same shapes and dtypes for every window of a feed.
        start: first step.
        stop: the step after the last.
    """

    arrays: Any
    start: int
    stop: int


class Feed(Protocol):
    """Where the batch of each step comes from."""

    @property
    def per_seed(self) -> bool:
        """Whether the arrays of a window depend on the seed."""

    def fork(self) -> Feed:
        """Another feed of the same data, for another seed at the same time."""

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch:
        """The batch of `step`, inside the compiled loop: pure in (arrays, seed, step).

        Args:
            arrays: a window's arrays.
            seed: uint32 scalar, traced.
            step: int32 scalar, traced.
        """

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """Windows that cover `start` to `stop` in order, without gap or overlap.

        A resident feed gives one window of everything; a streamed one prefetches the next.
        """

    def evaluation(self, split: str) -> Iterator[Batch]:
        """The batches of a split, equal in shape, the last padded with weight 0.

        For an experiment without data, one batch that is None.
        """

    def digests(self) -> Mapping[str, str]:
        """Split name -> SHA-256 of its decoded content."""

    def waiting(self) -> Waiting | None:
        """What the windows so far were waited for; None where nothing is read ahead of steps."""

    def close(self) -> None:
        """Stop the workers, if any."""


GIVEN = ("init", "update", "evaluate", "judge", "artifacts")
"""The functions that are given the states of other runs, beside `Glimpse.make`."""


def bind(experiment: Experiment, inputs: Inputs) -> Experiment:
    """The experiment whose functions have been given the states of other runs.

    `inputs` are its own, or traced values in their place.
    """
    if not inputs:
        return experiment

    def given(function: Any) -> Any:
        return None if function is None else lambda *arguments: function(*arguments, inputs)

    functions: dict[str, Any] = {name: given(getattr(experiment, name)) for name in GIVEN}
    if experiment.glimpse is not None:
        functions["glimpse"] = experiment.glimpse._replace(make=given(experiment.glimpse.make))
    return experiment._replace(**functions, inputs={})


def state_shapes(experiment: Experiment, inputs: Inputs | None = None) -> State:
    """The shapes and dtypes of its state, a pytree of `jax.ShapeDtypeStruct`.

    `inputs` are shapes of its inputs; None for its own.
    """

    def init(key: Key, values: Hyperparameters, inputs: dict[str, State]) -> State:
        return bind(experiment, inputs).init(key, values)

    values = traced(experiment.hyperparameters)
    given = dict(experiment.inputs if inputs is None else inputs)
    return jax.eval_shape(init, keys.stream(0, "init"), values, given)


def traced(values: Mapping[str, float]) -> dict[str, jax.Array]:
    """The same values as float32 scalars on the device, ready for `Experiment.init`."""
    return {name: jax.device_put(np.float32(value)) for name, value in values.items()}
