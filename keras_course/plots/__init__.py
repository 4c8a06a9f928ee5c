"""Figures for any topic. Every function returns a Matplotlib `Figure`; a notebook shows it, and `savefig` saves it.

A figure that knows one topic is a function of the topic's package, such as `keras_course.autodiff.plot_tape`.
"""

from keras_course.plots._bars import grouped_bars, length_histogram, ratio_bars
from keras_course.plots._canvas import panels
from keras_course.plots._diagram import Arrow, Block, chain, diagram
from keras_course.plots._heatmaps import attention_map, visible
from keras_course.plots._images import decision_regions, image_grid
from keras_course.plots._lines import line_panels, lines, loss_curves
from keras_course.plots._magnitudes import magnitudes
from keras_course.plots._paths import descent_paths

__all__ = [
    "Arrow",
    "Block",
    "attention_map",
    "chain",
    "decision_regions",
    "descent_paths",
    "diagram",
    "grouped_bars",
    "image_grid",
    "length_histogram",
    "line_panels",
    "lines",
    "loss_curves",
    "magnitudes",
    "panels",
    "ratio_bars",
    "visible",
]
