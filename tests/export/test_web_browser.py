"""Exported models in headless Chromium, driven as a person would: they answer as `predict` does."""

import contextlib
import functools
import http.server
import re
import shutil
import threading

import numpy as np
import pytest

playwright = pytest.importorskip(
    "playwright.sync_api", reason="requirements-oracles.txt is not installed"
)

from tests.export.browser_models import (  # noqa: E402
    chromium,
    export,
    gymnax_steps,
    step_by_hand,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium here"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm fetches ONNX Runtime Web"),
]
CLOSE = 1e-5


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield made
        made.close()


@contextlib.contextmanager
def opened(browser, address, *, offline=True, width=1200):
    """A page whose model is ready; what it logs, throws, or asks of others is a failure."""
    context = browser.new_context(offline=offline, viewport={"width": width, "height": 900})
    context.set_default_timeout(180_000)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    start = address.rpartition("/")[0]
    page.on(
        "request",
        lambda request: (
            request.url.startswith((start, "data:", "blob:")) or wrong.append(request.url)
        ),
    )
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    yield page
    assert not wrong
    context.close()


@contextlib.contextmanager
def served(folder):
    """The address of a folder that `http.server` serves."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


def on_disk(folder):
    return (folder / "index.html").as_uri()


def settle(page):
    """Until the model has answered all that it was asked."""
    page.wait_for_timeout(500)  # What matters is asked a quarter of a second later.
    page.evaluate("async () => { await encore.rested(); }")


# --- Pictures -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    from research.data.tfds_split import TfdsSplit

    columns = TfdsSplit("encore_digits", "test").load()
    examples = [
        {"inputs": {"image": columns["image"][k].tolist()}, "truth": str(columns["label"][k])}
        for k in range(4)
    ]
    made = export("vision/digits_cnn", [], tmp_path_factory.mktemp("digits"), examples)
    return made, columns["image"], columns["label"]


def draw(page, image):
    """Draw a test digit with the mouse: each run of ink in a row of it is a stroke."""
    box = page.locator("#canvas").bounding_box()
    place = lambda row, column: (  # noqa: E731
        box["x"] + box["width"] * (column + 0.5) / 8,
        box["y"] + box["height"] * (row + 0.5) / 8,
    )
    for row, values in enumerate(image[..., 0] >= 8):
        for run in re.finditer("1+", "".join(map(str, values.astype(int)))):
            page.mouse.move(*place(row, run.start()))
            page.mouse.down()
            page.mouse.move(*place(row, run.end() - 1), steps=2)
            page.mouse.up()
    settle(page)


def shown(page):
    """The pixels that the model was given, and the probabilities that it gave, as the page says."""
    numbers = page.text_content("#numbers").split()
    bars = page.eval_on_selector_all("#bars li", "(all) => all.map((one) => one.dataset.value)")
    return np.array(numbers, np.uint8).reshape(1, 8, 8, 1), np.array(bars, np.float32)


def test_real_digits_drawn_with_the_mouse_are_read_as_predict_reads_these_pixels(digits, browser):
    made, images, labels = digits
    right = 0
    with served(made.folder) as address, opened(browser, address, offline=False) as page:
        for digit in range(10):
            page.click("#clear")
            draw(page, images[np.flatnonzero(labels == digit)[2]])
            pixels, probability = shown(page)
            there = made.predict({"image": pixels})["probability"][0]
            assert np.abs(there - probability).max() <= CLOSE
            assert page.inner_text("#answer") == str(there.argmax())
            right += int(there.argmax() == digit)
        # As much is inked as in the data, where 4.9 of 16 is the mean.
        assert 4 < pixels.mean() < 6
        # A picture that was drawn stroke by stroke is not the picture, but near it.
        assert right >= 8
        page.click("#clear")
        settle(page)
        assert page.inner_text("#answer") == "–"


def test_the_part_that_mattered_is_the_one_without_which_predict_is_least_sure(digits, browser):
    made, images, _ = digits
    with opened(browser, on_disk(made.folder)) as page:
        page.click("#examples button >> nth=1")
        settle(page)
        pixels, _ = shown(page)
        np.testing.assert_array_equal(pixels[0], images[1])
        blanked = np.stack([pixels[0]] * 50)
        for k, (top, left) in enumerate(np.ndindex(7, 7)):
            blanked[k + 1, top : top + 2, left : left + 2] = 0
        there = made.predict({"image": blanked})["probability"]
        best = there[0].argmax()
        least, before = there[1:, best].min(), there[0, best]
        sentence = page.inner_text("#why").replace("\xa0", " ")
        if before - least >= 0.02:
            assert f"the probability of {best} falls from" in sentence
            assert f"to {100 * least:.1f} %" in sentence or least < 5e-4
        else:
            assert "by less than one point" in sentence or "falls from" in sentence


def test_a_digit_is_drawn_by_keyboard_alone(digits, browser):
    made, *_ = digits
    with opened(browser, on_disk(made.folder), width=400) as page:
        page.focus("#canvas")
        for _ in range(3):
            page.keyboard.press("Shift+ArrowUp")
        page.keyboard.press("Space")
        assert page.inner_text("#pen") == "Pen down"
        for _ in range(24):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        settle(page)
        pixels, probability = shown(page)
        # One stroke from the top to the bottom.
        assert (pixels[0, :, 2:6, 0].max(axis=1) > 8).all()
        there = made.predict({"image": pixels})["probability"][0]
        assert np.abs(there - probability).max() <= CLOSE
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        page.keyboard.press("Backspace")
        settle(page)
        assert page.inner_text("#answer") == "–"


def test_a_picture_of_ones_own_is_prepared_as_predict_does(digits, browser, tmp_path):
    from PIL import Image

    made, *_ = digits
    # Dark ink on grey paper, with a colour, taller than wide.
    row, column = np.mgrid[:120, :90]
    ink = (np.hypot(row - 60, (column - 45) * 1.4) - 30) ** 2 < 90
    picture = np.where(ink[..., None], (30, 40, 90), (225, 220, 210)).astype(np.uint8)
    file = tmp_path / "ring.png"
    Image.fromarray(picture).save(file)
    there = made.predictor.read(str(file)).inputs["image"]
    with opened(browser, on_disk(made.folder)) as page:
        page.set_input_files("#file", file)
        page.locator("#bars li.strong").wait_for()
        settle(page)
        pixels, probability = shown(page)
        # Pillow rounds between rows and columns, too.
        assert np.abs(pixels.astype(int) - there).max() <= 1
        assert (
            np.abs(made.predict({"image": pixels})["probability"][0] - probability).max() <= CLOSE
        )
        text = tmp_path / "note.png"
        text.write_text("no picture")
        page.set_input_files("#file", text)
        page.locator("#status", has_text="note.png cannot be used as a picture").wait_for()


# --- Characters -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    return export("sequence/char_rnn_stateful", ["--smoke"], tmp_path_factory.mktemp("characters"))


def greedy(made, prompt, length):
    """What the run writes: each character the likeliest."""
    symbols = made.predictor.outputs.symbols
    carried = {name: np.zeros(one.shape, one.dtype) for name, one in made.predictor.carried.items()}
    text, outputs = list(prompt.lower()), None
    for place in range(len(prompt) + length):
        token = np.array([symbols.index(text[place])], np.int32)
        outputs = made.predict({"token": token, **carried})
        carried = {name: outputs[name] for name in carried}
        if place >= len(prompt) - 1:
            text.append(symbols[int(outputs["logits"][0].argmax())])
    return "".join(text[: len(prompt) + length])


def test_a_prompt_is_continued_as_the_run_does(characters, browser):
    prompt, length = "Def the one", 120
    with opened(browser, on_disk(characters.folder)) as page:
        page.fill("#prompt", prompt)
        page.fill("#length", str(length))
        page.locator("#temperature").evaluate(
            "(one) => { one.value = 0; one.dispatchEvent(new Event('input')); }"
        )
        page.click("#write")
        page.locator("#progress", has_text=f"{length} characters written").wait_for()
        assert page.text_content("#text") == greedy(characters, prompt, length)


def test_writing_is_stopped_and_a_seed_repeats_it(characters, browser):
    with opened(browser, on_disk(characters.folder)) as page:
        page.fill("#prompt", "a\u2603b")
        assert "\u2603" in page.inner_text("#strange")

        def write(seed):
            page.fill("#seed", str(seed))
            page.fill("#length", "60")
            page.click("#write")
            page.locator("#progress", has_text="60 characters written").wait_for()
            text = page.text_content("#text")
            page.click("#clear")
            page.locator("#progress", has_text="characters").wait_for(state="hidden")
            return text

        first = write(1)
        assert first == write(1) != write(2)
        page.fill("#length", "100000")
        page.click("#write")
        page.wait_for_timeout(500)
        page.click("#write")
        page.locator("#progress", has_text="characters written").wait_for()
        assert 0 < len(page.text_content("#text")) < 100_000


# --- Actions --------------------------------------------------------------------------------------

STARTS = ([0.01, 0.02, -0.03, 0.04], [-0.05, 0.049, 0.05, -0.05], [0.0, 0.0, 0.15, 1.2])
"""The last one cannot be held."""


@pytest.fixture(scope="module")
def pole(tmp_path_factory):
    return export("rl/cartpole_ppo", [], tmp_path_factory.mktemp("pole"))


def test_an_episode_of_the_page_is_that_of_the_environment(pole, browser):
    with opened(browser, on_disk(pole.folder)) as page:
        for start in STARTS:
            steps = page.evaluate("(start) => encore.episode(start)", start)
            states = np.array([one["state"] for one in steps])
            assert (states == states.astype(np.float32)).all()
            by_hand = [
                step_by_hand(np.array(one["state"], np.float32), one["action"]) for one in steps
            ]
            np.testing.assert_array_equal(by_hand[:-1], states[1:])
            actions = [one["action"] for one in steps]
            there = pole.predict({"observation": states.astype(np.float32)})["action"]
            assert actions == there.tolist()
            # XLA's own sine differs by one in the last place, for one angle in fifty. A policy that
            # pushes one way or the other makes much of that, in a hundred steps: so step by step.
            after, done = gymnax_steps(states, actions)
            assert np.abs(after[:-1] - states[1:]).max() < 1e-6
            assert not done[:-1].any() and bool(done[-1]) == (len(steps) < 500)
            assert page.inner_text("#steps") == str(len(actions))
            over = "the whole episode" if len(actions) == 500 else f"after {len(actions)} steps"
            assert over in page.inner_text("#told")


def test_whoever_looks_on_can_push_pause_and_begin_anew(pole, browser):
    with opened(browser, on_disk(pole.folder)) as page:
        page.click("#run")
        assert page.inner_text("#run") == "Go on"
        page.keyboard.press("n")
        page.locator("#strength").evaluate(
            "(one) => { one.value = 20; one.dispatchEvent(new Event('input')); }"
        )
        page.locator("body").focus()
        page.keyboard.down("ArrowRight")
        page.locator("#told", has_text="after").wait_for()
        page.keyboard.up("ArrowRight")
        assert page.inner_text("#run") == "New episode"
        assert float(page.inner_text("#seen-1").split()[0].replace("−", "-")) > 1
        page.click("#run")
        assert page.inner_text("#told") == ""


# --- Values and translations ----------------------------------------------------------------------


def test_a_series_that_is_edited_is_forecast_as_predict_does(tmp_path, browser):
    made = export("sequence/lstm_ten_steps", ["--smoke"], tmp_path)
    window = made.predictor.examples["values"].shape[1]
    values = np.sin(np.arange(window + 5) / 3).round(3)
    with opened(browser, on_disk(made.folder), width=400) as page:
        page.fill("#values", " ".join(map(str, values[: window - 1])))
        assert "1 more" in page.inner_text("#trouble")
        page.fill("#values", "value\n" + "\n".join(map(str, values)))
        settle(page)
        assert f"The last {window} of {len(values)}" in page.inner_text("#trouble")
        rows = page.eval_on_selector_all(
            "#rows tr", "(all) => all.map((one) => +one.dataset.value)"
        )
        there = made.predict({"values": values[-window:].astype(np.float32)[None, :, None]})
        np.testing.assert_allclose(rows, there["mean"][0][-len(rows) :], atol=CLOSE)
        page.fill("#values", "1, 2, three")
        assert "three is no number" in page.inner_text("#trouble")
        assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_what_is_translated_is_written_as_the_run_does(tmp_path, browser):
    made = export("sequence/dates_encoder_decoder", ["--smoke"], tmp_path)
    text = "july 4, 1999"
    source = made.predictor.read(text).inputs["source"]
    tokens = made.predict({"source": source})["tokens"][0]
    with opened(browser, on_disk(made.folder)) as page:
        page.fill("#source", text + "\u2603")
        settle(page)
        assert "\u2603" in page.inner_text("#trouble")
        page.fill("#source", text)
        settle(page)
        assert page.inner_text("#target") == (
            made.predictor.outputs.target.decode(tokens).strip() or "(nothing)"
        )
        cut = "(facts) => encore.vocabulary(facts).cut"
        words = {"unit": "words", "lower": True, "symbols": ["", "", "", "", "you're"]}
        words |= {"padding": 0, "start": 1, "end": 2, "unknown": 3, "joint": " "}
        from research.data.text import PATTERN
        from research.data.text import cut as cut_here

        for hard in ("¿Dónde está? ΣΑΣ İ ß", "You're 'quoted' it’s x_y 12,5", "Don''t A'b'C"):
            parts = page.evaluate(
                f"([facts, text]) => ({cut})(facts)(text).map(({{ part }}) => part)",
                [{**words, "pattern": PATTERN}, hard],
            )
            assert parts == cut_here(hard, "words")
