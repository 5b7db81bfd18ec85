"""`play`: episodes of a trained policy, told and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

from research.cli.acting import Actor, open_actor, out_of_range
from research.cli.command import Argument, Command, Context, Outcome, parse
from research.cli.film import film_problems, write_film
from research.cli.pace import CHECKPOINT, RUNS_DIR, RunsDir
from research.cli.terminal import make_console
from research.engine.result import Spread, spread
from research.errors import Exit
from research.options.ranges import ANY_SEED, PATH
from research.runs.spelling import spell_figure

if TYPE_CHECKING:
    from research.rl.playing import Played

FILM = "play.gif"
"""The film's name in a run's directory."""


@dataclass(frozen=True)
class Options:
    """Options of `play`."""

    seed: Annotated[int, "of resets and draws; the run's own seed has no part in it", ANY_SEED] = 0
    episodes: Annotated[int, "how many, one after another in the film"] = 1
    stochastic: Annotated[bool, "draw actions from the policy, not its most probable ones"] = False
    to: Annotated[
        str, "the film: FILE.gif, or FILE.mp4 with ffmpeg [play.gif in the run]", PATH
    ] = ""
    checkpoint: Annotated[str, CHECKPOINT] = ""
    member: Annotated[int | None, "of a population, counted from 0 [the first]"] = None
    runs_dir: RunsDir = RUNS_DIR
    json: Annotated[bool, "print one JSON object, text goes to stderr"] = False

    def validate(self) -> list[str]:
        """What is out of range, a message each."""
        return out_of_range(self.seed, self.episodes, self.checkpoint) + film_problems(self.to)


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Play, tell the returns, and write the film."""
    (text,), options = parse(COMMAND, tokens)
    actor = open_actor(text, options.runs_dir, options.member, context, options.checkpoint)
    from research.engine import keys
    from research.rl.playing import film, play

    key = keys.stream(options.seed, "play")
    agent = actor.agent
    played = play(agent, actor.state, key, options.episodes, stochastic=options.stochastic)
    returns = spread([one.episode_return for one in played])
    _print(actor, played, returns, options, context.human)
    picture: Path | None = None
    console = make_console(context.human)
    if agent.environment.renderer:
        picture = Path(options.to) if options.to else actor.run / FILM
        write_film(picture, film(played, agent.environment.renderer))
        console.print(f"film: {picture}", markup=False, soft_wrap=True)
    else:
        console.print(
            f"note: nothing draws {agent.environment.name}: there is no film",
            style="yellow", markup=False,
        )  # fmt: skip
    return Outcome(
        {
            **actor.facts,
            "seed": options.seed,
            "stochastic": options.stochastic,
            "episodes": [
                {
                    "return": one.episode_return,
                    "length": one.length,
                    "finished": one.finished,
                }
                for one in played
            ],
            "mean": returns.mean,
            "standard_deviation": returns.standard_deviation,
            "film": None if picture is None else str(picture),
        }
    )


def _print(
    actor: Actor, played: Sequence[Played], returns: Spread, options: Options, file: TextIO
) -> None:
    console = make_console(file)
    how = "actions drawn from the policy" if options.stochastic else "most probable actions"
    where = actor.agent.environment.name
    console.print(f"{actor.name}, step {actor.step:,}", style="bold", markup=False)
    console.print(f"  {where}, {how}, seed {options.seed}", markup=False)
    for number, one in enumerate(played, 1):
        cut = "" if one.finished else ", not ended"
        console.print(
            f"  episode {number:<4} return {one.episode_return:>10g}   {one.length:,} steps{cut}",
            markup=False,
        )
    if returns.standard_deviation is not None:
        console.print(
            f"  mean of {returns.n}: {spell_figure(returns.mean)}, "
            f"standard deviation {spell_figure(returns.standard_deviation)}",
            style="green", markup=False,
        )  # fmt: skip


COMMAND = Command(
    name="play",
    summary="watch a trained policy: whole episodes, their returns, and a film",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, plays whole episodes with the most probable actions
    of its policy (or with actions drawn from it: --stochastic), and tells the return and length of
    each; of several, the mean and the standard deviation too. Nothing of the run is changed, and
    what is drawn depends on --seed alone: the same command plays the same episodes.

    Where something draws the environment (CartPole, Acrobot, Pendulum, both mountain cars, mazes),
    the episodes are a film, one after another: a GIF, or an MP4 where ffmpeg is installed. Other
    environments are played all the same, and the returns are told.

    A run that was only recorded has figures and no checkpoints: it is to be run again first.""",
    arguments=(Argument("RUN", "a run's directory, or a part of its name that only one has"),),
    options=Options,
    examples=(
        ("play cartpole_ppo", "one episode of the only run of that experiment, as a film"),
        ("play cartpole_ppo --episodes 5 --stochastic", "five, with actions as in training"),
        ("play 3f2a-s0 --seed 7 --to seven.gif", "another start, to a file of its own"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
    works=True,
)
