"""`play` and `evaluate` on an experiment whose environment is a few lines long."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from PIL import Image

from research.cli.main import main
from research.errors import Exit
from tests.cli.test_run_commands import TINY, call

ROOT = Path(__file__).resolve().parents[2]
ACTOR = '''
    """Counts to three; an action of 1 pays what the state has learned."""

    from __future__ import annotations

    from dataclasses import dataclass, replace
    from typing import Annotated, NamedTuple

    import jax
    import jax.numpy as jnp
    import numpy as np

    from research.engine.experiment import Experiment
    from research.engine.metrics import mean
    from research.options.config import Config
    from research.rl.policy import reactive
    from research.rl.distributions import Categorical
    from research.rl.environments.interface import Discrete, Environment, Renderer, TimeStep


    class State(NamedTuple):
        logits: jax.Array
        hyperparameters: dict


    @dataclass(frozen=True)
    class Probe(Config):
        steps: Annotated[int, "steps"] = 4
        drawn: Annotated[bool, "whether it is drawn"] = True
        longest: Annotated[int, "steps of an episode at most"] = 9
        title: Annotated[str, "of the environment"] = "three"
        rate: Annotated[float, "how far a step goes"] = 1.0

        def smoke(self):
            return replace(self, steps=2)

        def make(self):
            def reset(key):
                return jnp.int32(0), jnp.zeros(1)

            def step(key, time, action):
                done = time == 2
                after = jnp.where(done, 0, time + 1)
                seen = jnp.float32(time + 1)[None]
                return after, TimeStep(
                    jnp.where(done, 0.0, seen), jnp.float32(action), done, jnp.bool_(False), seen
                )

            renderer = Renderer(
                lambda seen: np.broadcast_to(seen[:, :, None], (len(seen), 3, 5)).astype(np.uint8),
                np.arange(12, dtype=np.uint8).reshape(4, 3) * 20, 0.1,
            )
            environment = Environment(
                self.title, reset, step, (1,), Discrete(2), self.longest, None,
                renderer if self.drawn else None,
            )

            def init(key, hyperparameters):
                return State(jnp.zeros(2), hyperparameters)

            def update(state, batch, key):
                logits = state.logits + state.hyperparameters["rate"] * jnp.array([-0.1, 0.1])
                return state._replace(logits=logits), {"loss": mean(jnp.float32(0))}

            def evaluate(state, batch, key):
                return {"episode_return": mean(state.logits[1])}

            def act(state, seen):
                return Categorical(seen * 0 + state.logits)

            return Experiment(
                init, update, evaluate, self.steps, 1, "steps",
                watched=("evaluation",), final=("evaluation",),
                offers={"agent": reactive(environment, act)},
            )


    config = Probe()
'''


@pytest.fixture
def actor(project):
    project.add("alpha/actor", ACTOR)
    (project.root / "research").symlink_to(ROOT / "research")
    return project


def refused(capsys, *tokens):
    assert main(list(tokens)) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err


def test_a_policy_is_played_told_and_drawn(actor, capsys):
    _, run, _ = call(capsys, "run", "actor")
    code, told, err = call(capsys, "play", "actor", "--episodes", "2")
    assert code == 0 and told["run_dir"] == run["run_dir"] and told["step"] == 4
    # The most probable action is 1, which pays 1 in each of three steps.
    assert told["episodes"] == [{"return": 3.0, "length": 3, "finished": True}] * 2
    assert (told["mean"], told["standard_deviation"]) == (3.0, 0.0)
    film = Path(run["run_dir"]) / "play.gif"
    assert told["film"] == str(film) and f"film: {film}" in err.replace("\n", "")
    with Image.open(film) as image:
        assert image.n_frames >= 7 and image.size == (5, 3)
        assert image.convert("RGB").getpixel((0, 0)) == (0, 20, 40)
    assert "alpha/actor, seed 0, step 4" in err and "mean of 2: 3" in err


def test_drawn_actions_follow_the_seed_and_the_run_stays_whole(actor, capsys):
    call(capsys, "run", "actor")
    first, again, other = (
        call(capsys, "play", "actor", "--stochastic", "--episodes", "40", "--seed", seed)[1]
        for seed in ("1", "1", "2")
    )
    assert first["episodes"] == again["episodes"] != other["episodes"]
    # Four steps of .1 make the logits ±.4: three draws of 1 / (1 + e^-.8) = .69.
    assert first["mean"] == pytest.approx(3 * 0.69, abs=5 * first["standard_deviation"] / 40**0.5)
    assert {e["return"] for e in first["episodes"]} > {1.0, 3.0}
    code, verdict, _ = call(capsys, "verify", "actor")
    assert code == 0 and verdict["verified"]


def test_members_of_a_population_play_each_for_itself(actor, capsys):
    call(capsys, "run", "actor", "--seeds", "2", "--rate=-1.0,1.0")
    returns = [
        call(capsys, "play", "actor", "--member", str(k))[1]["episodes"][0]["return"]
        for k in range(4)
    ]
    assert returns == [0.0, 0.0, 3.0, 3.0]
    _, told, err = call(capsys, "evaluate", "actor", "--member", "3", "--episodes", "8")
    assert told["run_seed"] == 1 and told["hyperparameters"] == {"rate": 1.0}
    assert "member 3 of 4" in err
    assert "--member must lie in 0 to 3, not 4" in refused(capsys, "play", "actor", "--member", "4")


def test_without_a_renderer_returns_are_told(actor, capsys):
    call(capsys, "run", "actor", "--no-drawn")
    code, told, err = call(capsys, "play", "actor", "--to", "x.gif")
    assert code == 0 and told["film"] is None and told["mean"] == 3.0
    assert "nothing draws three" in err and not Path("x.gif").exists()


def test_evaluation_tells_either_kind(actor, capsys):
    call(capsys, "run", "actor")
    code, told, err = call(capsys, "evaluate", "actor", "--episodes", "400")
    assert code == 0 and told["in"] == "encore" and told["greedy"]["mean"] == 3.0
    drawn = told["stochastic"]
    half = (drawn["high"] - drawn["low"]) / 2
    assert abs(drawn["mean"] - 3 * 0.69) < 3 * half and drawn["episodes"] == 400
    assert (drawn["smallest"], drawn["largest"], drawn["mean_length"]) == (0.0, 3.0, 3.0)
    assert "most probable actions" in err and "standard deviation" in err


def test_episodes_that_do_not_end_are_counted_and_not_averaged(actor, capsys):
    call(capsys, "run", "actor", "--longest", "2")
    _, told, err = call(capsys, "evaluate", "actor", "--episodes", "5")
    assert told["greedy"]["unfinished"] == 5 and told["greedy"]["episodes"] == 0
    assert "5 not ended" in err
    _, told, _ = call(capsys, "play", "actor")
    assert told["episodes"] == [{"return": 2.0, "length": 2, "finished": False}]


def test_in_gymnasium_needs_an_environment_of_its_and_the_package(actor, capsys, monkeypatch):
    call(capsys, "run", "actor")
    says = refused(capsys, "evaluate", "actor", "--in", "gymnasium")
    assert "three is none of gymnasium's" in says and "CartPole-v1" in says
    _, run, _ = call(capsys, "run", "actor", "--title", "CartPole-v1")
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    says = refused(capsys, "evaluate", run["run_dir"], "--in", "gymnasium")
    assert "pip install 'gymnasium" in says


def test_a_run_without_checkpoints_says_how_to_make_it_again(actor, capsys):
    _, run, _ = call(capsys, "run", "actor", "--seed", "3", "--steps", "5")
    for path in sorted((Path(run["run_dir"]) / "checkpoints").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for command in ("play", "evaluate"):
        says = refused(capsys, command, "actor")
        assert "no whole checkpoint" in says
        assert "python launch.py run alpha/actor --seed 3 --steps 5\n" in says


def test_a_damaged_checkpoint_is_passed_over(actor, capsys):
    _, run, _ = call(capsys, "run", "actor", "--save-every", "1")
    newest = Path(run["run_dir"]) / "checkpoints" / "4" / "manifest.json"
    newest.write_text(newest.read_text()[:-1])
    _, told, _ = call(capsys, "play", "actor")
    assert told["step"] == 3 and newest.exists()


def test_what_has_no_policy_says_so(actor, capsys):
    actor.add("alpha/tiny", TINY)
    call(capsys, "run", "tiny")
    assert "alpha/tiny has no policy" in refused(capsys, "play", "tiny")


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        (["play"], "RUN is missing"),
        (["play", "x", "--episodes", "0"], "--episodes must be at least 1"),
        (["play", "x", "--seed", "-1"], "--seed must be at least 0 and at most 4294967295, not -1"),
        (["play", "x", "--to", "x.png"], ".gif and .mp4 can be written"),
        (["play", "x", "--to", "none/x.gif"], "there is no folder none"),
        (["play", "x", "--to", "x.mp4"], "needs the program ffmpeg, which is not there; x.gif"),
        (["evaluate", "x", "--in", "gym"], "one of encore, gymnasium"),
        (["evaluate", "x", "--episodes", "0"], "--episodes must be at least 1"),
        (["evaluate", "actr"], "did you mean"),
    ],
)
def test_mistakes_are_one_message(actor, capsys, monkeypatch, tokens, says):
    monkeypatch.setenv("PATH", "/nowhere")
    if says == "did you mean":
        call(capsys, "run", "actor")
    assert says in refused(capsys, *tokens)


def test_an_mp4_is_what_ffmpeg_makes_of_the_frames(actor, capsys, monkeypatch, tmp_path):
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, sys; from pathlib import Path\n"
        "if sys.argv[-1] == 'bad.mp4': sys.exit('no such codec')\n"
        "words = {'words': sys.argv[1:], 'bytes': list(sys.stdin.buffer.read())}\n"
        "Path(sys.argv[-1]).write_text(json.dumps(words))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    call(capsys, "run", "actor")
    code, told, _ = call(capsys, "play", "actor", "--to", "x.mp4")
    assert code == 0 and told["film"] == "x.mp4"
    made = json.loads(Path("x.mp4").read_text())
    assert {"5x3", "rgb24"} <= set(made["words"]) and made["words"][-1] == "x.mp4"
    # Four frames of three rows and five columns, the number of each being its colour.
    assert made["bytes"] == [
        20 * (3 * n + c) for n in range(4) for _ in range(15) for c in range(3)
    ]
    assert "no such codec" in refused(capsys, "play", "actor", "--to", "bad.mp4")


@pytest.mark.slow
def test_a_pole_that_was_learned_here_stands_in_gymnasium_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "run", "rl/cartpole_ppo", "--no-report")[0] == 0
    _, told, _ = call(capsys, "evaluate", "cartpole_ppo", "--in", "gymnasium")
    assert told["greedy"]["mean"] >= 495 and told["greedy"]["episodes"] == 64


def test_another_checkpoint_can_be_played(actor, capsys):
    """With a rate below 0 what is evaluated falls: the first evaluation is the best."""
    call(capsys, "run", "actor", "--rate=-1.0", "--steps", "6", "--evaluate-every", "1")
    for which, step in {"": 6, "last": 6, "best": 1, "5": 5}.items():
        chosen = ("--checkpoint", which) if which else ()
        code, told, _ = call(capsys, "play", "actor", *chosen)
        assert code == 0 and told["step"] == step
        code, told, _ = call(capsys, "evaluate", "actor", "--episodes", "2", *chosen)
        assert code == 0 and told["step"] == step
    says = refused(capsys, "play", "actor", "--checkpoint", "2")
    assert "step 2 of" in says and "stored are those of steps 1, 4, 5, 6" in says.replace("\n", " ")
    says = refused(capsys, "evaluate", "actor", "--checkpoint", "newest")
    assert "--checkpoint must be best, last, or a step, not newest" in says
