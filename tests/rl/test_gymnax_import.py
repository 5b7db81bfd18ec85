"""What importing gymnax brings in, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import json, sys, jax, flax.linen
from research.rl.gymnax_import import import_gymnax
gymnax = import_gymnax() if {ours} else __import__("gymnax")
loaded = [name for name in ("pandas", "scipy.stats") if name in sys.modules]
import seaborn
print(json.dumps([loaded, gymnax.make("CartPole-v1")[0].name, len(seaborn.color_palette("dark", 3))]))
"""


def probe(*, ours: bool) -> list:
    ran = subprocess.run(
        [sys.executable, "-c", PROBE.format(ours=ours)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(ran.stdout)


def test_gymnax_comes_without_its_plotting_and_plots_still_work():
    assert probe(ours=True) == [[], "CartPole-v1", 3]
    # The negative control: by itself it brings what that needs.
    assert probe(ours=False)[0] == ["pandas", "scipy.stats"]
