"""Tables of a report: figures, seeds, config, and what can be told of each run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from research.report.groups import (
    Group,
    differing_fields,
    importance,
    interval,
    spell_figure,
    spell_interval,
    spell_value,
)
from research.report.reading import Run


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
    names = {name for group in groups for member in group.members for name in member.metrics}
    rows = []
    for name in sorted(names, key=importance):
        cells = []
        for group in groups:
            values = [member.metrics.get(name) for member in group.members]
            found = interval(values)
            cell = spell_interval(found)
            if len(values) == 1:
                cell = spell_figure(values[0])
            elif found.values < found.members:
                cell += f" ({found.values} of {found.members})"
            cells.append(cell)
        rows.append(Row(name.replace("/", " ").replace("_", " "), cells))
    return Table(_columns(groups), rows)


def members_table(groups: Sequence[Group], metric: str) -> Table:
    """Every member: its seed, the figure that matters, and the digest of its state."""
    several = len(groups) > 1
    rows = []
    for group in groups:
        for member in group.members:
            head = f"{group.label}, seed {member.seed}" if several else f"seed {member.seed}"
            figure = spell_figure(member.metrics.get(metric))
            rows.append(Row(head, [figure, member.digest or "–"]))
    return Table([metric.replace("/", " ").replace("_", " "), "digest of the state"], rows)


def config_table(groups: Sequence[Group]) -> tuple[Table, int]:
    """Every field of the config, those that differ first; and how many differ."""
    configs = [group.config for group in groups]
    different = differing_fields(configs)
    names = dict.fromkeys([*different, *(name for config in configs for name in config)])
    rows = [
        Row(
            name.replace("_", "-"),
            [spell_value(config[name]) if name in config else "–" for config in configs],
            name in different,
        )
        for name in names
    ]
    return Table(_columns(groups), rows), len(different)


def run_table(runs: Sequence[Run], facts: Callable[[Run], Mapping[str, str]]) -> tuple[Table, int]:
    """Facts of runs side by side, those that differ first, and how many do.

    Where all agree there is one column.

    Args:
        runs: at least one.
        facts: run -> name -> text.
    """
    told = [dict(facts(run)) for run in runs]
    different = differing_fields(told)
    names = list(dict.fromkeys([*different, *(name for each in told for name in each)]))
    if not different:
        told = told[:1]
    rows = [
        Row(name, [str(each.get(name, "–")) or "–" for each in told], name in different)
        for name in names
    ]
    columns = [run_name(run) for run in runs] if len(told) > 1 else []
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
    told = [dict(facts(run)) for run in runs]
    different = differing_fields(told)
    shared = [Row(name, [text]) for name, text in told[0].items() if name not in different]
    if not different:
        return Table([], shared), None
    own = [
        Row(run_name(run), [each.get(name, "–") for name in different])
        for run, each in zip(runs, told, strict=True)
    ]
    return Table([], shared), Table(different, own)


def run_name(run: Run) -> str:
    """`3f2a9c01-s0`: the end of a run's directory, short."""
    digest, dash, rest = run.directory.name.partition("-")
    return f"{digest[:8]}{dash}{rest}"


def _columns(groups: Sequence[Group]) -> list[str]:
    return [group.label for group in groups] if len(groups) > 1 else []
