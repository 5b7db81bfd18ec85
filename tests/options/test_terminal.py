"""A table fits its terminal, and gives up what matters least first."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.options.terminal import Column, fit, print_table

words = st.text("abcdef", min_size=1, max_size=24)


def wide(columns):
    return sum(column.wide for column in columns) + 2 * (len(columns) - 1)


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 4))
    columns = []
    for at in range(draw(st.integers(1, 5))):
        cells = draw(st.lists(words, min_size=rows, max_size=rows))
        shorter = []
        if draw(st.booleans()):
            shorter.append((draw(st.integers(0, 9)), [cell[:3] for cell in cells]))
        if at and draw(st.booleans()):
            shorter.append((draw(st.integers(10, 19)), None))
        columns.append(Column(draw(words), cells, shorter=shorter, flexible=draw(st.booleans())))
    return columns


@given(tables(), st.integers(1, 150))
def test_a_table_fits_or_is_as_narrow_as_it_gets(columns, terminal):
    found = fit(columns, terminal)
    assert wide(found) <= terminal or all(column.wide <= 6 for column in found)
    assert found and all(len(column.cells) == len(columns[0].cells) for column in found)
    if wide(columns) <= terminal:
        assert found == columns


@given(tables(), st.integers(1, 149))
def test_more_room_never_shows_fewer_columns(columns, terminal):
    assert len(fit(columns, terminal)) <= len(fit(columns, terminal + 1))


def test_the_lowest_rank_gives_way_first():
    columns = [
        Column("a", ["aaaaaaaaaa"], shorter=[(2, ["aa"])]),
        Column("b", ["bbbbbbbbbb"], shorter=[(1, None)]),
        Column("c", ["cccccccccc"]),
    ]
    assert [c.cells[0] for c in fit(columns, 34)] == ["a" * 10, "b" * 10, "c" * 10]
    assert [c.cells[0] for c in fit(columns, 33)] == ["a" * 10, "c" * 10]
    assert [c.cells[0] for c in fit(columns, 21)] == ["aa", "c" * 10]
    assert [c.cells[0] for c in fit(columns, 12)] == ["aa", "ccccccc…"]


def test_a_flexible_column_is_cut_before_anything_goes():
    columns = [Column("a", ["a" * 10], shorter=[(1, None)]), Column("b", ["b" * 30], flexible=True)]
    assert [c.cells[0] for c in fit(columns, 30)] == ["a" * 10, "b" * 17 + "…"]


@pytest.mark.parametrize("right", [False, True])
def test_cells_stand_under_their_titles(right):
    file = io.StringIO()
    columns = [Column("title", ["x", "yyyyyyy"], right=right), Column("z", ["[bold]", ""])]
    print_table(columns, file)
    lines = [text.rstrip() for text in file.getvalue().splitlines()]
    cells = [text.rjust(7) if right else text.ljust(7) for text in ("title", "x", "yyyyyyy")]
    # Square brackets are text and no markup.
    assert lines == [f"{cells[0]}  z", f"{cells[1]}  [bold]", cells[2]]
