"""The shape of a U-Net, whatever its blocks are. Notation: h (B, H, W, C_l) features of level l = 1, ..., L."""

import keras


def u_shape(x, widths, block, *, down, up, join) -> keras.KerasTensor:
    """Return the features (B, H, W, C_1) of a network shaped like a U, whatever its blocks are.

        e_1 = block(x),  e_{l+1} = block(down(e_l))                              encoder
        d_L = e_L,       d_l = block(join(e_l, up(d_{l+1})))                     decoder

    A network that takes more than images, such as the noise level of a diffusion, passes a `block` that knows it.

    Args:
        x: symbolic tensor (B, H, W, C).
        widths: C_1, ..., C_L.
        block: function `(h, channels, name) -> h` that keeps the sides.
        down: function `(h, name) -> h` that halves the sides.
        up: function `(h, channels, name) -> h` that doubles them.
        join: function `(skipped, h, name) -> h`.
    """
    h, skipped = x, []
    for level, width in enumerate(widths[:-1]):
        h = block(h, width, f"down_{level}")
        skipped.append(h)
        h = down(h, f"pool_{level}")
    h = block(h, widths[-1], "bottom")
    for level in reversed(range(len(widths) - 1)):
        h = join(skipped[level], up(h, widths[level], f"up_{level}"), f"join_{level}")
        h = block(h, widths[level], f"merge_{level}")
    return h
