"""A model as a folder that a browser opens: a page, the model, and what computes it.

All that the page reads is a script of its own, binary files packed in it as text: a browser lets
a page that was opened by a double click run scripts, but read no other file beside it. So the
folder works from a disk as well as from any web server, and without a network.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from research.export.web_runtime import Runtime, read_runtime

SITE = resources.files("research.export") / "site"
COMMON = ("model.js", "parts.js")
"""Scripts of every page, before its own."""
PAGES: dict[str, tuple[str, ...]] = {
    "pictures": ("drawing.js", "pictures.js"),
    "characters": ("characters.js",),
    "cartpole": ("cartpole.js", "pole.js"),
    "forecast": ("forecast.js",),
    "translation": ("words.js", "translation.js"),
}
"""Page -> its scripts; each page has its part of the HTML in a file of its name."""


def page_of(manifest: Mapping[str, Any]) -> str:
    """Which of `PAGES` shows a model.

    Args:
        manifest: of the exported model; see `research.export.manifest`.

    Raises:
        ValueError: none does.
    """
    kind, inputs, reading = manifest["kind"], set(manifest["inputs"]), manifest["reading"]
    own = inputs - set(manifest["carried"])
    if kind == "classes" and own == {"image"}:
        return "pictures"
    if kind == "tokens" and own == {"token"} and reading.get("unit") == "characters":
        return "characters"
    if kind == "actions" and reading["environment"] == "CartPole-v1" and not manifest["carried"]:
        return "cartpole"
    if kind == "values" and own == {"values"}:
        return "forecast"
    if kind == "translations" and own == {"source"}:
        return "translation"
    raise ValueError(
        f"no page shows this model ({kind} from {', '.join(sorted(own))}): there are pages for "
        "classes of pictures, characters, CartPole, forecasts and translations; export it --to onnx"
    )


def write_web(
    folder: Path,
    model: Path,
    manifest: Mapping[str, Any],
    *,
    examples: Sequence[Mapping[str, Any]] = (),
    runtime: Path | None = None,
) -> None:
    """Write the page, the model and the runtime into a folder.

    Args:
        folder: an existing one.
        model: the ONNX file. A copy of it lies in the folder, beside the one that is in a script.
        manifest: of the exported model, in JSON values.
        examples: of the test split, each with `inputs` (name -> what a user has: nested lists, or
            a text) and `truth` (a class, values, or a text), in JSON values.
        runtime: the npm package of ONNX Runtime Web; None for the one that is cached or fetched.

    Raises:
        ValueError: no page shows such a model.
        Mistake: the runtime cannot be had; says what to do.
        Damaged: what was fetched is not what it should be.
    """
    page, found = page_of(manifest), read_runtime(runtime)
    scripts = [*COMMON, *PAGES[page]]
    kept = folder / str(manifest["model"])
    if kept.resolve() != model.resolve():
        shutil.copyfile(model, kept)
    app, data = folder / "app", folder / "data"
    app.mkdir(exist_ok=True)
    data.mkdir(exist_ok=True)
    for name in ("style.css", *scripts):
        (app / name).write_bytes((SITE / name).read_bytes())
    (app / "ort.wasm.min.js").write_bytes(found.script)
    (folder / "NOTICE.txt").write_bytes((SITE / "NOTICE.txt").read_bytes())
    facts = {"manifest": dict(manifest), "examples": [dict(one) for one in examples]}
    for name, value in (*facts.items(), ("model", pack(model.read_bytes()))):
        _write_script(data / f"{name}.js", name, value)
    _write_script(data / "runtime.js", "runtime", _packed_runtime(found))
    (folder / "index.html").write_text(_render(page, scripts, manifest), encoding="utf-8")


def pack(content: bytes) -> str:
    """Bytes as text: gzip, then base64. The same bytes give the same text."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _packed_runtime(runtime: Runtime) -> dict[str, str]:
    return {"module": runtime.module.decode(), "binary": pack(runtime.binary)}


def _write_script(path: Path, name: str, value: Any) -> None:
    """A script that lays a value where the page looks for it: `encore.data`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    path.write_text(
        f"((globalThis.encore ??= {{}}).data ??= {{}}).{name} = {text};\n", encoding="utf-8"
    )


def _render(page: str, scripts: Sequence[str], manifest: Mapping[str, Any]) -> str:
    import jinja2

    loader = jinja2.PackageLoader("research.export", "site")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.get_template("index.html")
    return template.render(page=page, scripts=scripts, manifest=manifest)
