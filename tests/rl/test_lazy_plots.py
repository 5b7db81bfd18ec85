"""gymnax comes without its plotting libraries, and finds them when it draws."""

import subprocess
import sys

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
