"""The words of `functions` as JAX has them: a function that is given either is written once."""

from types import SimpleNamespace

import jax.numpy as jnp
from jax.nn import logsumexp

from research.autodiff import functions

IN_JAX = SimpleNamespace(
    logsumexp=logsumexp,
    **{name: getattr(jnp, name) for name in functions.__all__ if name != "logsumexp"},
)
