from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Empty folders of its own for a test: (TFDS_DATA_DIR, ENCORE_CACHE_DIR)."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "tfds", tmp_path / "cache"


@pytest.fixture(scope="session")
def _digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, prepared once for the session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCORE_CACHE_DIR", str(tmp_path_factory.mktemp("digits")))
        from research.data import builders

        return builders.prepare_embedded("encore_digits").parent.parent


@pytest.fixture
def prepared_digits(folders: tuple[Path, Path], _digits: Path) -> tuple[Path, Path]:
    """(TFDS_DATA_DIR, ENCORE_CACHE_DIR), the first with a copy of the digits that may be hurt."""
    import shutil

    shutil.copytree(_digits / "encore_digits", folders[0] / "encore_digits")
    return folders
