"""`evaluate`: how good a trained policy is, in Encore's environment or in gymnasium's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

from research.cli.acting import Actor, open_actor, out_of_range
from research.cli.command import Argument, Command, Context, Outcome, parse
from research.cli.pace import CHECKPOINT, RUNS_DIR, RunsDir
from research.cli.terminal import make_console
from research.engine.result import spread
from research.errors import Exit, Mistake
from research.options.ranges import ANY_SEED
from research.runs.spelling import spell_figure

if TYPE_CHECKING:
    from research.rl.evaluation import EpisodeReturns


@dataclass(frozen=True)
class Options:
    """Options of `evaluate`."""

    in_: Annotated[Literal["encore", "gymnasium"], "whose environment"] = "encore"
    episodes: Annotated[int, "episodes of either kind: best actions, and drawn ones"] = 64
    seed: Annotated[int, "of resets and draws; the run's own seed has no part in it", ANY_SEED] = 0
    checkpoint: Annotated[str, CHECKPOINT] = ""
    member: Annotated[int | None, "of a population, counted from 0 [the first]"] = None
    runs_dir: RunsDir = RUNS_DIR
    json: Annotated[bool, "print one JSON object, text goes to stderr"] = False

    def validate(self) -> list[str]:
        """What is out of range, a message each."""
        return out_of_range(self.seed, self.episodes, self.checkpoint)


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Play many episodes and tell what they come to."""
    (text,), options = parse(COMMAND, tokens)
    actor = open_actor(text, options.runs_dir, options.member, context, options.checkpoint)
    played, whose = _play(actor, options)
    kinds = {
        "greedy": summary_of(played, slice(None, options.episodes)),
        "stochastic": summary_of(played, slice(options.episodes, None)),
    }
    _print(actor, whose, kinds, options, context.human)
    return Outcome(
        {
            **actor.facts,
            "in": options.in_,
            "seed": options.seed,
            "episodes": options.episodes,
            **kinds,
        }
    )


def _play(actor: Actor, options: Options) -> tuple[EpisodeReturns, str]:
    """The episodes, and whose environment it was.

    Raises:
        Mistake: gymnasium is not there, or does not have that environment.
    """
    if options.in_ == "encore":
        from research.engine import keys
        from research.rl.playing import count

        key = keys.stream(options.seed, "play")
        return count(actor.agent, actor.state, key, options.episodes), "Encore"
    from research.rl.gymnasium_evaluation import NAMES, play_in_gymnasium

    name = actor.agent.environment.name
    if name not in NAMES:
        raise Mistake(
            f"evaluate: --in gymnasium: {name} is none of gymnasium's own that are the same here: "
            f"{', '.join(NAMES)}"
        )
    try:
        import gymnasium
    except ImportError:
        raise Mistake(
            "evaluate: --in gymnasium needs gymnasium: pip install 'gymnasium>=1.2'"
        ) from None
    played = play_in_gymnasium(actor.agent, actor.state, options.seed, options.episodes)
    return played, f"gymnasium {gymnasium.__version__}"


def summary_of(played: EpisodeReturns, part: slice) -> dict[str, Any]:
    """What the returns of some episodes come to, in JSON values.

    Args:
        played: on the host.
        part: which of them. Episodes that did not end are counted and not averaged.
    """
    ended = [bool(one) for one in played.finished[part]]
    returns = [
        float(value) if end else math.nan
        for value, end in zip(played.episode_return[part], ended, strict=True)
    ]
    found = spread(returns)
    whole = [value for value in returns if math.isfinite(value)]
    lengths = spread(
        [float(n) for n, end in zip(played.episode_length[part], ended, strict=True) if end]
    )
    return {
        "mean": found.mean,
        "standard_deviation": found.standard_deviation,
        "low": found.low,
        "high": found.high,
        "smallest": min(whole, default=math.nan),
        "largest": max(whole, default=math.nan),
        "mean_length": lengths.mean,
        "episodes": found.n,
        "unfinished": found.nonfinite,
    }


def _print(
    actor: Actor, whose: str, kinds: dict[str, dict[str, Any]], options: Options, file: TextIO
) -> None:
    console = make_console(file)
    console.print(f"{actor.name}, step {actor.step:,}", style="bold", markup=False)
    console.print(
        f"  {actor.agent.environment.name} of {whose}, {options.episodes} episodes of either kind, "
        f"seed {options.seed}",
        markup=False,
    )
    names = {"greedy": "most probable actions", "stochastic": "actions drawn"}
    for kind, found in kinds.items():
        between = ""
        if found["standard_deviation"] is not None:
            between = (
                f", 95 % interval {spell_figure(found['low'])} to {spell_figure(found['high'])}, "
                f"standard deviation {spell_figure(found['standard_deviation'])}, "
                f"{spell_figure(found['smallest'])} to {spell_figure(found['largest'])}"
            )
        lost = f", {found['unfinished']} not ended" if found["unfinished"] else ""
        console.print(
            f"  {names[kind]:21}  return {spell_figure(found['mean'])}{between}; "
            f"{spell_figure(found['mean_length'])} steps{lost}",
            markup=False, soft_wrap=True,
        )  # fmt: skip


COMMAND = Command(
    name="evaluate",
    summary="judge a trained policy anew, in Encore's environment or in gymnasium's own",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, and plays many whole episodes that the run has
    never seen, half of them with the most probable actions of its policy and half with actions
    drawn from it: the mean return of either, its 95 % interval over episodes (Student's t), the
    standard deviation, the smallest and the largest.

    Encore's environments are gymnax's, compiled for the accelerator. With --in gymnasium the policy
    acts in gymnasium's own instead (CartPole-v1, Acrobot-v1, MountainCar-v0, Pendulum-v1,
    MountainCarContinuous-v0): if it does as well there, it has learned the task and not a quirk of
    one implementation. Actions between bounds are clipped or scaled as they were in training.

    An interval over the episodes of one run says nothing of other seeds: for those, `run NAME
    --seeds N` and `compare`.""",
    arguments=(Argument("RUN", "a run's directory, or a part of its name that only one has"),),
    options=Options,
    examples=(
        ("evaluate cartpole_ppo", "64 episodes of either kind, with new starts"),
        ("evaluate cartpole_ppo --in gymnasium", "the same in gymnasium's environment"),
        ("evaluate 3f2a-s0+8-w8 --member 3 --json", "one of a population, for a program"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
    works=True,
)
