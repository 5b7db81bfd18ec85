"""Download and prepare data sets through tfds: checksums verified, progress shown."""

from __future__ import annotations

import contextlib
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from research.data import builders
from research.data.file_sets.files import Files
from research.data.file_sets.written import Written
from research.data.prepared import NotPrepared, Prepared, find, missing, parse, tfds_module
from research.data.sources.wrapping import inner_sources
from research.data.storage import exclusive, tfds_directory
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Source
from research.errors import Damaged, Mistake

PATIENCE = 5.0
"""Seconds after which a host that does not answer counts as out of reach."""


def prepare(make: Callable[[], Iterable[Source]], console: Console) -> list[Source]:
    """Prepare the tfds data sets of an experiment, verify them by decoding, and read its files.

    Files that are written on first use are written.

    Args:
        make: gives the experiment's sources. Where it must read a data set for that, as for a
            vocabulary, it is called again once this is prepared.
        console: where progress is shown.

    Returns:
        The sources.

    Raises:
        Mistake: if there is no such data set, no network, or TensorFlow is needed and missing.
        Damaged: if a file is broken, or what was downloaded or prepared is not what it should be.
    """
    prepared: set[str] = set()

    def prepare_once(name: str) -> None:
        if name not in prepared:
            prepared.add(name)
            prepare_dataset(name, console)

    while True:
        try:
            sources = [*make()]
            break
        except NotPrepared as lacking:
            if lacking.dataset in prepared:
                raise
            prepare_once(lacking.dataset)
    every = [*_all_of(sources)]
    for source in every:
        if isinstance(source, TfdsSplit):
            prepare_once(source.dataset)
    files = [source for source in every if isinstance(source, Files | Written)]
    for each in files:
        digest = each.digest()
        console.print(f"{each.name}: {len(each):,} examples, content {digest[:16]}")
    if not prepared and not files:
        console.print("Nothing to prepare: the data is made, not read.")
    return sources


def _all_of(sources: Iterable[Source]) -> Iterator[Source]:
    """The sources, and all that they are made of."""
    for source in sources:
        yield source
        yield from _all_of(inner_sources(source))


def prepare_dataset(name: str, console: Console) -> None:
    """As `prepare`, for one data set as tfds spells it: `mnist`, `imdb_reviews/plain_text`."""
    directory = find(name)
    if directory is not None:
        console.print(f"{name} is already prepared in {directory}")
    elif parse(name).name in builders.EMBEDDED:
        directory = builders.prepare_embedded(parse(name).name)
        console.print(f"{name} prepared in {directory}")
    else:
        directory = _download(name, console)
        console.print(f"{name} prepared in {directory}")
    _verify(Prepared(directory), console)


def _verify(prepared: Prepared, console: Console) -> None:
    for split in prepared.builder.info.splits:
        with console.status(f"decoding {prepared.name} {split}"):
            source = TfdsSplit(_spelled(prepared), split)
            digest = source.digest()
        console.print(f"  {split}: {len(source)} examples, intact, content {digest[:16]}")


def _spelled(prepared: Prepared) -> str:
    name, _, version = prepared.name.rpartition("/")
    return f"{name}:{version}"


def _download(name: str, console: Console) -> Path:
    wanted = parse(name)
    tfds = tfds_module()
    try:
        if wanted.name in builders.DOWNLOADED:
            builder_class = builders.builder_class(wanted.name)
        else:
            builder_class = tfds.builder_cls(wanted.name)
    except tfds.core.registered.DatasetNotFoundError:
        raise missing(name) from None
    above = tfds_directory()
    downloads = above / "downloads" / wanted.name
    try:
        with exclusive(downloads / "lock"):
            # Another process may have prepared it while this one waited.
            if (directory := find(name)) is not None:
                return directory
            builder = builder_class(
                config=wanted.config,
                version=wanted.version,
                data_dir=above,
                file_format="array_record",
            )
            _build(builder, name, downloads, console)
            return Path(builder.data_dir)
    except OSError as error:
        raise Mistake(
            f"{name} cannot be prepared in TFDS_DATA_DIR ({above}): {error}. "
            "Set TFDS_DATA_DIR to a folder that can be written and has room."
        ) from error


def _build(builder: Any, name: str, downloads: Path, console: Console) -> None:
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    files = builder.url_infos or {}
    if files:
        _require_network(name, next(iter(files)))
    # A folder of its own: mnist and fashion_mnist, say, download files of the same names.
    options = tfds_module().download.DownloadConfig(
        extract_dir=downloads / "extracted",
        force_checksums_validation=bool(files),
        try_download_gcs=False,
    )
    total = sum(int(info.size) for info in files.values())
    try:
        with _progress(name, downloads, total, console):
            builders.tfds_quietly_prepare(builder, download_dir=downloads, download_config=options)
    except NonMatchingChecksumError as error:
        raise Damaged(
            f"{name}: a downloaded file is not the one that tfds knows (its SHA-256 differs), so "
            f"nothing was prepared.\n{error}\nDownloads lie in {downloads}"
        ) from error
    except ImportError as error:
        if "tensorflow" not in str(error).lower():
            raise
        raise Mistake(
            f"Preparing {name} from its archives needs TensorFlow; reading it does not. Install "
            "it, here or in another environment, and give the same command again (what was "
            "downloaded is kept):\n  python -m pip install tensorflow-cpu"
        ) from error
    except AssertionError as error:  # tfds says so of data that a person has to fetch.
        raise Mistake(f"{name} cannot be downloaded by itself: {error}") from error
    except _download_errors() as error:
        raise Mistake(f"Downloading {name} failed: {_reason(error)}") from error


def _download_errors() -> tuple[type[Exception], ...]:
    import requests
    from tensorflow_datasets.core.download.util import DownloadError

    return (DownloadError, requests.exceptions.RequestException)


def _require_network(name: str, url: str) -> None:
    """Raise a Mistake unless the host of `url` answers: tfds would try for three minutes."""
    if not url.startswith("http"):
        return
    failures: list[Exception] = []
    asking = threading.Thread(target=_ask, args=(url, failures.append), daemon=True)
    asking.start()
    # Looking up a name has no time limit of its own, hence the thread.
    asking.join(2 * PATIENCE)
    if asking.is_alive():
        failures.append(TimeoutError("no answer"))
    if failures:
        raise Mistake(
            f"{name} has to be downloaded, and {urllib.parse.urlsplit(url).hostname} cannot be "
            f"reached ({_reason(failures[0])}). Connect to a network (HTTPS_PROXY is honoured), "
            "or point TFDS_DATA_DIR to a folder where it is prepared; it is now "
            f"{tfds_directory()}"
        )


def _ask(url: str, failed: Callable[[Exception], None]) -> None:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE):
            pass
    except urllib.error.HTTPError:
        pass  # It answers; what to make of it is for the download.
    except (OSError, ValueError) as error:
        failed(error)


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", None) or error).split())[:200]


@contextlib.contextmanager
def _progress(name: str, downloads: Path, total: int, console: Console) -> Iterator[None]:
    """A bar that follows the size of the download folder, which works for any tfds builder."""
    done = threading.Event()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"downloading {name}", total=total or None)

        def follow() -> None:
            while not done.wait(0.2):
                size = min(_size(downloads), total)
                progress.update(task, completed=size)
                if total and size == total:
                    progress.update(task, description=f"preparing {name}", total=None)

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            done.set()
            follower.join()


def _size(directory: Path) -> int:
    size = 0
    for path in directory.glob("**/*"):
        with contextlib.suppress(OSError):  # tfds moves files while they are counted.
            if path.is_file() and "extracted" not in path.parts and path.suffix != ".INFO":
                size += path.stat().st_size
    return size
