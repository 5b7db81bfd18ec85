"""Two experiments: a classifier of dots, and a maker of dots that is given its state."""

COMMON = """
    from __future__ import annotations

    from dataclasses import dataclass, replace
    from typing import Annotated, Literal, NamedTuple

    import jax
    import jax.numpy as jnp
    import numpy as np

    from research.data.order import shuffled_rows
    from research.data.sources.arrays import ArraySource
    from research.engine.experiment import Data, Experiment
    from research.engine.metrics import mean
    from research.options.config import Config
    from research.options.ranges import RunOf, Since
    from research.prediction import Own, Predictor, Values


    class State(NamedTuple):
        params: dict
        hyperparameters: dict


    def dots(name):
        x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
        columns = {"x": x, "label": (x[:, 0] > 0).astype(np.int32)}
        return ArraySource(f"{name}/1.0.0 train", columns)
"""

CLASSES = (
    '''
    """A classifier of dots, whose first layer gives features.

    Expected: nothing
    Time: 0 s
    """

'''
    + COMMON
    + """

    def features(state, x):
        return jnp.tanh(x @ state.params["w"])


    @dataclass(frozen=True)
    class Classes(Config):
        steps: Annotated[int, "steps"] = 30
        units: Annotated[int, "features"] = 3
        rate: Annotated[float, "step size"] = 0.1
        of: Annotated[Literal["dots", "stripes"], "data set"] = "dots"

        def smoke(self):
            return replace(self, steps=6)

        def make(self):
            def init(key, hyperparameters):
                w = jax.random.normal(key, (6, self.units))
                return State({"w": w, "v": jnp.zeros(self.units)}, hyperparameters)

            def losses(params, batch):
                logits = jnp.tanh(batch["x"] @ params["w"]) @ params["v"]
                return jnp.logaddexp(0, logits) - logits * batch["label"]

            def update(state, batch, key):
                found, slope = jax.value_and_grad(
                    lambda params: jnp.mean(losses(params, batch))
                )(state.params)
                rate = state.hyperparameters["rate"]
                params = jax.tree.map(lambda p, g: p - rate * g, state.params, slope)
                return state._replace(params=params), {"loss": mean(found)}

            def evaluate(state, batch, key):
                return {"loss": mean(losses(state.params, batch), batch["weight"])}

            source = dots(self.of)
            return Experiment(
                init, update, evaluate, self.steps, 8, "dots",
                data=Data({"train": source, "test": source}, shuffled_rows(40, 8)),
                watched=(), evaluate_every=10, offers={"features": features},
            )


    config = Classes()
"""
)

MAKER = (
    '''
    """A maker of dots, measured by the features of a classifier.

    Expected: nothing
    Time: 0 s
    """

'''
    + COMMON
    + """

    @dataclass(frozen=True)
    class Maker(Config):
        steps: Annotated[int, "steps"] = 40
        rate: Annotated[float, "step size"] = 0.1
        features: Annotated[
            str, "run whose features count", RunOf("alpha/classes", same_data=True)
        ] = "alpha/classes --seed 0"
        pretrained: Annotated[str, "run to start from", RunOf("alpha/maker"), Since("")] = ""

        def smoke(self):
            return replace(self, steps=8, features="alpha/classes --smoke")

        def make(self):
            raise RuntimeError("it cannot be made without a classifier")

        def make_with(self, inputs):
            classifier = inputs["features"]
            assert classifier.config.units == 3
            features = classifier.experiment.offers["features"]

            def init(key, hyperparameters, inputs):
                made = jax.random.normal(key, (6,))
                if self.pretrained:
                    made = inputs["pretrained"].params["made"]
                return State({"made": made}, hyperparameters)

            def distance(params, batch, inputs):
                theirs = features(inputs["features"], batch["x"])
                return jnp.sum((theirs - features(inputs["features"], params["made"])) ** 2, axis=1)

            def update(state, batch, key, inputs):
                found, slope = jax.value_and_grad(
                    lambda params: jnp.mean(distance(params, batch, inputs))
                )(state.params)
                rate = state.hyperparameters["rate"]
                params = jax.tree.map(lambda p, g: p - rate * g, state.params, slope)
                return state._replace(params=params), {"loss": mean(found)}

            def evaluate(state, batch, key, inputs):
                return {"loss": mean(distance(state.params, batch, inputs), batch["weight"])}

            def judge(state, evaluation, key, inputs):
                return {"size": float(jnp.sum(features(inputs["features"], state.params["made"])))}

            def predictor(inputs):
                return Predictor(
                    lambda state, own: {"mean": distance(state.params, own, inputs)[:, None]},
                    {"x": jax.ShapeDtypeStruct((1, 6), jnp.float32)},
                    Values("distance"),
                    lambda batch: ({"x": batch["x"]}, np.zeros((len(batch["x"]), 1))),
                    lambda word: Own(word, {"x": np.float32([word.split(",")])}),
                    "six numbers",
                )

            source = dots("dots")
            return Experiment(
                init, update, evaluate, self.steps, 8, "dots",
                data=Data({"train": source, "test": source}, shuffled_rows(40, 8)),
                watched=("test",), evaluate_every=10, judge=judge, offers={"predict": predictor},
            )


    config = Maker()
"""
)
