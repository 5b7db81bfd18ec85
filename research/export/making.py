"""Exports a model: writes it beside its place, verifies it, and only then puts it there."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from research.engine.durable import remove_tree, sync_directory, sync_tree
from research.errors import Mistake
from research.export.forms import Way
from research.export.manifest import FILE, Manifest, spell
from research.export.stablehlo import Written
from research.export.trials import Model, make_trials
from research.export.verification import Watcher, verify

LOADER = "load.py"


def export_model(
    model: Model,
    draft: Manifest,
    target: Path,
    watcher: Watcher,
    *,
    way: Way,
    finish: Callable[[Path, Manifest], None] | None = None,
) -> Manifest:
    """Write a model and its manifest into a new folder, which is there whole and verified or not.

    Args:
        model: what is exported.
        draft: the manifest without what follows from writing and verifying.
        target: the folder, which is not there or is empty.
        watcher: who is told how it goes.
        way: of the form.
        finish: adds what else belongs to the form, once the model is verified.

    Raises:
        Mistake: the model cannot be written in this form, or there is nothing to verify it on.
        Difference: it does not compute what the run does; names the first layer that differs.
    """
    # Not a link to it.
    target = target.resolve()
    with _beside(target) as folder:
        watcher.tell("writing the model", 0, 0)
        written = _write(model, way, folder)
        watcher.check()
        draft = dataclasses.replace(
            draft,
            model=way.model,
            sha256=hashlib.sha256((folder / way.model).read_bytes()).hexdigest(),
            versions=written.versions,
            platforms=written.platforms,
            notes=(*draft.notes, *written.refused),
        )
        (folder / FILE).write_text(spell(draft), encoding="utf-8")
        (folder / LOADER).write_bytes(way.loader.read_bytes())
        trials = make_trials(model)
        watcher.check()
        verification = verify(model, folder, trials, way, watcher)
        manifest = dataclasses.replace(draft, verification=verification)
        (folder / FILE).write_text(spell(manifest), encoding="utf-8")
        if finish is not None:
            finish(folder, manifest)
        watcher.check()
        sync_tree(folder)
        folder.rename(target)
        sync_directory(target.parent)
    return manifest


def _write(model: Model, way: Way, folder: Path) -> Written:
    try:
        return way.write(model.apply, model.predictor.examples, folder / way.model)
    except ValueError as error:
        raise Mistake(f"export: {error}") from error


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder beside the target, which goes away again unless it is put in the target's place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f".{target.name}.{os.getpid()}.part")
    folder.mkdir()
    try:
        yield folder
    finally:
        if folder.exists():
            remove_tree(folder)
