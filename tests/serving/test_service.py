"""A service over HTTP: answers are the model's to the bit, and each bad request has its status."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.prediction import Classes, by_rows
from research.serving.service import Limits
from tests.serving.served import classifier, forecaster, policy, predictor_of, serving

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def bits(rows):
    return np.float32(rows).tobytes()


def ask_together(client, requests, threads=16):
    """The answers to many requests, asked at the same time."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda x: client.predict({"x": x.tolist()}), requests))


def random_requests(count=60, width=3):
    rng = np.random.default_rng(1)
    return [
        rng.normal(size=(rng.integers(1, 6), width)).astype(np.float32) for _ in range(count)
    ]  # fmt: skip


def test_alone_or_beside_others_an_answer_has_the_bits_of_predict():
    predictor, state = forecaster(200)
    predict = by_rows(predictor)
    requests = random_requests(width=200)
    with serving(predictor, state) as client:
        alone = client.predict({"x": requests[0].tolist()}).content
        answers = ask_together(client, requests)
        metrics = client.ask("/metrics").content
    assert bits(alone["outputs"]["mean"]) == predict(state, {"x": requests[0]})["mean"].tobytes()
    for x, answer in zip(requests, answers, strict=True):
        expected = predict(state, {"x": x})["mean"]
        assert (
            answer.status == 200 and bits(answer.content["outputs"]["mean"]) == expected.tobytes()
        )
        assert (
            bits([one["level"] for one in answer.content["answers"]]) == expected[:, -1:].tobytes()
        )
    # They did share blocks: fewer of these than requests.
    blocks, rows = (
        float(re.search(rf"encore_batch_rows_{name} (\S+)", metrics)[1])
        for name in ("count", "sum")
    )
    assert blocks < 1 + len(requests) and rows == len(requests[0]) + sum(map(len, requests))


def test_the_control_another_last_bit_is_found_out():
    predictor, state = forecaster()

    def apply(state, inputs):
        made = predictor.apply(state, inputs)
        return {**made, "mean": jnp.nextafter(made["mean"], jnp.inf)}

    predict, requests = by_rows(predictor), random_requests()
    with serving(predictor._replace(apply=apply), state, Limits(wait=0.05)) as client:
        answers = ask_together(client, requests)
    same = [
        bits(answer.content["outputs"]["mean"]) == predict(state, {"x": x})["mean"].tobytes()
        for x, answer in zip(requests, answers, strict=True)
    ]
    assert not any(same)


def test_a_class_is_named_and_a_memory_goes_there_and_back():
    predictor, state = classifier()
    with serving(predictor, state) as client:
        answer = client.predict({"image": [[3, 200], [200, 3]]})
        assert answer.content["answers"] == [{"class": "right"}, {"class": "left"}]
    predictor, state = policy()
    with serving(predictor, state) as client:
        one = client.predict({"observation": [[0.75]]}).content
        two = client.predict({"observation": [[0.75]]}, carried=one["carried"]).content
        anew = client.predict({"observation": [[0.75]]}).content
    assert one == {
        "outputs": {"action": [0]}, "carried": {"memory": [[0.75]]}, "answers": [{"action": "wait"}]
    }  # fmt: skip
    assert two["carried"] == {"memory": [[1.5]]} and two["answers"] == [{"action": "go"}]
    assert anew == one


@pytest.fixture(scope="module")
def small():
    """A service with low limits."""
    predictor, state = classifier()
    with serving(predictor, state, Limits(body=200, rows=3)) as client:
        yield client


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ({"body": b"{"}, 400, "the body is not JSON"),
        ({"path": "/predictions", "body": {}}, 404, "there is no /predictions; there are /"),
        ({"path": "/predict"}, 405, "/predict takes POST, not GET"),
        ({"path": "/health", "body": {}}, 405, "/health takes "),
        ({"body": b" " * 201}, 413, "a body has at most 200 bytes"),
        ({"body": {}, "media": "text/plain"}, 415, "must be application/json, not text/plain"),
        ({"body": {}, "media": ""}, 415, "must be application/json, not missing"),
        ({"body": {}, "Content-Encoding": "gzip"}, 415, "not as Content-Encoding gzip"),
        ({"body": {"inputs": {"image": [1]}}}, 422, "has the shape [1]; it must be uint8"),
        ({"body": {"inputs": {"image": [[0, 1]] * 4}}}, 422, "1 to 3 rows, not 4"),
    ],
)  # fmt: skip
def test_a_bad_request_has_one_clear_answer(small, asked, status, says):
    answer = small.ask(**{"path": "/predict", **asked})
    assert answer.status == status and says in answer.content["error"]
    assert answer.content.keys() == {"error", "kind"}
    # The control: the service is as it was.
    assert small.predict({"image": [[1, 2]]}).status == 200


def test_a_body_without_a_length_is_measured_as_it_comes(small):
    parts = iter([b'{"inputs": ', b" " * 300, b"}"])
    connection = http.client.HTTPConnection("127.0.0.1", small.port, timeout=60)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/predict", parts, headers, encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 413 and b"at most 200 bytes" in response.read()
    connection.close()


def test_the_pages_are_whole_and_the_command_on_them_works(small):
    index, docs = small.ask("/"), small.ask("/docs")
    assert index.status == docs.status == 200
    for page in (index.content, docs.content):
        # Nothing is loaded from anywhere.
        assert not re.search(r"(src|href)=\"(https?:)?//", page) and "@import" not in page
        assert "test/model, seed 0" in page
    assert "default-src 'none'" in index.headers["Content-Security-Policy"]
    command = re.search(r"-d (?:&#39;)(.*?)(?:&#39;)", index.content)[1].replace("&#34;", '"')
    assert small.ask("/predict", command.encode()).status == 200
    assert json.loads(command) == small.ask("/example").content
    assert small.ask("/health").content == {
        "status": "ok", "experiment": "test/model", "step": 7
    }  # fmt: skip


def test_the_description_names_what_is_taken_and_given(small):
    told = small.ask("/openapi.json").content
    assert {*told["paths"]} == {
        "/", "/predict", "/example", "/docs", "/openapi.json", "/health", "/metrics"
    }  # fmt: skip
    post = told["paths"]["/predict"]["post"]
    taken = post["requestBody"]["content"]["application/json"]["schema"]["properties"]["inputs"]
    pixel = {"type": "integer", "minimum": 0, "maximum": 255}
    row = {"type": "array", "items": pixel, "minItems": 2, "maxItems": 2}
    assert taken["properties"]["image"]["items"] == row
    assert taken["properties"]["image"]["maxItems"] == 3
    assert {*post["responses"]} == {"200", "400", "408", "413", "415", "422", "500", "503", "504"}
    given = post["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert given["outputs"]["properties"]["probability"]["description"] == "float32 [rows, 2]"


def test_metrics_count_what_was_asked_and_what_was_refused():
    predictor, state = classifier()
    with serving(predictor, state) as client:
        for value in (1, 2, 300):
            client.predict({"image": [[value, 0]]})
        client.ask("/nowhere")
        metrics = client.ask("/metrics")
    for line in (
        'encore_requests_total{status="200"} 2.0', 'encore_requests_total{status="404"} 1.0',
        'encore_errors_total{kind="input"} 1.0', 'encore_errors_total{kind="path"} 1.0',
        "encore_request_seconds_count 3.0", "encore_batch_rows_sum 2.0", "encore_queue_length 0.0",
    ):  # fmt: skip
        assert line in metrics.content.splitlines()
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert client.service.figures.total() == {"requests": 5, "errors": 2}


class Gate:
    """A classifier's program that waits until it may."""

    def __init__(self, service):
        self.free, self.begun = threading.Event(), threading.Event()
        self._predict = service._predict
        service._predict = self

    def __call__(self, state, arrays):
        self.begun.set()
        assert self.free.wait(30)
        return self._predict(state, arrays)


def test_no_time_and_no_room_are_told_apart():
    predictor, state = classifier()
    limits = Limits(queue=1, seconds=1.5)
    with serving(predictor, state, limits) as client, ThreadPoolExecutor(2) as pool:
        gate = Gate(client.service)
        computed = pool.submit(client.predict, {"image": [[1, 2]]})
        assert gate.begun.wait(30)
        waits = pool.submit(client.predict, {"image": [[1, 2]]})
        client.wait_for_queue(1)
        busy = client.predict({"image": [[1, 2]]})
        assert busy.status == 503 and busy.headers["Retry-After"] == "1"
        assert "the queue is full, 1 long" in busy.content["error"]
        for late in (computed.result(), waits.result()):
            assert late.status == 504 and "no answer within 1.5 s" in late.content["error"]
        gate.free.set()
        assert client.predict({"image": [[1, 2]]}).status == 200


def test_a_body_that_does_not_come_is_not_waited_for():
    predictor, state = classifier()
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with (
        serving(predictor, state, Limits(seconds=0.2)) as client,
        socket.create_connection(("127.0.0.1", client.port), timeout=30) as slow,
    ):
        slow.sendall(head + b"Content-Length: 50\r\n\r\n{")
        answer = slow.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408") and b"the body did not come within 0.2 s" in answer


def test_a_model_that_fails_is_told_and_the_service_goes_on(capfd):
    predictor, state = classifier()
    with serving(predictor, state) as client:
        predict = client.service._predict
        client.service._predict = lambda state, arrays: 1 // 0
        failed = client.predict({"image": [[1, 2]]})
        client.service._predict = predict
        assert client.predict({"image": [[1, 2]]}).status == 200
    assert failed.status == 500 and failed.content["error"].startswith("ZeroDivisionError")
    assert failed.content["kind"] == "fault"


def test_a_stop_finishes_what_is_under_way_and_refuses_the_new():
    predictor, state = classifier()
    with ThreadPoolExecutor(3) as pool, serving(predictor, state) as client:
        gate = Gate(client.service)
        asked = [pool.submit(client.predict, {"image": [[1, 2]]})]
        assert gate.begun.wait(30)
        asked += [pool.submit(client.predict, {"image": [[1, 2]]}) for _ in range(2)]
        client.wait_for_queue(2)
        client.server.should_exit = True
        deadline = time.monotonic() + 30
        while True:
            try:
                client.ask("/health")
            except OSError:
                break
            assert time.monotonic() < deadline
        assert not any(one.done() for one in asked)
        gate.free.set()
        assert [one.result().status for one in asked] == [200, 200, 200]


def test_a_model_of_no_rows_to_itself_is_served_with_its_own_names():
    names = predictor_of(
        lambda state, inputs: {"probability": jax.nn.one_hot(inputs["token"], 3)},
        {"token": jax.ShapeDtypeStruct((1,), jnp.int32)},
        Classes(lambda: ("a", "b", "c")),
    )
    with serving(names, ()) as client:
        answer = client.predict({"token": [2, 0]})
        assert [one["class"] for one in answer.content["answers"]] == ["c", "a"]
        assert "must be nested lists, int32 [rows]" in client.predict({"token": 2}).content["error"]
