"""Checks of arguments that several packages share: one call per concern, at the public boundary.

A check that fails raises a `ValueError` that names the argument, its value and the rule. `validate` puts the checks of
single arguments above a function, so that its body is left to the mathematics. What this module exports needs
NumPy only; the checks that need Keras are imported from `checks.tokens`, `checks.examples`, `checks.graphs` and
`checks.tensors`; those of zip archives, from `checks.archives`.
"""

from keras_course.checks._arrays import (
    as_array,
    as_chain,
    as_floats,
    as_matrices,
    as_points,
    as_real,
    as_row,
    finite,
    tensor,
)
from keras_course.checks._choices import instead_of
from keras_course.checks._derivatives import argument_numbers, jacobian_of, matched, one_array, positions, tuples
from keras_course.checks._kinds import checked, plain, seen_data
from keras_course.checks._numbers import (
    HIGHEST,
    between_0_and_1,
    flag,
    fraction,
    function,
    generator,
    is_number,
    is_whole,
    mapping,
    not_negative,
    number,
    numpy_seed,
    one_of,
    path,
    positive,
    string,
    strings,
    whole_number,
    whole_numbers,
)
from keras_course.checks._validate import choice, instance, validate, whole, wholes, within

__all__ = [
    "HIGHEST",
    "argument_numbers",
    "as_array",
    "as_chain",
    "as_floats",
    "as_matrices",
    "as_points",
    "as_real",
    "as_row",
    "between_0_and_1",
    "checked",
    "choice",
    "finite",
    "flag",
    "fraction",
    "function",
    "generator",
    "instance",
    "instead_of",
    "is_number",
    "is_whole",
    "jacobian_of",
    "mapping",
    "matched",
    "not_negative",
    "number",
    "numpy_seed",
    "one_array",
    "one_of",
    "path",
    "plain",
    "positions",
    "positive",
    "seen_data",
    "string",
    "strings",
    "tensor",
    "tuples",
    "validate",
    "whole",
    "whole_number",
    "whole_numbers",
    "wholes",
    "within",
]
