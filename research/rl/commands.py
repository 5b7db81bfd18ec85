"""The commands of reinforcement learning: `play` and `evaluate` a trained policy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from research.engine.result import spread
from research.errors import Exit, Mistake
from research.options.command import Command, Context, Outcome, parse, require
from research.options.ranges import COUNT, PATH
from research.options.terminal import make_console
from research.runs.names import RUN
from research.runs.reported import DrawOptions, Reported, open_reported
from research.runs.spelling import spell_figure

if TYPE_CHECKING:
    from research.rl.evaluation import EpisodeReturns
    from research.rl.playing import Played

FILM = "play.gif"
"""The film's name in a run's directory."""


def open_actor(text: str, options: DrawOptions, context: Context) -> Reported:
    """The state that a run reports, with what it does in its environment: `offer` is an agent."""
    lack = "has no policy: it does not act in an environment"
    actor = open_reported(text, options, context, "agent", lack)
    actor.facts["environment"] = actor.offer.environment.name
    return actor


@dataclass(frozen=True)
class PlayOptions(DrawOptions):
    """Options of `play`."""

    episodes: Annotated[int, "how many, one after another in the film", COUNT] = 1
    stochastic: Annotated[bool, "draw actions from the policy, not its most probable ones"] = False
    to: Annotated[
        str, "the film: FILE.gif, or FILE.mp4 with ffmpeg [play.gif in the run]", PATH
    ] = ""

    def validate(self) -> list[str]:
        """What is wrong with the options, a message each."""
        from research.report.pictures import film_problems

        return super().validate() + film_problems(self.to)


def execute_play(tokens: Sequence[str], context: Context) -> Outcome:
    """Play, print the returns, and write the film."""
    (text,), options = parse(PLAY, tokens)
    actor = open_actor(text, options, context)
    from research.engine import keys
    from research.report.pictures import write_film
    from research.rl.playing import film, play

    key = keys.stream(options.seed, "play")
    environment = actor.offer.environment
    played = play(actor.offer, actor.state, key, options.episodes, stochastic=options.stochastic)
    returns = [one.episode_return for one in played]
    _print_played(actor, played, options, context)
    picture: Path | None = None
    console = make_console(context.human)
    if environment.renderer:
        picture = Path(options.to) if options.to else actor.run / FILM
        write_film(picture, film(played, environment.renderer))
        console.print(f"film: {picture}", soft_wrap=True)
    else:
        console.print(f"note: nothing draws {environment.name}: there is no film", style="yellow")
    return Outcome(
        {
            **actor.facts,
            "seed": options.seed,
            "stochastic": options.stochastic,
            "episodes": [
                {"return": one.episode_return, "length": one.length, "finished": one.finished}
                for one in played
            ],
            "mean": spread(returns).mean,
            "standard_deviation": spread(returns).standard_deviation,
            "film": None if picture is None else str(picture),
        }
    )


def _print_played(
    actor: Reported, played: Sequence[Played], options: PlayOptions, context: Context
) -> None:
    console = make_console(context.human)
    how = "actions drawn from the policy" if options.stochastic else "most probable actions"
    where = actor.offer.environment.name
    console.print(f"{actor.name}, step {actor.step:,}", style="bold")
    console.print(f"  {where}, {how}, seed {options.seed}")
    for number, one in enumerate(played, 1):
        cut = "" if one.finished else ", not ended"
        console.print(
            f"  episode {number:<4} return {one.episode_return:>10g}   {one.length:,} steps{cut}"
        )
    returns = spread([one.episode_return for one in played])
    if returns.standard_deviation is not None:
        console.print(
            f"  mean of {returns.n}: {spell_figure(returns.mean)}, "
            f"standard deviation {spell_figure(returns.standard_deviation)}",
            style="green",
        )


PLAY = Command(
    name="play",
    summary="watch a trained policy: whole episodes, their returns, and a film",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, plays whole episodes with the most probable actions
    of its policy (or with actions drawn from it: --stochastic), and prints the return and length of
    each; of several, the mean and the standard deviation too. Nothing of the run is changed, and
    what is drawn depends on --seed alone: the same command plays the same episodes.

    Where something draws the environment (CartPole, Acrobot, Pendulum, both mountain cars, mazes),
    the episodes are a film, one after another: a GIF, or an MP4 where ffmpeg is installed. Other
    environments are played without one.

    A recorded run (below records/) has figures and no checkpoints: run it again first.""",
    arguments=(RUN,),
    options=PlayOptions,
    examples=(
        ("play cartpole_ppo", "one episode of the only run of that experiment, as a film"),
        ("play cartpole_ppo --episodes 5 --stochastic", "five, with actions as in training"),
        ("play 3f2a-s0 --seed 7 --to seven.gif", "another start, to a file of its own"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute_play,
    works=True,
)


@dataclass(frozen=True)
class EvaluateOptions(DrawOptions):
    """Options of `evaluate`."""

    in_: Annotated[Literal["encore", "gymnasium"], "whose environment"] = "encore"
    episodes: Annotated[int, "episodes of either kind: best actions, and drawn ones", COUNT] = 64


def execute_evaluate(tokens: Sequence[str], context: Context) -> Outcome:
    """Play many episodes and tell what they come to."""
    (text,), options = parse(EVALUATE, tokens)
    actor = open_actor(text, options, context)
    played, whose = _evaluate(actor, options)
    kinds = {
        "greedy": summary_of(played, slice(None, options.episodes)),
        "stochastic": summary_of(played, slice(options.episodes, None)),
    }
    _print_evaluated(actor, whose, kinds, options, context)
    return Outcome(
        {
            **actor.facts,
            "in": options.in_,
            "seed": options.seed,
            "episodes": options.episodes,
            **kinds,
        }
    )


def _evaluate(actor: Reported, options: EvaluateOptions) -> tuple[EpisodeReturns, str]:
    """The episodes, and whose environment it was.

    Raises:
        Mistake: gymnasium is not there, or does not have that environment.
    """
    if options.in_ == "encore":
        from research.engine import keys
        from research.rl.playing import count

        key = keys.stream(options.seed, "play")
        return count(actor.offer, actor.state, key, options.episodes), "Encore"
    from research.rl.gymnasium_evaluation import NAMES, play_in_gymnasium

    name = actor.offer.environment.name
    if name not in NAMES:
        raise Mistake(
            f"evaluate: --in gymnasium: {name} is none of gymnasium's own that are the same here: "
            f"{', '.join(NAMES)}"
        )
    gymnasium = require("gymnasium", "evaluate: --in gymnasium", pin=">=1.2")
    played = play_in_gymnasium(actor.offer, actor.state, options.seed, options.episodes)
    return played, f"gymnasium {gymnasium.__version__}"


def summary_of(played: EpisodeReturns, part: slice) -> dict[str, Any]:
    """What the returns of some episodes on the host come to, in JSON values.

    Episodes that did not end are counted and not averaged.
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


def _print_evaluated(
    actor: Reported,
    whose: str,
    kinds: dict[str, dict[str, Any]],
    options: EvaluateOptions,
    context: Context,
) -> None:
    console = make_console(context.human)
    console.print(f"{actor.name}, step {actor.step:,}", style="bold")
    console.print(
        f"  {actor.offer.environment.name} of {whose}, {options.episodes} episodes of either kind, "
        f"seed {options.seed}"
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
            soft_wrap=True,
        )  # fmt: skip


EVALUATE = Command(
    name="evaluate",
    summary="judge a trained policy anew, in Encore's environment or in gymnasium's own",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, and plays many new whole episodes, half of them
    with the most probable actions of its policy and half with actions drawn from it. It prints the
    mean return of either, its 95 % interval over episodes (Student's t), the standard deviation,
    the smallest and the largest.

    Encore's environments are gymnax's, compiled for the accelerator. With --in gymnasium the policy
    acts in gymnasium's own instead (CartPole-v1, Acrobot-v1, MountainCar-v0, Pendulum-v1,
    MountainCarContinuous-v0): if it does as well there, it has learned the task and not a quirk of
    one implementation. Actions between bounds are clipped or scaled as they were in training.

    An interval over the episodes of one run says nothing of other seeds: for those, `run NAME
    --seeds N` and `compare`.""",
    arguments=(RUN,),
    options=EvaluateOptions,
    examples=(
        ("evaluate cartpole_ppo", "64 episodes of either kind, with new starts"),
        ("evaluate cartpole_ppo --in gymnasium", "the same in gymnasium's environment"),
        ("evaluate 3f2a-s0+8-w8 --member 3 --json", "one of a population, for a program"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute_evaluate,
    works=True,
)
