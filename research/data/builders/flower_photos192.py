"""Photographs of five kinds of flowers, all of one size: tf_flowers, cut square and made small."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import tensorflow_datasets as tfds
from PIL import Image, ImageOps
from tensorflow_datasets.core.download.checksums import UrlInfo

URL = "http://download.tensorflow.org/example_images/flower_photos.tgz"
CLASSES = ["dandelion", "daisy", "tulips", "sunflowers", "roses"]
SIDE = 192


class FlowerPhotos192(tfds.core.GeneratorBasedBuilder):
    """3,670 photographs: the largest central square of each, 192 x 192 pixels (Lanczos), as JPEG.

    Names, classes and so the order are those of tf_flowers. The bytes follow the version of Pillow
    that made them.

    Source: The TensorFlow Team, Flowers, 2019 (CC-BY, by photograph).
    """

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {  # noqa: RUF012  tfds reads it from the class
        URL: UrlInfo(
            size=228_813_984,
            checksum="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
            filename="flower_photos.tgz",
        )
    }

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            homepage="https://www.tensorflow.org/tutorials/load_data/images",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 3), encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(names=CLASSES),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        (url,) = self.url_infos
        return {"train": self._generate_examples(Path(dl_manager.download(url)))}

    def _generate_examples(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        with tarfile.open(path) as archive:
            for file in archive:
                name = PurePosixPath(file.name)
                if name.suffix != ".jpg":
                    continue
                content = archive.extractfile(file)
                assert content is not None, "a file of the archive has content"
                photograph = _made_small(Image.open(content))
                yield (
                    f"{name.parent.name}/{name.name}",
                    {
                        "image": photograph,
                        "label": name.parent.name.lower(),
                    },
                )


def _made_small(photograph: Any) -> io.BytesIO:
    """A JPEG file."""
    small = ImageOps.fit(photograph.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=70)
    file.seek(0)
    return file
