"""Tables of a report: figures, seeds, config, and the facts of each run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from research.engine.result import spread
from research.engine.selection import rank
from research.options.convert import spell
from research.runs.grouping import Group, differing_fields, metric_names
from research.runs.run import Run
from research.runs.spelling import ABSENT, spell_figure, spell_name, spell_spread


class Row(NamedTuple):
    """A line of a table.

    Attributes:
        name: its head.
        cells: one a column.
        marked: whether it is to stand out: it differs between the columns.
    """

    name: str
    cells: list[str]
    marked: bool = False


class Table(NamedTuple):
    """A table.

    Attributes:
        columns: heads of the columns; none where there is one column.
        rows: its lines.
    """

    columns: list[str]
    rows: list[Row]


def figures_table(groups: Sequence[Group]) -> Table:
    """Final figures, the ones that matter first: `mean ± interval` over the members of a group."""
    rows = [
        Row(spell_name(name), [_figure(group, name) for group in groups])
        for name in sorted(metric_names(groups), key=rank)
    ]
    steps = [[member.reported_step for member in group.members] for group in groups]
    if any(step is not None for each in steps for step in each):
        # The checkpoint that the figures are of, where it is not the last.
        rows.append(Row("reported step", [_steps(each) for each in steps]))
    return Table(_columns(groups), rows)


def _figure(group: Group, name: str) -> str:
    values = list(group.values(name).values())
    if len(group.members) == 1:
        return spell_figure(values[0] if values else None)
    found = spread(values)
    several = f" ({found.n} of {len(group.members)})" if found.n < len(group.members) else ""
    return f"{spell_spread(found)}{several}"


def _steps(steps: Sequence[int | None]) -> str:
    known = sorted({step for step in steps if step is not None})
    ends = [known[0], known[-1]] if len(known) > 1 else known
    return " to ".join(map(spell_figure, ends)) or ABSENT


def members_table(groups: Sequence[Group], metric: str) -> Table:
    """Every member: its seed, the figure that matters, and the digest of its state."""
    several = len(groups) > 1
    rows = []
    for group in groups:
        for member in group.members:
            head = f"{group.label}, seed {member.seed}" if several else f"seed {member.seed}"
            figure = spell_figure(member.metrics.get(metric))
            rows.append(Row(head, [figure, member.digest or ABSENT]))
    return Table([spell_name(metric), "digest of the state"], rows)


def config_table(groups: Sequence[Group]) -> tuple[Table, int]:
    """Every field of the config, those that differ first; and how many differ."""
    configs = [{n.replace("_", "-"): v for n, v in group.config.items()} for group in groups]
    return _side_by_side(_columns(groups), configs)


def fingerprint_table(runs: Sequence[Run]) -> tuple[Table, int]:
    """What could change bits, and how much of it differs; in one column where all runs agree."""
    texts = [{name: text or ABSENT for name, text in run.fingerprint.items()} for run in runs]
    if not differing_fields(texts):
        return _side_by_side([], texts[:1])
    return _side_by_side([run_name(run) for run in runs], texts)


def _side_by_side(columns: list[str], values: Sequence[Mapping[str, Any]]) -> tuple[Table, int]:
    different = differing_fields(values)
    names = dict.fromkeys([*different, *(name for each in values for name in each)])
    rows = [
        Row(name, [spell(each.get(name, ABSENT)) for each in values], name in different)
        for name in names
    ]
    return Table(columns, rows), len(different)


def shared_and_own(
    runs: Sequence[Run], facts: Callable[[Run], Mapping[str, str]]
) -> tuple[Table, Table | None]:
    """Facts that all runs share, in one column; and the others with a line for each run.

    Args:
        runs: at least one.
        facts: run -> name -> text.

    Returns:
        The second is None where the runs share all facts, as one run does.
    """
    texts = [dict(facts(run)) for run in runs]
    different = differing_fields(texts)
    shared = [Row(name, [text]) for name, text in texts[0].items() if name not in different]
    if not different:
        return Table([], shared), None
    own = [
        Row(run_name(run), [each.get(name, ABSENT) for name in different])
        for run, each in zip(runs, texts, strict=True)
    ]
    return Table([], shared), Table(list(different), own)


def run_name(run: Run) -> str:
    """`3f2a9c01-s0`: the end of a run's directory, short."""
    digest, dash, rest = run.directory.name.partition("-")
    return f"{digest[:8]}{dash}{rest}"


def _columns(groups: Sequence[Group]) -> list[str]:
    return [group.label for group in groups] if len(groups) > 1 else []
