"""JAX in miniature: a Python function is traced to a program, and programs are transformed.

`trace` runs a function on tracers, which record what is done to them as a `Program`: equations in
the order in which they were met, each one primitive applied to variables and constants. All else
reads programs. `jvp` and `vmap` interpret one with other meanings for its values: pairs of a
primal and a tangent, arrays with one more axis. `linearize` splits the program of a jvp into what
the primals alone determine and the rest, which is linear; `transpose` reads a linear program from
its end. `vjp` is both, and `grad` a vjp of a scalar.

Interpreters apply primitives by `bind`, as functions do. So what they do can be traced and
transformed in its turn: `grad(grad(f))`, `vmap(grad(f))`, `trace(grad(f), x)`.

A tracer knows the traces that it depends on, and there is no other state. An operation on tracers
of two functions, one inside the other, is recorded in both programs: for each, the other's values
are constants. The outer drops its copy when the inner function has returned, because whoever runs
the inner program does the operation with the values that are meant. So perturbations of two
derivatives are never confused.

Functions take arrays and return one array or a tuple of arrays. Arrays are NumPy's; those of one
operation have one dtype, which Python's numbers take over.

Source: Radul et al. 2023, "You Only Linearize Once" (POPL), for linearisation and transposition;
the design of JAX (Frostig, Johnson and Leary 2018, "Compiling machine learning programs via
high-level tracing").
"""
