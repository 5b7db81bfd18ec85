"""English text that comes with Python: its own language reference, no network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds


class EncorePythonReference(tfds.core.GeneratorBasedBuilder):
    """What `help("topics")` shows: the language reference, one text of about 470,000 characters.

    It differs between patch releases of Python; the digest in a run's ledger says which it was.

    Source: the Python Software Foundation, The Python Language Reference, as `pydoc_data.topics`
    holds it (PSF License).
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            homepage="https://docs.python.org/3/reference/",
            features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        del dl_manager
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        from pydoc_data.topics import topics

        yield 0, {"text": "\n\n".join(topics[name].strip("\n") for name in sorted(topics))}
