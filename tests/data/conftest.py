from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def serve_download(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """(builder class, content) -> its one file is that, from a server in this process.

    With `is_known=False` the builder still knows the checksum of its true file.
    """
    from tensorflow_datasets.core.download.checksums import UrlInfo

    served: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(served[self.path])))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(served[self.path])

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

        def serve(builder: Any, content: bytes, is_known: bool = True) -> None:
            ((url, info),) = builder.url_infos.items()
            served[place := "/" + url.rpartition("/")[2]] = content
            checksum = hashlib.sha256(content).hexdigest() if is_known else info.checksum
            offered = UrlInfo(size=len(content), checksum=checksum, filename=info.filename)
            address = f"http://127.0.0.1:{server.server_port}{place}"
            monkeypatch.setattr(builder, "url_infos", {address: offered})

        yield serve
        server.shutdown()
