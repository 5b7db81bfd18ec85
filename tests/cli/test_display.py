"""What a person sees of a run."""

import io

import pytest

from research.cli.display import LINE_SECONDS, Display, print_result, spell_figures

INFO = {
    "experiment": "alpha/probe",
    "seed": 3,
    "run_dir": "runs/alpha/probe/abc-s3",
    "step": 0,
    "steps": 1000,
    "items": "examples",
}
RESULT = {
    "experiment": "alpha/probe",
    "run_dir": "runs/" + "long/" * 40,
    "step": 1000,
    "complete": True,
    "digest": "d" * 64,
    "metrics": {"test/accuracy": 0.98765, "train/loss": None},
    "seconds": 12.34,
    "compile_seconds": 1.5,
    "items_per_second": 12345.6,
    "peak_memory_bytes": 2**30,
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def shown():
    progress, human, clock = io.StringIO(), io.StringIO(), Clock()
    return Display(progress, human, clock), progress, human, clock


def test_plain_lines_come_at_most_every_ten_seconds(shown):
    display, progress, _, clock = shown
    with display:
        display.started(INFO)
        for second in range(100):
            clock.now = second
            display.progress(second * 10, 1000, 640.0, {"train/loss": 0.5})
    lines = [line for line in progress.getvalue().splitlines() if line.startswith("step")]
    assert len(lines) == 99 // LINE_SECONDS
    assert lines[0] == "step 100 of 1,000 (10 %), 640 examples/s, 1:30 left, train loss 0.5"


WAITED = {
    "seconds": 6.0, "share": 0.5, "share_after_first": 0.4, "steps": 300, "slowest": "map",
    "stages": {"read": 0.5, "map": 4.5, "device": 0.0, "first": 1.0}, "remedy": "map less",
}  # fmt: skip


@pytest.mark.parametrize("waited", [WAITED, {**WAITED, "share_after_first": 0.01}, None])
def test_waiting_for_data_is_shown_where_it_matters(shown, waited):
    display, progress, human, clock = shown
    with display:
        display.started(INFO)
        for clock.now, step in ((40, 1), (51, 501)):
            if waited:
                display.waited(waited)
            display.progress(step, 1000, 640.0, {})
        display.finished(RESULT | ({"waited": waited} if waited else {}))
    line = progress.getvalue().splitlines()[-1]
    assert line.endswith(", waiting for data 40 % of the time (map)") == (waited is WAITED)
    words = "40 % of the time for data (read 0.5 s, map 4.5 s, device 0.0 s): map less"
    assert (words in human.getvalue()) == (waited is WAITED)
    assert ("wait" in progress.getvalue() + human.getvalue()) == (waited is WAITED)


def test_the_time_left_is_not_that_of_compiling(shown):
    display, progress, _, clock = shown
    with display:
        display.started(INFO)
        for clock.now, step in ((40, 1), (51, 501)):
            display.progress(step, 1000, 640.0, {})
    lines = [line for line in progress.getvalue().splitlines() if line.startswith("step")]
    assert [line.partition("/s")[2] for line in lines] == ["", ", 0:11 left"]


def test_plain_output_has_no_control_characters(shown):
    display, progress, human, _ = shown
    with display:
        display.started(INFO)
        display.note("something [bold]odd[/bold]")
        display.evaluated(1000, {"validation/accuracy": 0.5})
        display.finished(RESULT)
    text = progress.getvalue() + human.getvalue()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "something [bold]odd[/bold]" in text


def test_a_bar_on_a_terminal_and_figures_above_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    progress, human, clock = Terminal(), io.StringIO(), Clock()
    with Display(progress, human, clock) as display:
        display.started(INFO)
        clock.now = 5
        display.progress(500, 1000, 640.0, {"train/loss": 0.25})
        display.evaluated(500, {"validation/accuracy": 0.5})
        display.finished(RESULT)
    text = progress.getvalue()
    assert "\x1b[" in text
    assert "validation accuracy 0.5" in text
    assert "test/accuracy" in human.getvalue()
    assert display._bar is None


def test_the_bar_ends_when_the_run_fails(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    progress = Terminal()
    with pytest.raises(RuntimeError), Display(progress, io.StringIO()) as display:
        display.started(INFO)
        assert display._bar is not None
        raise RuntimeError
    assert display._bar is None
    assert progress.getvalue().count("\x1b[?25l") == progress.getvalue().count("\x1b[?25h")


def test_figures_that_repeat_are_shown_once(shown):
    display, progress, _, _ = shown
    display.started(INFO)
    display.evaluated(1000, {"test/accuracy": 0.5})
    display.evaluated(1000, {"test/accuracy": 0.5})
    display.evaluated(1000, {"test/accuracy": 0.75})
    assert progress.getvalue().count("test accuracy") == 2


def test_the_result_is_whole_and_never_cut():
    file = io.StringIO()
    print_result(RESULT, file)
    text = file.getvalue()
    assert RESULT["run_dir"] in text and RESULT["digest"] in text
    assert "0.9877" in text and "12,346 items a second" in text and "1.0 GiB" in text


def test_a_result_that_lacks_everything_still_prints():
    file = io.StringIO()
    print_result({"metrics": {"train/loss": "nan"}}, file)
    assert "nan" in file.getvalue() and "not complete" in file.getvalue()


def test_figures():
    line = spell_figures({"train/loss": 1.0, "test/accuracy": 0.5, "test/loss": 2.0})
    assert line == "test accuracy 0.5, loss 2, train loss 1"


def test_a_population_over_values_shows_each_value_by_itself():
    members = [
        {"seed": seed, "hyperparameters": {"learning_rate": rate}, "metrics": {"loss": loss}}
        for rate, losses in ((0.1, (1.0, 2.0, 3.0)), (0.001, (10.0, 10.0, 10.0)))
        for seed, loss in enumerate(losses)
    ]
    file = io.StringIO()
    # As an older version wrote it, with a spread over all.
    spread = {"loss": {"mean": 6.0, "low": 1.5, "high": 10.5, "members": 6}}
    print_result({"metrics": {"loss": 6.0}, "members": members, "spread": spread}, file)
    text = " ".join(file.getvalue().split())
    assert "Figures: learning-rate 0.1 loss 2 ± 2.5 95 % interval of the mean, 3 members" in text
    assert "Figures: learning-rate 0.001 loss 10 ± 0 95 % interval of the mean, 3 members" in text
    assert "6 members" not in text
    seeds = [{**member, "hyperparameters": {}} for member in members]
    file = io.StringIO()
    print_result({"metrics": {"loss": 6.0}, "members": seeds, "spread": spread}, file)
    assert "loss 6 ± 4.5 95 % interval of the mean, 6 members" in " ".join(file.getvalue().split())
