"""Figures of lecture 9 about applications: boxes in a point cloud, seen from above."""

from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_points, mapping, strings, validate
from keras_course.graphs._boxes import BOX
from keras_course.plots import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@validate(class_names=strings)
def plot_birds_eye(scenes, *, class_names=("background", "car", "cyclist", "pedestrian")) -> "Figure":
    """Draw points and boxes from above, one panel for each scene, with the x axis upward and the y axis to the left.

    Args:
        scenes: title to (points `(N, 3)`, labels `(N,)`, boxes), where a label is the class of a point, and boxes are a
            dict of arrays `(K, 7)` by their class. Points and boxes of a class have one color.
        class_names: names of the classes, for the legend.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there is no scene, a shape does not fit, or a class is none of the names.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import plot_birds_eye
        >>> car = np.array([[0.0, 0.0, 0.8, 4.0, 1.8, 1.5, 0.3]])
        >>> figure = plot_birds_eye({"one car": (np.eye(3), [1, 1, 0], {1: car})})
        >>> figure.axes[0].get_title()
        'one car'
    """
    mapping(scenes=scenes)
    checked = {title: _check_scene(f"scenes[{title!r}]", scene, len(class_names)) for title, scene in scenes.items()}
    figure, axes = panels(3.6 * len(checked), 3.0, 1, len(checked))
    for ax, (title, (points, labels, boxes)) in zip(axes, checked.items(), strict=True):
        for k, name in enumerate(class_names):
            color, mine = f"C{k}" if k else "0.7", labels == k
            ax.plot(-points[mine, 1], points[mine, 0], ".", color=color, markersize=3, label=name)
            for box in boxes.get(k, ()):
                ax.plot(*_outline(box), "-", color=color, linewidth=1.5)
        ax.set(aspect="equal", xlabel="to the right (m)")
        ax.set_title(title, fontsize=10, parse_math=False)
    axes[0].set_ylabel("ahead (m)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(class_names), fontsize=9)
    return figure


def _check_scene(name, scene, num_classes):
    if not isinstance(scene, tuple | list) or len(scene) != 3:
        raise ValueError(f"{name} must be (points, labels, boxes)")
    points, labels = as_points(scene[0], 3, name=f"{name}[0]"), np.asarray(scene[1])
    if labels.shape != (len(points),) or labels.dtype.kind not in "iu" or not set(labels) <= set(range(num_classes)):
        raise ValueError(
            f"{name}[1] must hold the class of each of {len(points)} points, one of the {num_classes} of class_names"
        )
    if not isinstance(scene[2], dict) or not set(scene[2]) <= set(range(num_classes)):
        raise ValueError(f"{name}[2] must be a dict of boxes by their class 0..{num_classes - 1}")
    boxes = {k: as_points(x, BOX, name=f"{name}[2][{k}]") for k, x in scene[2].items() if len(x)}
    return points, labels, boxes


def _outline(box):
    """Return the corners of a box from above, the first one again at the end: coordinates to the right, and ahead."""
    sides = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1], [1, 1]]) * box[3:5] / 2
    cos, sin = np.cos(box[6]), np.sin(box[6])
    ahead, left = (sides @ np.array([[cos, sin], [-sin, cos]]) + box[:2]).T
    return -left, ahead
