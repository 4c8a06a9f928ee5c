"""Recorded measurements: rows of results with the machine they were measured on, and the pages made from them.

Training runs and benchmarks share this package. Importing it imports neither Keras nor a backend.
"""

from keras_course.records._files import docs_of_checkout, read_rows, record_results, record_speeds, write_pages
from keras_course.records._machine import commit, list_backends, machine, origin, today, uncommitted, versions
from keras_course.records._performance_page import performance_chart, performance_page
from keras_course.records._results_page import results_page
from keras_course.records._rows import check_row, recipe_row

__all__ = [
    "check_row",
    "commit",
    "docs_of_checkout",
    "list_backends",
    "machine",
    "origin",
    "performance_chart",
    "performance_page",
    "read_rows",
    "recipe_row",
    "record_results",
    "record_speeds",
    "results_page",
    "today",
    "uncommitted",
    "versions",
    "write_pages",
]
