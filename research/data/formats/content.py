"""What records of any length hold: `tf.train.Example`, `SequenceExample`, or bytes as they are."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from research.data.columns import Columns, Form, as_objects
from research.data.formats import examples, layouts
from research.data.formats.examples import Feature
from research.data.formats.format import TEXT, Forms, Unreadable, forms_to_json
from research.data.formats.spans import Spans
from research.errors import Mistake


@dataclasses.dataclass(frozen=True)
class Content:
    """How records are decoded.

    Attributes:
        features: column -> form, of the features wanted: `{"image": Form(np.uint8, (28, 28, 1))}`.
            Lists of int64 and float32 become numbers of that dtype if they fit; a single text
            becomes `TEXT`, or with another form the numbers whose bytes it is, little endian. A
            shape with None is a ragged column. Where none is given, forms are those that fit all
            records of the first file that has any; features that hold several texts are left out.
        content: what a record is. Lists of a `sequence` become ragged columns
            `[time, ...]`; `bytes` gives one text column, `record`.
    """

    features: Forms = dataclasses.field(default_factory=dict, hash=False)
    content: Literal["example", "sequence", "bytes"] = "example"

    def __post_init__(self) -> None:
        for name, form in self.features.items():
            if form.shape.count(None) > 1:
                raise ValueError(f"feature {name!r}: only one axis can be of any length")

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        return {"features": forms_to_json(self.features), "content": self.content}

    def infer_from(self, path: Path, records: Iterable[bytes]) -> Forms:
        """As `Format.infer`, from all records of a file."""
        if self.content == "bytes":
            return {"record": TEXT}
        kept: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
        present: Counter[str] = Counter()
        count = 0
        for record in records:
            try:
                holds = self._holds(record)
            except Unreadable:
                continue
            count += 1
            present.update(holds.keys())
            if self.features and present.keys() >= self.features.keys():
                return self.features
            for name, what in holds.items():
                kept[name].add(what)
                if len(kept[name]) > 2:  # lengths differ, and that is all there is to know
                    kept[name] = {min(kept[name]), max(kept[name])}
        if self.features:
            if count and (unknown := sorted(set(self.features) - set(kept))):
                raise Mistake(
                    f"{path}: no record has a feature {', '.join(unknown)}; "
                    f"there are {', '.join(sorted(kept))}"
                )
            return self.features
        for name, times in present.items():
            if times < count:
                kept[name].add(("", 0, 0))
        return self._forms(path, kept)

    def decode_records(self, records: Spans, forms: Forms) -> Columns:
        """Records, at least one, as columns.

        Raises:
            Unreadable: if one is not of these forms.
        """
        if self.content == "bytes":
            return {"record": as_objects(records.each())}
        if self.content == "example":
            return layouts.decode_examples(records, forms)
        return layouts.decode_sequences(records, forms)

    def _holds(self, record: bytes) -> dict[str, tuple[str, int, int]]:
        """Feature -> (its kind, how many values, 1 where it is a list over time)."""
        if self.content == "example":
            parsed = examples.Sequences(examples.parse_example(record), {})
        else:
            parsed = examples.parse_sequence_example(record)
        holds = {name: _what(record, feature, 0) for name, feature in parsed.context.items()}
        for name, steps in parsed.lists.items():
            if name in holds:
                raise Unreadable(f"{name!r} is both a feature of the whole and a list over time")
            for step in steps:
                what = _what(record, step, 1)
                if holds.setdefault(name, what) != what:
                    holds[name] = (what[0], -1, 1)
        return holds

    def _forms(self, path: Path, kept: Mapping[str, set[tuple[str, int, int]]]) -> Forms:
        forms: dict[str, Form] = {}
        for name, found in sorted(kept.items()):
            kinds = {kind for kind, *_ in found} - {""}
            listed = {over for kind, _, over in found if kind} == {1}
            lengths = {length for kind, length, _ in found if kind or not listed}
            if len(kinds) > 1:
                raise Mistake(
                    f"{path}: feature {name!r} holds {' and '.join(sorted(kinds))} in different "
                    "records; name the features to be read (features=...)"
                )
            if kinds == {"bytes"}:
                if max(lengths) == 1 and not listed:
                    forms[name] = TEXT
            elif kinds:
                dtype = np.dtype(np.float32 if kinds == {"float"} else np.int64)
                (length,) = lengths if len(lengths) == 1 else (-1,)
                each = () if length == 1 else (length if length >= 0 else None,)
                if listed and each != (None,):
                    forms[name] = Form(dtype, (None, *each))
                elif not listed:
                    forms[name] = Form(dtype, each)
        if not forms:
            raise Mistake(
                f"{path}: its records hold no feature that can be a column "
                "(content='bytes' gives them as they are)"
            )
        return forms


def _what(record: bytes, feature: Feature, over_time: int) -> tuple[str, int, int]:
    if feature.kind == "bytes":
        return "bytes", len(feature.spans), over_time
    return feature.kind, layouts.count_values(record, feature), over_time


def encode_columns(columns: Columns) -> Iterator[bytes]:
    """Each example as a `tf.train.Example`, from which `TFRecord(features=...)` gives its bits.

    Integers become int64, float32 and float16 become float32, and a text a list of one text.
    Arrays of uint8, and what else would lose bits (float64, uint64), become their bytes, little
    endian.
    """
    names = sorted(columns)
    for values in zip(*(columns[name] for name in names), strict=True):
        features = {}
        for name, value in zip(names, values, strict=True):
            if not isinstance(value, bytes):
                value = np.asarray(value)
                kind, size = value.dtype.kind, value.dtype.itemsize
                if kind == "f" and size <= 4:
                    value = value.astype(np.float32).reshape(-1)
                elif kind in "iub" and value.dtype != np.uint64 and not (size == 1 and value.ndim):
                    value = value.astype(np.int64).reshape(-1)
                else:
                    value = value.astype(value.dtype.newbyteorder("<")).tobytes()
            features[name] = value
        yield examples.encode_example(features)
