"""What one digest on every x86-64 CPU costs: AVX2 for all, against all that this CPU has.

    python -m benchmarks.instruction_set

Named experiments at their own settings in the compiled loop, as a launched run has them, and the
same with the compiler's and the kernels' own choice of instructions. All take turns, round by
round. Experiments whose data set is not prepared here are left out. Leave the machine alone while
it runs.
"""

from __future__ import annotations

import argparse

from benchmarks.rivals import encore
from benchmarks.spread import median_and_range, ratios
from benchmarks.table import machine, table
from benchmarks.worker import interleave

NAMES = (
    "vision/digits_cnn",
    "vision/fashion_mnist_cnn",
    "vision/mnist_mlp",
    "rl/cartpole_ppo",
    "rl/cartpole_dqn",
    "rl/pendulum_sac",
    "rl/breakout_ppo",
    "sequence/sine_rnn",
    "sequence/lstm_ten_steps",
    "sequence/wavenet_ten_steps",
    "sequence/char_rnn_stateful",
    "sequence/char_transformer_small",
)
SETTLED: dict[str, str] = {}
AS_IT_COMES = {
    "XLA_FLAGS": "--xla_cpu_max_isa=AMX --xla_cpu_enable_platform_dependent_math=true",
    "ONEDNN_MAX_CPU_ISA": "ALL",
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--names", nargs="*", default=NAMES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="about the length of a round")
    options = parser.parse_args()
    print(machine(), flush=True)
    lines = []
    for name in options.names:
        settled, free = (
            encore(name, name, {}, options.seconds, environment=kind)
            for kind in (SETTLED, AS_IT_COMES)
        )
        interleave((settled, free), options.rounds)
        if settled.reason or free.reason:
            lines.append([name, settled.reason or free.reason, "—", "—"])
            continue
        rates = [median_and_range(worker.rates) for worker in (settled, free)]
        lines.append([name, *rates, median_and_range(ratios(settled.rates, free.rates))])
    print(f"\n{options.rounds} rounds of about {options.seconds:g} s, in turn\n")
    head = ["experiment", "AVX2, items/s", "all that there is, items/s", "AVX2 is × as fast"]
    print(table(head, lines))


if __name__ == "__main__":
    main()
