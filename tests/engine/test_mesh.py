"""How devices are dealt out: members first, then the groups of each member."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.engine.mesh import shape_of
from research.errors import Mistake

small = st.integers(1, 16)


@given(devices=small, blocks=small, groups=small)
def test_devices_are_all_used_members_first_or_refused_with_what_can_be(devices, blocks, groups):
    possible = [
        (spread, devices // spread)
        for spread in range(1, blocks + 1)
        if devices % spread == 0 and groups % (devices // spread) == 0
    ]
    if possible:
        assert shape_of(devices, blocks, groups) == max(possible)
        return
    with pytest.raises(Mistake, match=f"--devices {devices}") as told:
        shape_of(devices, blocks, groups)
    named = str(told.value).partition("it can use ")[2].partition(" (")[0]
    for count in map(int, named.split(", ")):
        spread, share = shape_of(count, blocks, groups)
        assert spread * share == count


def test_one_group_cannot_be_shared():
    assert shape_of(4, 4, 1) == (4, 1)
    with pytest.raises(Mistake, match="one group, which cannot be shared") as told:
        shape_of(2, 1, 1)
    assert "--groups N" in str(told.value)
