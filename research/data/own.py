"""What a file over one's own data imports: formats, files, and how sources are put together.

from research.data.own import CSV, Files, split
"""

from __future__ import annotations

from research.data.file_sets.files import Files as Files
from research.data.formats.array_records import ArrayRecord as ArrayRecord
from research.data.formats.csv_files import CSV as CSV
from research.data.formats.fixed import CIFAR10 as CIFAR10
from research.data.formats.fixed import Field as Field
from research.data.formats.fixed import Fixed as Fixed
from research.data.formats.fixed import Idx as Idx
from research.data.formats.fixed import Npy as Npy
from research.data.formats.lines import Lines as Lines
from research.data.formats.parquet import Parquet as Parquet
from research.data.formats.pictures import Pictures as Pictures
from research.data.formats.pictures import classes_in as classes_in
from research.data.formats.tar_shards import Tar as Tar
from research.data.formats.tfrecord import TFRecord as TFRecord
from research.data.sources.chained import Chained as Chained
from research.data.sources.drawing import generator_of as generator_of
from research.data.sources.filtered import Filtered as Filtered
from research.data.sources.joined import Joined as Joined
from research.data.sources.mapped import Mapped as Mapped
from research.data.sources.mixed import Mixed as Mixed
from research.data.sources.padded import Padded as Padded
from research.data.sources.portions import Portion as Portion
from research.data.sources.portions import Splits as Splits
from research.data.sources.portions import split as split
from research.data.sources.repeated import Repeated as Repeated
