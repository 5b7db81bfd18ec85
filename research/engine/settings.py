"""JAX's settings that change bits or break a run, and the value that Encore stands for of each."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One of `jax.config`, set by the environment variable of its name in capitals.

    Attributes:
        value: what Encore stands for, JAX's own default, as `str` shows it.
        meaning: what another value does.
    """

    value: str
    meaning: str


_COMPILED = "programs are compiled in another way"
_TRACED = "programs are traced in another way"
_GUARDED = "transfers between host and device are refused"
SETTINGS = {
    "jax_enable_x64": Setting("False", "64-bit values are on"),
    "jax_default_matmul_precision": Setting("None", "the precision of matrix products is set"),
    "jax_default_prng_impl": Setting("threefry2x32", "another random generator is set"),
    "jax_threefry_partitionable": Setting("True", "random numbers come in another order"),
    "jax_random_seed_offset": Setting("0", "all seeds are shifted"),
    "jax_high_dynamic_range_gumbel": Setting("False", "categories are drawn in another way"),
    "jax_numpy_dtype_promotion": Setting("standard", "types are promoted by other rules"),
    "jax_numpy_rank_promotion": Setting("allow", "shapes are matched by other rules"),
    "jax_legacy_prng_key": Setting("allow", "keys of the old kind are refused"),
    "jax_softmax_custom_jvp": Setting("False", "the gradient of softmax is another formula"),
    "jax_allow_f16_reductions": Setting("True", "sums of 16-bit values are taken in another type"),
    "jax_disable_jit": Setting("False", "nothing is compiled"),
    "jax_disable_most_optimizations": Setting("False", _COMPILED),
    "jax_optimization_level": Setting("UNKNOWN", _COMPILED),
    "jax_memory_fitting_level": Setting("O2", _COMPILED),
    "jax_exec_time_optimization_effort": Setting("0.0", _COMPILED),
    "jax_memory_fitting_effort": Setting("0.0", _COMPILED),
    "jax_compiler_enable_remat_pass": Setting("True", _COMPILED),
    "jax_use_direct_linearize": Setting("True", _TRACED),
    "jax_use_simplified_jaxpr_constants": Setting("False", _TRACED),
    "jax_custom_vjp3": Setting("False", _TRACED),
    "jax_remat3": Setting("False", _TRACED),
    "jax_scan3": Setting("False", _TRACED),
    "eager_constant_folding": Setting("False", _TRACED),
    "jax_transfer_guard": Setting("None", _GUARDED),
    "jax_transfer_guard_host_to_device": Setting("None", _GUARDED),
    "jax_transfer_guard_device_to_device": Setting("None", _GUARDED),
    "jax_transfer_guard_device_to_host": Setting("None", _GUARDED),
}
"""Name -> what it is set to, whatever the environment says; all are in a run's fingerprint."""

_WORDS = {
    **dict.fromkeys(("y", "yes", "t", "true", "on", "1"), "True"),
    **dict.fromkeys(("n", "no", "f", "false", "off", "0"), "False"),
}


def settle_settings(environment: MutableMapping[str, str] = os.environ) -> Iterator[str]:
    """Set each of `SETTINGS`, in the environment or in JAX where it is imported.

    Args:
        environment: that of this process.

    Yields:
        A sentence for each that was another.
    """
    imported = sys.modules.get("jax")
    for name, setting in SETTINGS.items():
        variable = name.upper()
        found = environment.pop(variable, "")
        if imported is None:
            said = f"{variable}={found}" if found and not _means(found, setting.value) else ""
        else:
            said = _set(imported.config, name, setting.value)
        if said:
            yield f"{said} was replaced by {setting.value}: with it {setting.meaning}"


def _means(text: str, value: str) -> bool:
    """Whether JAX reads a variable's text as that value."""
    return text == value or (value in _WORDS.values() and _WORDS.get(text.lower()) == value)


def _set(config: Any, name: str, value: str) -> str:
    """Set a value in JAX's configuration; what it was where it was another, else nothing."""
    found = config.values.get(name)
    if name not in config.values or str(found) == value:
        return ""
    try:
        config.update(name, ast.literal_eval(value))
    except ValueError:  # a word
        config.update(name, value)
    return f"{name}={found}"
