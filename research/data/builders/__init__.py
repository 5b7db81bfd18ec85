"""Builders of data sets that tfds does not have; they prepare without TensorFlow."""

from __future__ import annotations

import contextlib
import importlib
import io
from pathlib import Path
from typing import Any

from research.data.storage import embedded_directory, exclusive, publish, workshop
from research.errors import Mistake

EMBEDDED = {
    "encore_digits": "research.data.builders.digits:EncoreDigits",
    "encore_python_reference": "research.data.builders.python_reference:EncorePythonReference",
}
"""Name -> builder, of data sets that come with an installed package and need no network."""

DOWNLOADED = {
    "california_housing": "research.data.builders.california_housing:CaliforniaHousing",
    "cta_ridership": "research.data.builders.cta_ridership:CtaRidership",
    "flower_photos192": "research.data.builders.flower_photos192:FlowerPhotos192",
    "jsb_chorales": "research.data.builders.jsb_chorales:JsbChorales",
}
"""Name -> builder, of data sets that `prepare` downloads, their checksums in the builder."""


def builder_class(name: str) -> Any:
    """The builder of a name in `EMBEDDED` or `DOWNLOADED`, imported late: tfds takes 0.7 s."""
    module, _, attribute = {**EMBEDDED, **DOWNLOADED}[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def prepare_embedded(name: str) -> Path:
    """Prepare an embedded data set in the cache, unless it is there; safe with several processes.

    Returns:
        Its directory.

    Raises:
        Mistake: if the cache cannot be written.
    """
    builder = builder_class(name)
    above = embedded_directory()
    target = above / name / str(builder.VERSION)
    try:
        with exclusive(above / f"{name}.lock"):
            # Another process may have prepared it while this one waited.
            if not (target / "dataset_info.json").exists():
                _prepare(builder, target)
    except OSError as error:
        raise Mistake(
            f"{name} comes with Encore but cannot be prepared in {above} ({error}). "
            "Name a folder that can be written in ENCORE_CACHE_DIR."
        ) from error
    return target


def _prepare(builder: Any, target: Path) -> None:
    with workshop(target.parent) as place:
        tfds_quietly_prepare(builder(data_dir=place, file_format="array_record"))
        publish(place / target.parent.name / target.name, target)


def tfds_quietly_prepare(builder: Any, **options: Any) -> None:
    """Have a tfds builder prepare array_record files, without its bars and lines."""
    from tensorflow_datasets.core.utils import tqdm_utils

    tqdm_utils.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(file_format="array_record", **options)
