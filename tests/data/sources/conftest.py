from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ENCORE_CACHE_DIR."""
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"
