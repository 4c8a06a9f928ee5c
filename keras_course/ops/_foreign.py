"""Arrays for other people's libraries."""

from typing import Any

import numpy as np


def torch_tensor(array: np.ndarray) -> Any:
    """Return a copy of an array as a tensor of PyTorch, whichever backend Keras runs on."""
    import torch

    return torch.tensor(array)
