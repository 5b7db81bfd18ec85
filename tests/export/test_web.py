"""A folder for a browser is whole, asks nothing from elsewhere, and holds the model unchanged."""

import base64
import gzip
import hashlib
import json
import re
import tarfile

import pytest
from export.web_manifests import DIGITS, manifest_of, tensor

from research.errors import Damaged, Mistake
from research.export import web, web_runtime
from research.export.web import page_of, write_web
from research.export.web_runtime import FILE, Runtime, read_runtime

RUNTIME = Runtime(b"globalThis.ort = {};", b"export default 1;", bytes(range(256)) * 9)
MODEL = bytes(reversed(range(256))) * 7
SCRIPT = re.compile(r"^\(\(globalThis\.encore .*?\)\.(\w+) = (.*);\n$", re.DOTALL)

TOKEN, SOURCE = tensor("int32"), tensor("int32", 9)
KINDS = {
    "pictures": DIGITS,
    "characters": manifest_of(
        "tokens",
        {"token": TOKEN, "memory": tensor("float32", 4)},
        {"logits": tensor("float32", 3), "next_memory": tensor("float32", 4)},
        {"symbols": ["a", "b", "\n"], "unit": "characters", "lower": True},
        ["memory"],
    ),
    "cartpole": manifest_of(
        "actions",
        {"observation": tensor("float32", 4)},
        {"action": tensor("int32"), "probability": tensor("float32", 2)},
        {"environment": "CartPole-v1", "names": ["left", "right"], "bounds": []},
    ),
    "forecast": manifest_of(
        "values",
        {"values": tensor("float32", 50, 1)},
        {"mean": tensor("float32", 10)},
        {"name": "value", "horizon": 10},
    ),
    "translation": manifest_of(
        "translations",
        {"source": SOURCE},
        {"tokens": SOURCE},
        {side: {"symbols": ["", "x"], "unit": "words"} for side in ("source", "target")},
    ),
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """(manifest, examples) -> the folder of a model, with a small thing in the runtime's place."""
    monkeypatch.setattr(web, "read_runtime", lambda archive: RUNTIME)
    model = tmp_path / "made.onnx"
    model.write_bytes(MODEL)

    def write(manifest=DIGITS, examples=(), name="site"):
        folder = tmp_path / name
        folder.mkdir()
        write_web(folder, model, manifest, examples=examples)
        return folder

    return write


def missing(folder):
    """Files that the page names and that are not in the folder."""
    page = (folder / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"#:]+)"', page)
    assert len(named) >= 8
    return [name for name in named if not (folder / name).is_file()]


@pytest.mark.parametrize("page", KINDS)
def test_a_page_has_all_files_that_it_names_and_all_that_its_scripts_ask_for(page, written):
    assert page_of(KINDS[page]) == page
    folder = written(KINDS[page])
    assert missing(folder) == []
    text = (folder / "index.html").read_text()
    ids = set(re.findall(r'id="([\w-]+)"', text))
    for script in web.PAGES[page]:
        asked = set(re.findall(r'at\("([\w-]+)"\)', (folder / "app" / script).read_text()))
        assert asked - ids <= {"own"}, script  # `own` is made by the page itself.
    (folder / "app" / "parts.js").unlink()
    assert missing(folder) == ["app/parts.js"]


@pytest.mark.parametrize("page", KINDS)
def test_a_page_names_no_address_but_its_own(page, written):
    folder = written(KINDS[page])
    texts = [path.read_text() for path in sorted(folder.rglob("*.*")) if path.suffix != ".onnx"]
    found = set(re.findall(r"\b(?:https?|wss?)://[^\s\"'<>)]+", "\n".join(texts)))
    assert found <= {"http://www.w3.org/2000/svg", "http://localhost:8000"}
    assert "default-src 'none'" in (folder / "index.html").read_text()


def test_a_folder_holds_the_model_the_manifest_and_the_examples_as_they_are(written):
    examples = [{"inputs": {"image": [[[3]]]}, "truth": "</script>"}]
    folder = written(DIGITS, examples)
    assert (folder / "model.onnx").read_bytes() == MODEL
    data = {}
    for path in (folder / "data").iterdir():
        name, value = SCRIPT.match(path.read_text()).groups()
        assert name == path.stem
        data[name] = json.loads(value)
    assert data["manifest"] == DIGITS
    assert data["examples"] == examples
    assert gzip.decompress(base64.b64decode(data["model"])) == MODEL
    assert gzip.decompress(base64.b64decode(data["runtime"]["binary"])) == RUNTIME.binary
    assert data["runtime"]["module"].encode() == RUNTIME.module


def test_the_same_model_gives_the_same_folder_and_words_are_no_markup(written):
    one, other = written(name="one"), written(name="other")
    names = sorted(path.relative_to(one) for path in one.rglob("*.*"))
    assert names == sorted(path.relative_to(other) for path in other.rglob("*.*"))
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)
    page = (one / "index.html").read_text()
    assert "&lt;b&gt;reads&lt;/b&gt; &amp; answers." in page
    assert "<b>reads" not in page


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "reconstructions"},
        {"inputs": {"token": SOURCE}},
        {**KINDS["characters"], "reading": {"unit": "notes", "symbols": []}},
        {**KINDS["cartpole"], "reading": {"environment": "Acrobot-v1"}},
    ],
)
def test_a_model_that_no_page_shows_is_refused_before_anything_is_written(changed, tmp_path):
    with pytest.raises(ValueError, match="no page shows this model .*--to onnx"):
        write_web(tmp_path, tmp_path / "none.onnx", DIGITS | changed)
    assert not [*tmp_path.iterdir()]


# --- The runtime ----------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small file in the shape of npm's package, which counts as the published one."""
    inside = {
        "ort.wasm.min.js": RUNTIME.script,
        "ort-wasm-simd-threaded.mjs": RUNTIME.module,
        "ort-wasm-simd-threaded.wasm": RUNTIME.binary,
    }
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in inside.items():
            file = tmp_path / name
            file.write_bytes(content)
            archive.add(file, f"package/dist/{name}")
    monkeypatch.setattr(web_runtime, "SHA512", hashlib.sha512(path.read_bytes()).hexdigest())
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))
    return path


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts an npm on the path that runs some lines of a shell, `$folder` being where it packs."""

    def install(lines):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "npm"
        program.write_text(
            f'#!/bin/sh\nfolder="$5"\n[ "$4" = --pack-destination ] || exit 9\n{lines}\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return install


def test_a_given_package_is_read_and_any_other_file_is_refused(package):
    assert read_runtime(package) == RUNTIME
    package.write_bytes(package.read_bytes() + b"\0")
    with pytest.raises(Mistake, match="is not onnxruntime-web .*SHA-512"):
        read_runtime(package)
    with pytest.raises(Mistake, match=r"no file .*none\.tgz; `npm pack onnxruntime-web@"):
        read_runtime(package.with_name("none.tgz"))


def test_npm_fetches_the_package_once(package, npm, tmp_path):
    npm(f'echo once >>{tmp_path}/calls; cp {package} "$folder/{FILE}"')
    kept = tmp_path / "cache" / FILE
    assert read_runtime() == read_runtime() == RUNTIME
    assert (tmp_path / "calls").read_text() == "once\n"
    # What has been damaged in the cache is fetched again.
    kept.write_bytes(b"damaged")
    assert read_runtime() == RUNTIME
    assert (tmp_path / "calls").read_text() == "once\n" * 2
    assert [*kept.parent.iterdir()] == [kept]


def test_another_package_than_the_published_one_is_not_kept(package, npm, tmp_path):
    npm(f'echo other >"$folder/{FILE}"')
    with pytest.raises(Damaged, match="npm gave another"):
        read_runtime()
    assert not [*(tmp_path / "cache").iterdir()]


def test_who_cannot_fetch_is_told_what_to_do(package, npm, monkeypatch):
    npm("echo no network >&2; exit 1")
    with pytest.raises(Mistake, match=r"(?s)no network.*--runtime onnxruntime-web-") as raised:
        read_runtime()
    assert "npm pack onnxruntime-web@" in str(raised.value)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Mistake, match="there is no npm here: install Node"):
        read_runtime()
