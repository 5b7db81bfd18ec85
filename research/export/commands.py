"""The command `export`: a trained model leaves Encore, verified, in a form that others read."""

from __future__ import annotations

import datetime
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from research.engine import interrupts
from research.errors import Exit, Mistake, Stopped
from research.export.manifest import Form
from research.options.command import Argument, Command, Context, Outcome, parse
from research.options.ranges import PATH
from research.options.terminal import make_console, spell_bytes
from research.runs.names import RUN
from research.runs.reported import Reported, StateOptions, command_of, open_reported

if TYPE_CHECKING:
    from research.export.manifest import Manifest
    from research.export.trials import Model
    from research.export.verification import Watcher

EXPORTS = "exports"
"""The folder of exported models, where no other is named."""
MISSING = "NaN stands for a number of the inputs that is not known."
_ONNX = (("onnx", "onnxruntime"), "'encore[onnx]'")
PACKAGES = {"stablehlo": (("flatbuffers",), "flatbuffers"), "onnx": _ONNX, "web": _ONNX}
"""Form -> what it needs beside what Encore always needs, and what installs that."""


@dataclass(frozen=True)
class Options(StateOptions):
    """Options of `export`."""

    to: Annotated[Form, "the form"] = "stablehlo"
    unfinished: Annotated[bool, "export what a run has that did not come to its end"] = False
    runtime: Annotated[
        str, "web: ONNX Runtime Web as a file, onnxruntime-web-*.tgz [fetched by npm]", PATH
    ] = ""

    def validate(self) -> list[str]:
        """What is wrong with the options, a message each."""
        wrong = super().validate()
        if self.runtime and self.to != "web":
            wrong.append(f"--runtime is for --to web, not --to {self.to}")
        if self.runtime and not Path(self.runtime).is_file():
            wrong.append(f"--runtime: there is no file {self.runtime}")
        return wrong


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Export, and say what was compared."""
    (run, *named), options = parse(EXPORT, tokens)
    _need_packages(options.to)
    if named:
        _refuse_occupied(Path(named[0]))
    lack = "predicts nothing, so there is nothing to export"
    found = open_reported(run, options, context, "predict", lack, with_data=True)
    _refuse_unfinished(found, options)
    from research.export.forms import way_of
    from research.export.making import export_model
    from research.export.trials import Model

    target = Path(named[0]) if named else _default_folder(found, options)
    _refuse_occupied(target)
    model = Model(found.experiment, found.offer, found.state)
    draft = _draft(found, options, context)
    finish = _page(model, draft, options) if options.to == "web" else None
    print(f"{found.name}, step {found.step:,}, to {options.to}", file=context.human)
    with _watch() as watcher:
        manifest = export_model(
            model, draft, target, watcher, way=way_of(options.to), finish=finish
        )
    _print_exported(manifest, target, context)
    return Outcome({**found.facts, "folder": str(target), "manifest": asdict(manifest)})


def _need_packages(form: Form) -> None:
    packages, wanted = PACKAGES[form]
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise Mistake(
                f"export: --to {form} needs {package}, which is not installed here: "
                f"pip install {wanted}"
            )


def _refuse_unfinished(found: Reported, options: Options) -> None:
    from research.engine import ledger
    from research.engine.directory import LEDGER_FILE

    if options.unfinished or ledger.read(found.run / LEDGER_FILE).result() is not None:
        return
    raise Mistake(
        f"export: {found.run} is not finished: it stands at step {found.step:,} of "
        f"{found.experiment.steps:,}; `python launch.py resume {found.run}` finishes it, and "
        "--unfinished exports what it has"
    )


def _default_folder(found: Reported, options: Options) -> Path:
    """`exports/digits_cnn-3f2a9c01d2e4-s0-onnx`: one folder for each run and form."""
    member = f"-m{found.facts['member']}" if "member" in found.facts else ""
    step = f"-{found.step}" if options.checkpoint else ""
    name = found.facts["experiment"].rpartition("/")[2]
    return Path(EXPORTS) / f"{name}-{found.run.name}{member}{step}-{options.to}"


def _refuse_occupied(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.is_symlink() or target.exists():
        what = "a folder that is not empty" if target.is_dir() else "a file"
        raise Mistake(f"export: {target} is {what}: give another DIR, or move it away first")


def _draft(found: Reported, options: Options, context: Context) -> Manifest:
    from research.engine.identity import read_identity
    from research.export import describing
    from research.export.forms import age_note
    from research.export.manifest import Manifest
    from research.options.assembly import named_of
    from research.options.catalog import read

    identity = read_identity(found.run)
    named = named_of(identity, context.root)
    predictor, made = found.offer, datetime.datetime.now(datetime.UTC)
    origin = describing.origin_of(
        found, identity, options, options.to, command_of(named, identity, found.run)
    )
    return Manifest(
        form=options.to,
        model="",
        sha256="",
        made=f"{made:%Y-%m-%dT%H:%M:%SZ}",
        title=read(named.path).summary,
        kind=describing.KINDS[type(predictor.outputs)],
        inputs=describing.describe_inputs(predictor),
        outputs=describing.describe_outputs(predictor, found.state, options.to),
        carried=tuple(predictor.carried),
        reading=describing.read_outputs(predictor, found.experiment),
        origin=origin,
        licence=describing.licence_of(found.experiment, predictor.outputs),
        versions={},
        platforms=(),
        notes=(*age_note(options.to, made), *([MISSING] if predictor.missing else [])),
    )


@contextmanager
def _watch() -> Iterator[Watcher]:
    """Shows how it goes; Ctrl-C stops what is under way, and nothing is left of it."""
    from research.export.progress import Progress
    from research.export.verification import Watcher

    processes: list[subprocess.Popen[str]] = []
    asked: list[int] = []

    def ask(number: int) -> None:
        asked.append(number)
        for process in processes:
            process.kill()

    def check() -> None:
        if asked:
            raise Stopped("stopped: interrupted; nothing was published")

    progress = Progress(sys.stderr)
    try:
        with interrupts.answered(ask):
            try:
                yield Watcher(progress.tell, check, processes.append)
            except Exception:
                # A process that was killed fails; why is plain.
                check()
                raise
    finally:
        progress.close()


def _print_exported(manifest: Manifest, target: Path, context: Context) -> None:
    console = make_console(context.human)
    checked = manifest.verification
    assert checked is not None
    size = spell_bytes((target / manifest.model).stat().st_size)
    sizes = ", ".join(map(str, checked.batch_sizes))
    console.print(f"verified without Encore on {checked.on}, in batches of {sizes}", style="green")
    for name, value in checked.largest.items():
        console.print(f"  {name:14} differs by at most {value:.1e}", soft_wrap=True)
    if checked.same:
        console.print(f"  {checked.same} is the same{_spell_ties(checked.ties)}", soft_wrap=True)
    console.print(f"exported: {target} ({manifest.model}, {size})", soft_wrap=True)
    if manifest.form == "web":
        console.print(f"open {target / 'index.html'} in a browser", soft_wrap=True)
    for note in manifest.notes:
        console.print(f"note: {note}", soft_wrap=True)
    console.print(f"licence: {manifest.licence.weights}", soft_wrap=True)


def _spell_ties(ties: int) -> str:
    if not ties:
        return ""
    texts = "one text" if ties == 1 else f"{ties:,} texts"
    return f", but in {texts}, where for the run, too, two are equally probable"


def _page(model: Model, draft: Manifest, options: Options) -> Callable[[Path, Manifest], None]:
    """Makes a page of a verified model.

    Raises:
        Mistake: no page shows such a model, or what computes in a browser cannot be had.
    """
    from research.export.making import LOADER
    from research.export.page_examples import examples_of
    from research.export.web import page_of, write_web
    from research.export.web_runtime import read_runtime

    try:
        page_of(asdict(draft))
    except ValueError as error:
        raise Mistake(f"export: --to web: {error}") from None
    runtime = Path(options.runtime) if options.runtime else None
    # Before anything is computed: it may not be had here.
    read_runtime(runtime)

    def finish(folder: Path, manifest: Manifest) -> None:
        (folder / LOADER).unlink()
        examples, path = examples_of(model), folder / manifest.model
        write_web(folder, path, asdict(manifest), examples=examples, runtime=runtime)

    return finish


EXPORT = Command(
    name="export",
    summary="let a trained model leave Encore: StableHLO, ONNX, or a page for a browser",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, and writes the function that `predict` uses, its
    parameters and all preparation of inputs inside, for a batch of any size.

    --to stablehlo is for JAX on CPUs, GPUs and TPUs, --to onnx for ONNX Runtime and whatever else
    reads ONNX, and --to web is a folder that a browser opens, without a server or a network.

    The model is verified before it is there: a process that cannot import Encore loads it and runs
    it on the whole test split (a policy on an episode, a language model also on texts that it
    writes) in batches of 1, 7 and 32. Every number must be within 1e-5 of the run's, relatively
    where it is larger than 1, and every class, action and token the same, but where a translator
    finds two words equally probable. Otherwise nothing is published, and the first layer that
    differs is named.

    Beside the model lies manifest.json: what it takes and gives, the run, the data and their
    licence, what was compared, and the command that exports it again; and load.py, which loads it
    without Encore.""",
    arguments=(
        RUN,
        Argument("DIR", "the new folder [exports/NAME-DIGEST-sSEED-FORM]", required=False),
    ),
    options=Options,
    examples=(
        ("export digits_cnn", "as StableHLO, into a folder of its own below exports/"),
        ("export cartpole_ppo --to onnx pole", "as ONNX, into the folder pole"),
        ("export digits_cnn --to web digits", "a page on which one draws digits"),
        ("export digits_cnn --checkpoint best --unfinished", "of a run that is still under way"),
    ),
    exits=(Exit.DIFFERENCE, Exit.DAMAGED, Exit.STOPPED),
    execute=execute,
    works=True,
)
