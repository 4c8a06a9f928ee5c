"""Figures of vision: boxes and masks over images, and diagrams of networks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_real, finite, instance, mapping, strings, validate, whole, wholes
from keras_course.plots import Arrow, Block, diagram, panels
from keras_course.vision._average_precision import Objects, as_objects

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#e6550d", "#3182bd", "#31a354", "#d6b616", "#756bb1", "#d6478f", "#17becf", "#8c564b", "#f4f4f4", "#333333")
MOST_IMAGES = 16


def _as_images(name, images):
    """Return images (N, H, W) or (N, H, W, 3) with values from 0 to 1."""
    images = as_real(name, images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or not images.size or (images.ndim == 4 and images.shape[-1] != 3):
        raise ValueError(f"{name} has shape {images.shape}; it must be (N, H, W), (N, H, W, 1) or (N, H, W, 3)")
    if len(images) > MOST_IMAGES:
        raise ValueError(f"{name} has {len(images)} images; a figure shows at most {MOST_IMAGES}")
    scale = 255 if images.dtype.kind in "iu" else 1
    images = images.astype("float64") / scale
    finite(**{name: images})
    return np.clip(images, 0, 1)


def plot_boxes(images, rows: Mapping[str, Sequence[Objects]], *, class_names: Sequence[str] = ()) -> "Figure":
    """Draw boxes over images: a column for each image, a row for each list of objects, a color for each class.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3), integers from 0 to 255 or numbers from 0 to 1.
        rows: label of a row, such as "true" or "found", to the `Objects` of each image.
        class_names: names for the legend; classes without one are numbered.

    Returns:
        A Matplotlib `Figure`. A box with a score has it at its upper border, in percent.

    Raises:
        ValueError: a row has another number of images, or images, boxes or names do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import Objects, plot_boxes
        >>> one = Objects(np.array([[1, 1, 5, 6]]), np.array([0]))
        >>> len(plot_boxes(np.zeros((1, 8, 8, 3)), {"true": [one]}).axes)
        1
    """
    from matplotlib.patches import Patch, Rectangle

    images = _as_images("images", images)
    mapping(rows=rows)
    strings(class_names=class_names)
    lists = {}
    for label, row in rows.items():
        scored = all(isinstance(entry, Objects) and entry.scores is not None for entry in row) if len(row) else False
        lists[label] = as_objects(f"rows[{label!r}]", row, scored=scored)
        if len(row) != len(images):
            raise ValueError(f"rows[{label!r}] has {len(row)} images; it must have {len(images)}, as images has")
    side = min(2.4, 9 / len(images))
    ratio = images.shape[1] / images.shape[2]
    size = side * len(images) + 0.4, (side * ratio + 0.1) * len(lists) + 0.4
    figure, axes = panels(*size, len(lists), len(images))
    seen = set()
    for line, (label, row) in zip(axes.reshape(len(lists), -1), lists.items(), strict=True):
        for ax, image, objects in zip(line, images, row, strict=True):
            _bare(ax, image)
            for k, (box, kind) in enumerate(zip(objects.boxes, objects.classes.tolist(), strict=True)):
                color = COLORS[kind % len(COLORS)]
                seen.add(kind)
                corner, extent = box[:2] - 0.5, box[2:] - box[:2]
                ax.add_patch(Rectangle(corner, *extent, fill=False, edgecolor=color, linewidth=1.4))
                if objects.scores is not None:
                    text = f"{100 * objects.scores[k]:.0f}"
                    ax.text(*corner, text, fontsize=6, color="white", backgroundcolor=color, va="bottom").set_bbox(
                        {"facecolor": color, "edgecolor": "none", "pad": 0.5}
                    )
        line[0].set_ylabel(label)
    names = [class_names[k] if 0 <= k < len(class_names) else f"class {k}" for k in sorted(seen)]
    handles = [Patch(color=COLORS[k % len(COLORS)], label=n) for k, n in zip(sorted(seen), names, strict=True)]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6), frameon=False)
    return figure


def _bare(ax, image):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def plot_segmentation(images, rows: Mapping[str, np.ndarray], *, class_names: Sequence[str] = ()) -> "Figure":
    """Draw images, and below them rows of masks over the images: a color for each class but class 0.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3), integers from 0 to 255 or numbers from 0 to 1.
        rows: label of a row, such as "true" or "predicted", to classes (N, H, W).
        class_names: names for the legend, class 0 first; classes without one are numbered.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: masks have another shape or hold no whole numbers from 0, or images or names do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import plot_segmentation
        >>> len(plot_segmentation(np.zeros((2, 8, 8)), {"true": np.eye(8, dtype=int)[None].repeat(2, 0)}).axes)
        4
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    images = _as_images("images", images)
    mapping(rows=rows)
    strings(class_names=class_names)
    masks = {}
    for label, row in rows.items():
        masks[label] = mask = as_real(f"rows[{label!r}]", row)
        if mask.dtype.kind not in "biu" or mask.shape != images.shape[:3] or mask.min() < 0:
            raise ValueError(f"rows[{label!r}] must hold whole numbers from 0, of the shape {images.shape[:3]}")
    colors = np.array([to_rgb(color) for color in COLORS])
    side = min(2.0, 9 / len(images))
    height = (side * images.shape[1] / images.shape[2] + 0.1) * (1 + len(masks)) + 0.4
    figure, axes = panels(side * len(images) + 0.4, height, 1 + len(masks), len(images))
    lines = axes.reshape(1 + len(masks), -1)
    lines[0, 0].set_ylabel("image")
    seen = sorted({int(k) for mask in masks.values() for k in np.unique(mask)} - {0})
    for ax, image in zip(lines[0], images, strict=True):
        _bare(ax, image)
    for line, (label, mask) in zip(lines[1:], masks.items(), strict=True):
        for ax, image, classes in zip(line, images, mask, strict=True):
            gray = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
            over = 0.2 * gray + 0.8 * colors[(classes.astype(int) - 1) % len(colors)]
            _bare(ax, np.where((classes > 0)[..., None], over, gray))
        line[0].set_ylabel(label)
    names = [class_names[k] if k < len(class_names) else f"class {k}" for k in seen]
    handles = [Patch(color=COLORS[(k - 1) % len(COLORS)], label=n) for k, n in zip(seen, names, strict=True)]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6), frameon=False)
    return figure


@validate(widths=wholes(1), side=whole(1))
def plot_unet(widths=(8, 16, 32), *, side=64) -> "Figure":
    """Draw a U-Net: its levels, and the connections between encoder and decoder.

    Args:
        widths: channels of the levels, at least two.
        side: of the image, in pixels.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there are fewer than two levels, or a number is out of its range.

    Example:
        >>> from keras_course.vision import plot_unet
        >>> len(plot_unet((8, 16)).axes)
        1
    """
    if len(widths) < 2:
        raise ValueError(f"widths={widths!r} must have at least two entries")
    last = len(widths) - 1
    blocks = {"image": Block(0, -1.1, "image", "data"), "logits": Block(2.4, -1.1, "logits", "data")}
    arrows = [Arrow("image", "e0", f"{side} x {side}")]
    for level, width in enumerate(widths):
        size = f"{side // 2**level} x {side // 2**level} x {width}"
        if level < last:
            blocks[f"e{level}"] = Block(0, 1.3 * level, "block")
            blocks[f"d{level}"] = Block(2.4, 1.3 * level, "block")
            arrows.append(Arrow(f"e{level}", f"d{level}", size))
        else:
            blocks["bottom"] = Block(1.2, 1.3 * level, "block")
    for level in range(last):
        below = f"e{level + 1}" if level + 1 < last else "bottom"
        arrows.append(Arrow(f"e{level}", below, "pool"))
        above = f"d{level + 1}" if level + 1 < last else "bottom"
        arrows.append(Arrow(above, f"d{level}", "up"))
    arrows.append(Arrow("d0", "logits", "1x1"))
    return diagram(blocks, arrows)


@validate(objects=instance(Objects), num_cells=whole(1, 100))
def plot_grid_cells(image, objects, num_cells=7) -> "Figure":
    """Draw the grid of YOLO on an image, the boxes of objects, and the cells that are responsible for them.

    Args:
        image: (H, W), (H, W, 1) or (H, W, 3).
        objects: the `Objects` of the image.
        num_cells: cells along each side.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: the image or the objects do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import Objects, plot_grid_cells
        >>> one = Objects(np.array([[1, 1, 5, 6]]), np.array([0]))
        >>> len(plot_grid_cells(np.zeros((8, 8, 3)), one, 4).axes)
        1
    """
    from matplotlib.patches import Rectangle

    image = _as_images("image", as_floats("image", image)[None] if np.ndim(image) in (2, 3) else image)[0]
    (objects,) = as_objects("objects", [objects])
    figure, (ax,) = panels(3.6, 3.6 * image.shape[0] / image.shape[1])
    _bare(ax, image)
    height, width = image.shape[0] / num_cells, image.shape[1] / num_cells
    for k in range(num_cells + 1):
        ax.plot([k * width - 0.5] * 2, [-0.5, image.shape[0] - 0.5], color="white", linewidth=0.7)
        ax.plot([-0.5, image.shape[1] - 0.5], [k * height - 0.5] * 2, color="white", linewidth=0.7)
    for box, kind in zip(objects.boxes, objects.classes.tolist(), strict=True):
        color = COLORS[kind % len(COLORS)]
        x, y = (box[:2] + box[2:]) / 2
        corner = np.floor(x / width) * width - 0.5, np.floor(y / height) * height - 0.5
        ax.add_patch(Rectangle(corner, width, height, facecolor=color, alpha=0.5))
        ax.add_patch(Rectangle(box[:2] - 0.5, *(box[2:] - box[:2]), fill=False, edgecolor=color, linewidth=1.6))
    return figure
