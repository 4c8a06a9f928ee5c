"""The type of tensors in annotations."""

from typing import Any

Tensor = Any  # a tensor of the backend that runs, a symbolic one, or what Keras makes a tensor of
