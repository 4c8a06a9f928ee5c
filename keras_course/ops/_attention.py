"""The attention kernels of the backends.

Notation: q (B, T, H, D) queries; k, v (B, N, G, D) keys and values, where G divides H.
"""

import keras

from keras_course.ops._types import Tensor

_BACKEND = keras.config.backend()
if _BACKEND == "jax":
    import jax
elif _BACKEND == "torch":
    import torch


def fused_attention(q, k, v, *, mask=None, bias=None, causal=False) -> Tensor | None:
    """Return softmax(q k' / sqrt(D) + bias) v, computed by a kernel of the backend, or None.

    PyTorch has kernels everywhere, JAX on GPUs. Elsewhere plain products are at least as fast, and the result is None.

    Args:
        q, k, v: queries, keys and values; H / G heads of q share one head of k and v.
        mask: booleans that broadcast to `(B, H, T, N)`, or None. Where a query may see no key, the output is 0.
        bias: numbers that broadcast to `(B, H, T, N)`, or None.
        causal: whether query t sees the keys up to t only (T = N); not together with `mask` or `bias`.
    """
    if _BACKEND == "torch":
        if bias is not None:
            if torch._C._functorch.is_functorch_wrapped_tensor(bias):
                return None  # within `torch.func` the kernel has no derivative with respect to its mask, the bias
            bias = bias.to(q.dtype)
            mask = bias if mask is None else torch.where(mask, bias, float("-inf"))
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        shape, groups = q.shape[:3], k.shape[1]
        if shape[2] == 1 and (mask is None or mask.shape[1] == 1):
            q = q.reshape(-1, groups, shape[1] // groups, q.shape[3])  # heads as queries: twice as fast for one token
        y = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=causal and shape[2] > 1, enable_gqa=q.shape[1] != groups
        )
        return y.reshape(*shape, -1).transpose(1, 2)
    if _BACKEND == "jax" and jax.default_backend() != "cpu":
        y = keras.ops.dot_product_attention(q, k, v, mask=mask, bias=bias, is_causal=causal)
        if mask is None:
            return y
        return y * keras.ops.cast(keras.ops.swapaxes(keras.ops.any(mask, axis=-1, keepdims=True), 1, 2), y.dtype)
    return None
