"""ONNX Runtime Web, which computes a model in a browser: found once, checked, and kept.

It is published as an npm package and as no Python one, and its 14 MB would be too much for this
repository. So it is fetched once by npm itself, from wherever that fetches, and lies in Encore's
cache from then on; who has no npm or no network brings the file along. Either way its SHA-512
must be the one that stands here.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from research.errors import Damaged, Mistake
from research.places import cache_directory

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
FILE = f"{PACKAGE}-{VERSION}.tgz"
COMMAND = f"npm pack {PACKAGE}@{VERSION}"
SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
"""Of the package as npm publishes it, in hexadecimal."""
PATIENCE = 600.0
"""Seconds in which npm has fetched 33 MB, or never will."""


class Runtime(NamedTuple):
    """The files of the runtime that computes on the CPU.

    Attributes:
        script: JavaScript that defines `ort`.
        module: the JavaScript module that loads `binary`.
        binary: WebAssembly.
    """

    script: bytes
    module: bytes
    binary: bytes


def read_runtime(archive: Path | None = None) -> Runtime:
    """The runtime from npm's package: the given one, the one in the cache, or a fetched one.

    Raises:
        Mistake: the file is not that package, or it cannot be fetched here; says what to do.
        Damaged: npm gave another file than the one that was published.
    """
    if archive is None:
        archive = cache_directory() / FILE
        if not archive.is_file() or _digest(archive) != SHA512:
            _fetch(archive)
    elif not archive.is_file():
        raise Mistake(f"--runtime: there is no file {archive}; `{COMMAND}` makes it")
    elif _digest(archive) != SHA512:
        raise Mistake(
            f"--runtime: {archive} is not {PACKAGE} {VERSION} as it was published (its SHA-512 "
            f"differs); `{COMMAND}` makes the right file"
        )
    wanted = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
    with tarfile.open(archive) as package:
        return Runtime(*(_member(package, f"package/dist/{name}") for name in wanted))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


def _member(package: tarfile.TarFile, name: str) -> bytes:
    found = package.extractfile(name)
    assert found is not None, name
    return found.read()


def _fetch(target: Path) -> None:
    """Let npm fetch the package, and keep it once it is checked."""
    offline = (
        f"where npm and a network are, run\n  {COMMAND}\nand give the file here as\n"
        f"  --runtime {FILE}"
    )
    npm = shutil.which("npm")
    if npm is None:
        raise Mistake(
            f"a web folder holds {PACKAGE} {VERSION}, which npm fetches, and there is no npm here: "
            f"install Node.js, or {offline}"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = subprocess.run(
                [npm, *COMMAND.split()[1:], "--silent", "--pack-destination", folder],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            fetched = Path(folder) / FILE
            if made.returncode or not fetched.is_file():
                why = " ".join(made.stderr.split())[-200:] or f"it ended with {made.returncode}"
                raise Mistake(
                    f"npm could not fetch {PACKAGE} {VERSION} ({why}): connect to a network, or "
                    f"{offline}"
                )
            if _digest(fetched) != SHA512:
                raise Damaged(
                    f"npm gave another {FILE} than the one that was published (its SHA-512 "
                    f"differs), and it is not used. Or {offline}"
                )
            fetched.replace(target)
    except subprocess.TimeoutExpired:
        raise Mistake(
            f"npm did not fetch {PACKAGE} {VERSION} within {PATIENCE:.0f} seconds: {offline}"
        ) from None
    except OSError as error:
        raise Mistake(
            f"{PACKAGE} cannot be kept in {target.parent} ({error}): set ENCORE_CACHE_DIR to a "
            "folder that can be written"
        ) from error
