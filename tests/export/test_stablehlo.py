"""StableHLO: how long it can be read for certain, and the platforms that it is left out for."""

import datetime

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.export.stablehlo import readable_until, write_stablehlo

pytestmark = pytest.mark.usefixtures("plainly_compiled")


@pytest.mark.parametrize(
    ("made", "until"),
    [
        ("2026-11-30", "2027-05-30"),
        ("2026-08-31", "2027-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2026-06-15", "2026-12-15"),
        ("2026-07-01", "2027-01-01"),
    ],
)
def test_it_is_read_for_six_months(made, until):
    day = datetime.date.fromisoformat
    assert readable_until(day(made)) == day(until)


def test_a_platform_that_lacks_an_operation_is_left_out_with_a_word(tmp_path):
    def spectrum(inputs):
        matrix = inputs["x"][:, :, None] * jnp.ones(3)
        return {"y": jnp.real(jnp.linalg.eigvals(matrix))}

    examples = {"x": jax.ShapeDtypeStruct((1, 3), jnp.float32)}
    written = write_stablehlo(spectrum, examples, tmp_path / "model")
    assert "cpu" in written.platforms and "tpu" not in written.platforms
    assert any(word.startswith("does not run on tpu: ") for word in written.refused)
    assert len(written.platforms) + len(written.refused) == 3
    model = jax.export.deserialize(bytearray((tmp_path / "model").read_bytes()))
    made = model.call({"x": np.ones((5, 3), np.float32)})["y"]
    np.testing.assert_allclose(np.sort(made, axis=1), [[0, 0, 3]] * 5, atol=1e-5)
    assert written.versions["stablehlo"].startswith("1.")


def test_what_is_lowered_nowhere_is_refused(tmp_path):
    def uneven(inputs):
        return {"y": inputs["x"].reshape(-1, 7)}

    examples = {"x": jax.ShapeDtypeStruct((1, 3), jnp.float32)}
    with pytest.raises(ValueError, match="it cannot be lowered: .*"):
        write_stablehlo(uneven, examples, tmp_path / "model")
    assert not (tmp_path / "model").exists()
