"""The code of docs/data.md, from a person's files to a trained net, run as it stands there."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from research.data.columns import is_text
from research.data.feed import open_feed
from research.data.file_sets.files import Files
from research.data.formats.csv_files import CSV
from research.data.order import shuffled_rows, steps_per_epoch
from research.data.sources.arrays import ArraySource
from research.data.sources.portions import split
from research.engine import metrics
from research.engine.experiment import Data, state_shapes, traced
from research.engine.keys import stream
from research.errors import Mistake
from research.export.describing import read_outputs
from research.options.catalog import ROOT, load, read
from research.options.config import make_experiment
from research.prediction import place_of
from research.sequence.classification.own_texts import OwnTexts
from research.tabular.own_table import OwnClassification, OwnRegression, TableStatistics
from research.vision.own_images import OwnImages
from tests.data.own_files import BLOCKS, PAGE, ROWS, write_all

FORMATS = {
    *("houses", "photos", "clothing", "cifar", "records", "arrays", "shards", "species", "array"),
    *("reviews", "lines"),
}
REACHED = {"houses": 25.0, "array": 1.0}
"""The error that a regression must not reach; a classifier is to be right nine times in ten."""


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("own")
    write_all(place / "data")
    return place


@pytest.fixture
def here(written, monkeypatch) -> Path:
    monkeypatch.chdir(written)
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(written / "cache"))
    return written


def config_of(name: str):
    names: dict[str, object] = {"__name__": f"experiments.own.{name}"}
    exec(compile(BLOCKS[name], f"{name}.py", "exec"), names)
    return names["config"]


def test_each_is_five_lines_below_a_sentence():
    assert BLOCKS.keys() == FORMATS
    for code in BLOCKS.values():
        sentence, *statements = ast.parse(code).body
        assert isinstance(sentence, ast.Expr) and len(statements) <= 5
        assert max(map(len, code.splitlines())) <= 100


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("photos", "lines") else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(FORMATS)
    ],
)
def test_each_makes_an_experiment_of_its_files(here, name):
    experiment = make_experiment(config_of(name).smoke())
    state = state_shapes(experiment)
    with open_feed(experiment.data, "streamed", workers=0) as feed:
        window = next(feed.windows(0, 0, 1))
        batch = feed.batch(window.arrays, np.uint32(0), np.int32(0))
        jax.eval_shape(experiment.update, state, batch, jax.random.key(0))
        evaluated = next(feed.evaluation("test"))
        jax.eval_shape(experiment.evaluate, state, evaluated, jax.random.key(0))
        assert len(set(feed.digests().values())) == 3
    sizes = [len(source) for source in experiment.data.splits.values()]
    assert sum(sizes) == ROWS and min(sizes) >= 20
    predictor = experiment.offers["predict"]
    inputs, truth = predictor.split(jax.device_get(evaluated))
    assert {n: (v.dtype, v.shape[1:]) for n, v in inputs.items() if n != "token"} == {
        n: (v.dtype, v.shape[1:]) for n, v in predictor.examples.items() if n != "token"
    }
    assert len(truth) == len(evaluated["weight"])


@pytest.mark.usefixtures("plainly_compiled")
def test_a_table_is_learned(here):
    experiment = make_experiment(config_of("houses"))
    with open_feed(experiment.data, "resident") as feed:
        (window,) = feed.windows(0, 0, 80)
        state = experiment.init(stream(0, "init"), traced(experiment.hyperparameters))

        @jax.jit
        def advance(state, step):
            batch = feed.batch(window.arrays, np.uint32(0), step)
            return experiment.update(state, batch, jax.random.key(0))[0]

        def error(state):
            sums = jax.jit(experiment.evaluate)(state, *feed.evaluation("test"), jax.random.key(0))
            return float(metrics.read(sums)["mae"])

        before = error(state)
        for step in range(80):
            state = advance(state, np.int32(step))
        assert error(state) < before / 3
    # What was not known, and a category, as a person has them.
    own_row = experiment.offers["predict"].read
    own = own_row('{"rooms": 5, "age": null, "place": "bay"}')
    other = own_row("data/houses-0.csv:1")
    assert own.inputs["place"] != own_row('{"rooms": 5, "age": 1, "place": "moon"}').inputs["place"]
    assert np.isnan(own.inputs["age"]) and np.isnan(other.inputs["age"])
    predict = experiment.offers["predict"].apply
    assert np.isfinite(predict(state, own.inputs)["mean"]).all()


@pytest.mark.parametrize("name", ["houses", "species"])
def test_who_has_the_exported_model_finds_a_texts_place_in_its_manifest(here, name):
    config = config_of(name)
    experiment = make_experiment(config)
    predictor = experiment.offers["predict"]
    reading = read_outputs(predictor, experiment)
    assert ("classes" in reading) == (name == "species")
    texts = {n: c for n, c in config.splits.test.load().items() if is_text(c)}
    inputs = experiment.data.splits["test"].load()
    for column, places in reading.get("categories", {}).items():
        found = [place_of(text.decode(), tuple(places)) for text in texts[column]]
        assert found == inputs[column].tolist() and len({*found}) > 1
    assert reading.get("categories", {}).keys() == texts.keys() - {config.target}
    assert name == "species" or reading["categories"]


def test_statistics_come_back_and_see_no_other_split(here):
    config = config_of("houses")
    experiment = make_experiment(config)
    kept = json.loads(json.dumps(experiment.needs["statistics"]))
    statistics = TableStatistics.restore(kept)
    assert statistics.keep() == experiment.needs["statistics"]
    again = make_experiment(config, lambda blind: blind.make_to_use({"statistics": kept}))
    assert again.data is None
    assert jax.tree.map(lambda leaf: leaf.shape, state_shapes(again)) == jax.tree.map(
        lambda leaf: leaf.shape, state_shapes(experiment)
    )
    train = config.splits.train
    hidden = train.load() | {}
    other = {name: column[:40] for name, column in hidden.items()}
    other["rooms"] = other["rooms"] + 1000
    moved = config.splits._replace(
        train=ArraySource("the same", hidden), test=ArraySource("others", other)
    )
    changed = make_experiment(OwnRegression(splits=moved, target="price"))
    assert changed.needs == experiment.needs
    moved = moved._replace(train=moved.test)  # The control.
    assert make_experiment(OwnRegression(splits=moved, target="price")).needs != experiment.needs


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda s: OwnRegression(splits=s, target="prise"), "has no column prise; it has age"),
        (lambda s: OwnRegression(splits=s, target="place"), "place is no column of numbers"),
        (lambda s: OwnRegression(splits=s, target="age"), "age, which is predicted, is missing"),
        (lambda s: OwnClassification(splits=s, target="price"), "holds neither whole numbers nor"),
        (
            lambda s: OwnRegression(splits=s, target="price", leave_out=("age", "rooms", "place")),
            "has no column but price",
        ),
        (lambda s: OwnImages(splits=s, label="place"), "no column 'image'; there are age, place"),
        (lambda s: OwnImages(splits=s, image="age", label="place"), r"column 'age' holds float64"),
        (lambda s: OwnTexts(splits=s, text="review", label="place"), "has no column 'review'"),
        (lambda s: OwnTexts(splits=s, text="age", label="place"), "column 'age' holds no texts"),
        (lambda s: OwnTexts(splits=s, text="place", label="age"), "holds neither whole numbers"),
    ],
)
def test_what_cannot_be_learned_is_named(here, made, message):
    splits = split(Files("data/houses-*.csv", CSV()))
    with pytest.raises(Mistake, match=message):
        make_experiment(made(splits))


def test_a_class_that_only_others_have_is_named(here):
    splits = split(Files("data/houses-*.csv", CSV()))
    odd = ArraySource("odd", {**splits.test.load(), "rooms": np.full(24, 99)})
    experiment = make_experiment(
        OwnClassification(splits=splits._replace(test=odd), target="rooms")
    )
    with pytest.raises(Mistake, match="odd: rooms 99 is none of the classes to be learned: 1, 2"):
        experiment.data.splits["test"].load()


def test_the_page_draws_and_mixes_as_it_says(here):
    """The other code of its sections, with what it names filled in."""
    found = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (drawing,) = [code for code in found if "def crop" in code]
    (mixing,) = [code for code in found if "mixed.steps" in code]
    from research.data.sources.mixed import Mixed

    photos = ArraySource(
        "photos", {"image": np.arange(30 * 784, dtype=np.int32).reshape(30, 28, 28)}
    )
    names = {"np": np, "photos": photos, "epochs": 3, "batch_size": 4, "Data": Data}
    names |= {"shuffled_rows": shuffled_rows, "Mixed": Mixed}
    exec(drawing, names)
    crops = names["train"].load()["image"]
    assert crops.shape == (90, 24, 24) and not np.array_equal(crops[:30], crops[30:60])
    assert isinstance(names["data"], Data)
    few = {
        name: ArraySource(name, {"x": np.zeros(n)}) for name, n in (("english", 30), ("code", 7))
    }
    exec(mixing, names | few)
    mixed = Mixed((few["english"], few["code"]), (7, 3))
    assert mixed.epoch == 43 and "have an epoch of 43 rows" in PAGE
    assert steps_per_epoch(43, 1) == mixed.steps(1)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    file = tmp_path / "photos.py"
    file.write_text(BLOCKS["photos"].replace("data/photos", str(tmp_path / "none")))
    with pytest.raises(Mistake, match=r"photos\.py cannot be used: .*none cannot be read as a fol"):
        load(read(file))


@pytest.fixture(scope="module")
def clone(tmp_path_factory, written) -> Path:
    root = tmp_path_factory.mktemp("clone")
    for folder in ("research", "experiments"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "launch.py", root / "launch.py")
    shutil.copytree(written / "data", root / "data")
    (root / "experiments" / "own").mkdir()
    for name, code in BLOCKS.items():
        (root / "experiments" / "own" / f"{name}.py").write_text(code)
    return root


def launch(root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "launch.py", *words], cwd=root, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_each_is_trained_by_its_command(clone, name):
    small = {
        OwnImages: ["--epochs", "40", "--channels", "8", "--side", "16", "--learning-rate", "3e-3"],
        OwnTexts: ["--epochs", "20"],
    }
    words = next((more for kind, more in small.items() if kind.__name__ in BLOCKS[name]), [])
    result = json.loads(launch(clone, "run", f"own/{name}", *words, "--json").splitlines()[-1])
    figures = result["metrics"]
    if name in REACHED:
        assert figures["test/mae"] < REACHED[name]
    else:
        assert figures["test/accuracy"] > 0.9
    assert "verified" in launch(clone, "verify", f"own/{name}")


@pytest.mark.slow
def test_the_commands_of_the_page_work(clone):
    (commands,) = re.findall(
        r"^```bash\n(python launch.py run own/houses .*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
    for command in commands.splitlines():
        _, _, *words = shlex.split(command, comments=True)
        assert launch(clone, *words)
