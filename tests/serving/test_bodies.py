"""Bodies: floats cross JSON without a bit lost, and what is wrong has one message."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from research.serving.bodies import Refused, read_rows, write_outputs
from research.serving.pages import About, describe, write_example
from tests.serving.served import classifier, forecaster, policy

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=30)
@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.just(3)), elements=FINITE))
def test_every_float32_goes_there_and_comes_back_with_its_bits(x):
    predictor, _ = forecaster()
    body = write_outputs({"x": x}, (), ())
    rows = read_rows(body.replace(b'"outputs"', b'"inputs"'), predictor, 4)
    assert rows.size == len(x) and rows.arrays["x"].dtype == np.float32
    assert rows.arrays["x"].tobytes() == x.tobytes()


def test_the_control_six_digits_lose_bits():
    x = np.random.default_rng(0).normal(size=(1, 3)).astype(np.float32) / 3
    rounded = json.dumps({"inputs": {"x": [[float(f"{value:.6g}") for value in x[0]]]}})
    rows = read_rows(rounded.encode(), forecaster()[0], 4)
    assert rows.arrays["x"].tobytes() != x.tobytes()


def test_null_is_a_missing_number_where_a_model_knows_what_to_do_with_it():
    predictor, body = forecaster()[0], b'{"inputs": {"x": [[1, null, 3]]}}'
    rows = read_rows(body, predictor._replace(missing=True), 4)
    assert np.array_equal(rows.arrays["x"], [[1, np.nan, 3]], equal_nan=True)
    assert refusal(body, predictor) == (
        "input", "inputs.x holds null; it must be float32 [rows, 3]"
    )  # fmt: skip


def test_a_category_is_its_text_and_the_model_gets_its_place():
    shape = jax.ShapeDtypeStruct((1,), np.float32)
    predictor = forecaster()[0]._replace(
        examples={"place": shape}, categories={"place": ("bay", "", "inland")}
    )
    body = {"inputs": {"place": ["inland", "bay", "moon", None]}}
    rows = read_rows(json.dumps(body).encode(), predictor, 4)
    assert rows.arrays["place"].tolist() == [2, 0, 3, 1]
    assert rows.arrays["place"].dtype == np.float32
    # A number would be taken for a place by one and for a text by another.
    assert refusal({"inputs": {"place": ["bay", 2]}}, predictor) == (
        "input", "inputs.place holds a number; it must be texts [rows]"
    )  # fmt: skip
    assert refusal({"inputs": {"place": "bay"}}, predictor)[1] == (
        "inputs.place must be nested lists, texts [rows], not a text"
    )
    assert read_rows(json.dumps(write_example(predictor)).encode(), predictor, 4).size == 1
    taken = describe(About("x", {"step": 1}, predictor, {}, False), 4)["paths"]["/predict"]["post"]
    schema = taken["requestBody"]["content"]["application/json"]["schema"]
    place = schema["properties"]["inputs"]["properties"]["place"]
    assert place["items"] == {"type": ["string", "null"]} and place["description"] == "texts [rows]"


def test_what_is_not_finite_is_written_as_a_word():
    written = write_outputs({"mean": np.float32([[np.nan, np.inf, -np.inf, 1]])}, (), ())
    assert json.loads(written) == {"outputs": {"mean": [["nan", "inf", "-inf", 1.0]]}}


def refusal(body, predictor=None, most=4):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Refused) as caught:
        read_rows(raw, predictor or classifier()[0], most)
    return caught.value.kind, str(caught.value)


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"{", "json", "the body is not JSON: "),
        (b"", "json", "the body is not JSON: "),
        (b"\xff\xfe{}", "json", "the body is not JSON: "),
        (b'{"inputs": {"image": [[NaN, 1]]}}', "json", "NaN is no number in JSON"),
        (b"[" * 100_000, "json", "nested too deeply"),
        ([1], "input", 'the body must be an object with "inputs", not a list'),
        ({}, "input", 'the body lacks "inputs"'),
        ({"input": 1}, "input", 'unknown name "input"; did you mean inputs?'),
        ({"inputs": {}, "carried": {}}, "input", 'unknown name "carried"; there is "inputs"'),
        ({"inputs": []}, "input", 'inputs must be an object with "image", not a list'),
        ({"inputs": {}}, "input", 'inputs lacks "image"'),
        ({"inputs": {"imgae": []}}, "input", 'unknown name "imgae"; did you mean image?'),
        ({"inputs": {"image": 3}}, "input", "must be nested lists, uint8 [rows, 2], not a number"),
        ({"inputs": {"image": None}}, "input", "not null"),
        ({"inputs": {"image": [1, 2]}}, "input", "has the shape [2]; it must be uint8 [rows, 2]"),
        ({"inputs": {"image": [[1, 2, 3]]}}, "input", "has the shape [1, 3]"),
        ({"inputs": {"image": [[[1, 2]]]}}, "input", "is nested 3 lists deep"),
        ({"inputs": {"image": [[1, 2], [3]]}}, "input", "has lists of different lengths"),
        ({"inputs": {"image": [[1, [2]]]}}, "input", "has lists of different lengths"),
        ({"inputs": {"image": [["1", 2]]}}, "input", "inputs.image holds a text"),
        ({"inputs": {"image": [[True, 2]]}}, "input", "inputs.image holds true or false"),
        ({"inputs": {"image": [[None, 2]]}}, "input", "inputs.image holds null"),
        ({"inputs": {"image": [[{}, 2]]}}, "input", "inputs.image holds an object"),
        ({"inputs": {"image": [[-1, 2]]}}, "input", "holds -1; uint8 reaches from 0 to 255"),
        ({"inputs": {"image": [[256, 2]]}}, "input", "holds 256; uint8 reaches from 0 to 255"),
        ({"inputs": {"image": [[0.5, 2]]}}, "input", "holds 0.5; uint8 has whole numbers"),
        ({"inputs": {"image": [[10**400, 2]]}}, "input", "holds a number beyond all floats"),
        (b'{"inputs": {"image": [[1e999, 2]]}}', "input", "holds inf; uint8 reaches"),
        ({"inputs": {"image": [[0, 2]] * 5}}, "rows", "a request has 1 to 4 rows, not 5"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_body_is_named(body, kind, says):
    found, message = refusal(body)
    assert found == kind and says in message
    assert len(message) < 300 and "\n" not in message


def test_a_float_is_held_to_float32():
    assert (
        "holds 1e+39; float32 reaches"
        in refusal({"inputs": {"x": [[1e39, 0, 0]]}}, forecaster()[0])[1]
    )


def test_a_memory_is_zeros_at_first_and_must_fit_the_rows():
    predictor, _ = policy()
    rows = read_rows(b'{"inputs": {"observation": [[1], [2]]}}', predictor, 4)
    assert rows.arrays["memory"].tolist() == [[0], [0]]
    given = {"inputs": {"observation": [[1], [2]]}, "carried": {"memory": [[3]]}}
    kind, message = refusal(given, predictor)
    assert kind == "rows" and "observation has 2, memory has 1" in message
    assert "carried lacks" in refusal({**given, "carried": {}}, predictor)[1]


def test_whole_numbers_may_be_spelled_with_a_point():
    rows = read_rows(b'{"inputs": {"image": [[1.0, 2e1]]}}', classifier()[0], 4)
    assert rows.arrays["image"].tolist() == [[1, 20]]
    assert rows.arrays["image"].dtype == np.uint8
