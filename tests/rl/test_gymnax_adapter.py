"""CartPole through the adapter, and gymnax without its plotting libraries until it draws."""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.environments.registered import make_environment


@pytest.fixture(scope="module")
def cartpole():
    return make_environment("CartPole-v1")


def _at(state, position, time=0):
    """The environment's state at a given place and time."""
    x, x_dot, theta, theta_dot = (jnp.float32(value) for value in position)
    return state.replace(x=x, x_dot=x_dot, theta=theta, theta_dot=theta_dot, time=jnp.int32(time))


def test_what_it_is(cartpole):
    assert (cartpole.actions, cartpole.longest_episode) == (2, 500)


def test_a_vector_is_no_number_of_an_action():
    with pytest.raises(ValueError, match="Pendulum-v1 are not discrete"):
        _ = make_environment("Pendulum-v1").actions


@pytest.mark.parametrize(
    ("position", "time", "terminated", "truncated"),
    [
        ((0.0, 0.0, 0.0, 0.0), 10, False, False),
        ((0.0, 0.0, 0.0, 0.0), 499, False, True),
        ((2.39, 3.0, 0.0, 0.0), 10, True, False),
        ((2.39, 3.0, 0.0, 0.0), 499, True, False),
    ],
)
def test_endings(cartpole, position, time, terminated, truncated):
    """The time limit truncates; a fall terminates, also on the last step; either resets."""
    state, _ = cartpole.reset(jax.random.key(0))
    after, shown = cartpole.step(jax.random.key(1), _at(state, position, time), jnp.int32(1))
    assert (bool(shown.terminated), bool(shown.truncated)) == (terminated, truncated)
    expected = np.array(position) + 0.02 * np.array([position[1], 0, position[3], 0])
    np.testing.assert_allclose(shown.final_observation[jnp.array([0, 2])], expected[[0, 2]], 1e-5)
    if terminated or truncated:
        assert int(after.time) == 0
        assert float(jnp.max(jnp.abs(shown.observation))) <= 0.05
        assert float(jnp.max(jnp.abs(shown.final_observation))) > 0.05
    else:
        assert int(after.time) == time + 1
        np.testing.assert_array_equal(shown.observation, shown.final_observation)


BROUGHT = ("seaborn", "matplotlib.pyplot", "pandas", "scipy.stats")


def found_after(*lines: str) -> list[str]:
    """Which of `BROUGHT` a process of its own has imported after these lines."""
    shown = f"print(*(name for name in {BROUGHT} if name in sys.modules))"
    program = "\n".join(("import sys", *lines, shown))
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


MAKE = (
    "from research.rl.environments.registered import make_environment",
    "make_environment('CartPole-v1')",
)


def test_an_environment_is_made_without_them():
    assert found_after(*MAKE) == []


def test_gymnax_alone_brings_them():
    assert set(found_after("import gymnax")) == set(BROUGHT)


def test_what_draws_finds_them_and_others_import_the_real_ones():
    drawn = found_after(
        *MAKE,
        "from gymnax.environments.misc import pong",
        "assert len(pong.sns.color_palette('cubehelix', 3)) == 3",
        "import seaborn, matplotlib.pyplot",
        "assert seaborn.__file__ and matplotlib.pyplot.__file__",
    )
    assert set(drawn) == set(BROUGHT)
