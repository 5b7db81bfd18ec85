"""A run that is given the state of another: settled once, kept, verified, and refused in words."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from research.cli import main as main_module
from research.cli.main import main
from research.engine import ledger
from research.engine.identity import read_identity
from research.errors import Exit
from tests.cli import processes
from tests.cli.conftest import Project
from tests.cli.processes import command, surroundings, wait_until
from tests.cli.test_run_commands import ROOT, TINY, call

CLASSES = '''
    """A classifier of dots, whose first layer gives features.

    Expected: nothing
    Time: 0 s
    """

    from __future__ import annotations

    from dataclasses import dataclass, replace
    from typing import Annotated, Literal, NamedTuple

    import jax
    import jax.numpy as jnp
    import numpy as np

    from research.data.order import shuffled_rows
    from research.data.sources import ArraySource
    from research.engine.experiment import Data, Experiment
    from research.engine.metrics import mean
    from research.options.config import Config


    class State(NamedTuple):
        params: dict
        hyperparameters: dict


    def dots(name):
        x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
        columns = {"x": x, "label": (x[:, 0] > 0).astype(np.int32)}
        return ArraySource(f"{name}/1.0.0 train", columns)


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
'''

MAKER = '''
    """A maker of dots, measured by the features of a classifier.

    Expected: nothing
    Time: 0 s
    """

    from __future__ import annotations

    from dataclasses import dataclass, replace
    from typing import Annotated, NamedTuple

    import jax
    import jax.numpy as jnp
    import numpy as np

    from research.data.order import shuffled_rows
    from research.data.sources import ArraySource
    from research.engine.experiment import Data, Experiment
    from research.engine.metrics import mean
    from research.options.config import Config
    from research.options.ranges import RunOf, Since


    class State(NamedTuple):
        params: dict
        hyperparameters: dict


    def dots(name):
        x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
        columns = {"x": x, "label": (x[:, 0] > 0).astype(np.int32)}
        return ArraySource(f"{name}/1.0.0 train", columns)


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

            source = dots("dots")
            return Experiment(
                init, update, evaluate, self.steps, 8, "dots",
                data=Data({"train": source, "test": source}, shuffled_rows(40, 8)),
                watched=("test",), evaluate_every=10, judge=judge,
            )


    config = Maker()
'''
RUN = ("run", "maker", "--no-report")
CLASSIFIER = "python launch.py run alpha/classes --seed 0"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a whole run of each of the two."""
    place = tmp_path_factory.mktemp("inputs")
    project = Project(place / "project")
    for name, text in {"alpha/classes": CLASSES, "alpha/maker": MAKER, "alpha/tiny": TINY}.items():
        project.add(name, text)
    (project.root / "research").symlink_to(ROOT / "research")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main_module, "ROOT", project.root)
        patch.chdir(place)
        patch.syspath_prepend(str(project.root))
        assert main(["run", "classes", "--no-report"]) == 0
        assert main([*RUN]) == 0
        yield project


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of the runs, in the current directory."""
    shutil.copytree(made.root.parent / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def the(here: Path, name: str) -> Path:
    (run,) = (here / "alpha" / name).iterdir()
    return run


def test_without_the_other_run_nothing_is_made(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, told, _ = call(capsys, *RUN)
    assert code == Exit.MISTAKE and told["error"].endswith(f"make it first\n  {CLASSIFIER}")
    assert not (tmp_path / "runs").exists()
    code, told, _ = call(capsys, *RUN, "--smoke")
    assert told["error"].endswith("make it first\n  python launch.py run alpha/classes --smoke")


def test_what_it_was_given_is_part_of_what_it_is(here, capsys):
    given, run = the(here, "classes"), the(here, "maker")
    identity, header = read_identity(run), ledger.read(run / "ledger.jsonl").header
    theirs = ledger.read(given / "ledger.jsonl").result()
    name = given.relative_to(here)
    assert identity.config["features"] == f"run:{name}@30#{theirs['digest'][:16]}"
    assert header["inputs"]["features"]["digest"] == theirs["digest"]
    assert "pretrained" not in identity.config

    # It is the same under another name of the same run, and another with another run.
    code, told, _ = call(capsys, *RUN, "--features", str(given))
    assert code == 0 and Path(told["run_dir"]).samefile(run)
    assert call(capsys, "run", "classes", "--seed", "1")[0] == 0
    code, other, _ = call(capsys, *RUN, "--features", "alpha/classes --seed 1")
    assert code == 0 and other["digest"] != told["digest"]
    assert not Path(other["run_dir"]).samefile(run)

    # Every command that tells of a run tells of it.
    assert call(capsys, "explain", "maker")[1]["parameter_count"] == 6
    content = identity.config["features"]
    assert call(capsys, "show", str(run))[1]["config"]["features"] == content
    rows = call(capsys, "runs", "maker")[1]["runs"]
    assert content in {row["config"]["features"] for row in rows}
    assert content in json.dumps(call(capsys, "compare", "maker")[1])
    assert main(["report", str(run)]) == 0
    assert content in (run / "report.html").read_text()


def test_a_killed_run_goes_on_and_is_verified_without_the_other(made, here, capsys):
    whole = the(here, "maker")
    wanted = ledger.read(whole / "ledger.jsonl").result()
    shutil.rmtree(whole)
    # Held open at its end by a signal, so that it is killed in the middle of its steps.
    words = [*RUN, "--save-every", "1", "--report-every", "1"]
    process = subprocess.Popen(
        command(made, *words), env=surroundings(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: list(here.glob("alpha/maker/*/checkpoints/1")), 600)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    shutil.rmtree(the(here, "classes"))
    (run,) = (here / "alpha" / "maker").iterdir()
    code, told, _ = call(capsys, "resume", str(run), "--no-report")
    assert code == 0 and told["digest"] == wanted["digest"]
    assert told["metrics"] == wanted["metrics"]
    code, told, _ = call(capsys, "verify", str(run))
    assert code == 0 and told["verified"]
    # The same command finds it too, though nobody could take the state any more.
    assert call(capsys, *RUN)[0] == 0
    code, told, _ = call(capsys, *RUN, "--seed", "1")
    assert code == Exit.MISTAKE and CLASSIFIER in told["error"]


def test_a_changed_copy_is_a_difference_named_as_such(here, capsys):
    run, given = the(here, "maker"), the(here, "classes")
    copy = run / "inputs" / "features" / "0"
    # A whole checkpoint, but of another step of the same run.
    shutil.rmtree(copy)
    shutil.copytree(given / "checkpoints" / "20", copy)
    code, told, _ = call(capsys, "verify", str(run))
    assert code == Exit.DIFFERENCE and told["findings"][0].startswith("changed input: ")
    assert "does not hold its input" in told["findings"][0] and CLASSIFIER in told["findings"][0]
    code, told, _ = call(capsys, "resume", str(run), "--no-report")
    assert code == Exit.DAMAGED and CLASSIFIER in told["error"]
    # The command that began it takes it anew from the other run.
    shutil.rmtree(run / "checkpoints")
    code, told, err = call(capsys, *RUN)
    assert code == 0 and "taken anew from the other run" in err
    assert call(capsys, "verify", str(run))[0] == 0  # control


def test_without_a_copy_the_other_run_is_asked(here, capsys):
    """As beside a recorded run, which keeps none."""
    run, given = the(here, "maker"), the(here, "classes")
    shutil.rmtree(run / "inputs")
    assert call(capsys, "verify", str(run))[0] == 0
    given.rename(here / "elsewhere")
    code, told, _ = call(capsys, "verify", str(run))
    assert code == Exit.MISTAKE and told["error"].endswith(f"make it first\n  {CLASSIFIER}")
    # What has another state under that name is no replacement.
    assert call(capsys, "run", "classes", "--seed", "1", "--no-report")[0] == 0
    next(given.parent.glob("*-s1")).rename(given)
    code, told, _ = call(capsys, "verify", str(run))
    assert code == Exit.DIFFERENCE and "does not hold its input" in told["findings"][0]


def test_the_other_run_has_another_state_later(here, capsys):
    run, given = the(here, "maker"), the(here, "classes")
    assert call(capsys, "run", "classes", "--seed", "1", "--no-report")[0] == 0
    (other,) = given.parent.glob("*-s1")
    # As after a change of code: the same run, other bits.
    header = ledger.read(given / "ledger.jsonl").lines[0].content
    lines = ledger.read(other / "ledger.jsonl").lines
    shutil.rmtree(given)
    other.rename(given)
    (given / "ledger.jsonl").unlink()
    chain = ledger.FIRST
    for line in lines:
        content = header if line.kind == "header" else line.content
        chain = ledger.append(given / "ledger.jsonl", line.kind, content, chain)
    code, told, err = call(capsys, *RUN)
    assert code == 0 and Path(told["run_dir"]).samefile(run)
    assert "--features: is given step 30" in err and "--restart begins anew" in " ".join(
        err.split()
    )
    code, anew, err = call(capsys, *RUN, "--restart")
    assert code == 0 and anew["digest"] != told["digest"] and not run.exists()


def damage(run):
    (run / "checkpoints" / "30" / "manifest.json").write_text("{}")


def cut(run):
    path = run / "ledger.jsonl"
    path.write_text(path.read_text().replace('"train/loss"', '"train/lost"', 1))


@pytest.mark.parametrize(
    ("before", "words", "code", "says"),
    [
        (("run", "tiny"), "tiny", Exit.MISTAKE, "a run of alpha/tiny; a run of alpha/classes is"),
        (
            ("run", "classes", "--seeds", "2"),
            "alpha/classes --seeds 2",
            Exit.MISTAKE,
            "is a population of 2; say whose state by --member behind it",
        ),
        (
            ("run", "classes", "--seeds", "2"),
            "alpha/classes --seeds 2 --member 2",
            Exit.MISTAKE,
            "--member must lie in 0 to 1, not 2",
        ),
        ((), "classes --member 0", Exit.MISTAKE, "--member: this is a run of one seed"),
        (
            ("run", "classes", "--seed", "1", "--until", "20"),
            "alpha/classes --seed 1",
            Exit.MISTAKE,
            "has not finished; `python launch.py resume",
        ),
        ((), "classes --digest 00", Exit.MISTAKE, ", and 00 is wanted"),
        ((), "classes --checkpoint first", Exit.MISTAKE, "must be best, last, or a step"),
        ((), "alpha/classes --stepz 3", Exit.MISTAKE, "there is no such option"),
        ((), "nothing-like-it", Exit.MISTAKE, "python launch.py run alpha/classes   makes one"),
        (
            ("run", "classes", "--of", "stripes"),
            "alpha/classes --of stripes",
            Exit.MISTAKE,
            "learned from stripes/1.0.0, and this experiment has dots/1.0.0",
        ),
        (cut, "classes", Exit.DAMAGED, "is damaged"),
        (damage, "alpha/classes --checkpoint 30", Exit.DAMAGED, "makes it again"),
    ],
)
def test_what_cannot_be_given_is_refused_before_anything_is_made(
    here, capsys, monkeypatch, before, words, code, says
):
    if callable(before):
        before(the(here, "classes"))
    elif before:
        assert call(capsys, *before, "--no-report")[0] in (0, Exit.STOPPED)
    monkeypatch.setattr("research.engine.program.Program._call", None)  # nothing is compiled
    runs = sorted((here / "alpha" / "maker").iterdir())
    found, told, _ = call(capsys, *RUN, "--seed", "5", "--features", words)
    assert found == code and says in told["error"] and "--features" in told["error"]
    assert sorted((here / "alpha" / "maker").iterdir()) == runs


def test_members_have_the_bits_of_their_own_runs(made, here, capsys):
    """Of a population that is given a state, and of one whose member's state is given."""
    digest = ledger.read(the(here, "maker") / "ledger.jsonl").result()["digest"]
    code, told, _ = call(capsys, *RUN, "--seeds", "2", "--exact")
    assert code == 0 and told["members"][0]["digest"] == digest
    assert call(capsys, "verify", told["run_dir"], "--member", "1")[0] == 0
    # In a process of its own, whose devices are settled before a state is read.
    done = processes.call("verify", told["run_dir"], "--devices", "2", project=made)
    assert done.returncode == 0, done.stderr
    assert call(capsys, "run", "classes", "--seeds", "2", "--exact", "--no-report")[0] == 0
    words = "alpha/classes --seeds 2 --exact --member 0"
    code, told, _ = call(capsys, *RUN, "--features", words)
    assert code == 0 and told["digest"] == digest
    assert "+2-w1[0]@30#" in read_identity(Path(told["run_dir"])).config["features"]
    code, told, _ = call(capsys, *RUN, "--seeds", "2", "--width", "2")
    assert code == 0 and told["members"][0]["digest"] != told["members"][1]["digest"]


def test_what_needs_no_state_needs_no_run(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "prepare", "maker")[1]["prepared"] == ["dots/1.0.0 train"] * 2
    code, told, _ = call(capsys, "sweep", "maker", "rate=0.1,0.2", "--metric", "test/loss")
    assert code == Exit.MISTAKE and "(--features), which a sweep cannot do yet" in told["error"]


def test_a_run_that_was_given_a_state_is_given_to_another(here, capsys):
    code, told, _ = call(capsys, *RUN, "--pretrained", "alpha/maker --rate 0.1", "--rate", "0.01")
    assert code == 0
    run = Path(told["run_dir"])
    first = ledger.read(run / "ledger.jsonl").header["inputs"]["pretrained"]
    assert first["inputs"]["features"]["run"] == the(here, "classes").relative_to(here).as_posix()
    from_scratch = call(capsys, *RUN, "--rate", "0.01")[1]
    assert from_scratch["digest"] != told["digest"]
    for other in (the(here, "classes"), here / first["run"]):
        shutil.rmtree(other)
    assert call(capsys, "verify", str(run))[0] == 0
    assert call(capsys, "resume", str(run), "--no-report")[0] == 0
