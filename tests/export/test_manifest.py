"""Manifests: what is written is read again, and what cannot be understood is refused."""

import json
from dataclasses import replace

import pytest

from research.export.manifest import FILE, read, spell
from tests.export.manifests import DIGITS


def test_what_is_written_is_read_again(tmp_path):
    (tmp_path / FILE).write_text(spell(DIGITS))
    assert read(tmp_path) == DIGITS
    # The control: one that differs is another.
    (tmp_path / FILE).write_text(spell(replace(DIGITS, sha256="00" * 32)))
    assert read(tmp_path) != DIGITS


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "holds no exported model: it has no manifest.json"),
        ("{", "cannot be read"),
        ("[]", "has format None"),
        (json.dumps({"format": 2}), "has format 2, and 1 is what can be read here"),
        (json.dumps({"format": 1}), "is damaged: KeyError"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content, says):
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match=says):
        read(tmp_path)
