"""How a tutorial page is executed, and how the output of each block is checked or written.

A page is one program: its Python blocks share a namespace and run in order. What a block prints stands below it in a
text block. The full run writes these outputs into the page. The short run computes other numbers, so it compares the
form only: the same lines, with any number for a number and any quoted text for a quoted text. A sample of several lines
is printed between lines of three quotation marks.
"""

import contextlib
import io
import re

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

BLOCK = re.compile(r"^(```python\n.*?^```\n)(?:\n```text\n(.*?)^```\n)?", flags=re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<!\w)[-+]?(?:\d[\d,]*\.?\d*(?:e[-+]?\d+)?|nan|inf)(?!\w)")
QUOTED = re.compile(r"\"{3}.*?\"{3}|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"", flags=re.DOTALL)


def run(path):
    """Execute the Python blocks of a page and return what each printed; a failure shows the page's own line."""
    printed = []
    for example in Sybil(parsers=[PythonCodeBlockParser()]).parse(path):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            example.evaluate()
        printed.append(output.getvalue())
    return printed


def form(output):
    """Return the lines of an output without its numbers, its quoted texts and the width of its columns."""
    masked = NUMBER.sub("0", QUOTED.sub("''", output.strip("\n")))
    masked = re.sub(r"(?<=\[) +| +(?=\])", "", masked)  # with which NumPy aligns the entries of an array
    return [" ".join(re.sub(r"-{3,}", "---", line).split()) for line in masked.splitlines()]


def check_outputs(path, printed):
    """Check that below each block stands what it prints, in the same form."""
    text = path.read_text(encoding="utf-8")
    for block, output in zip(BLOCK.finditer(text), printed, strict=True):
        shown, line = block.group(2) or "", text.count("\n", 0, block.start()) + 1
        assert form(output) == form(shown), f"{path.name}, block of line {line} prints\n{output}not\n{shown}"


def write_outputs(path, printed):
    """Write into the page what each of its blocks printed."""
    outputs = iter(printed)

    def write(block):
        lines = "\n".join(line.rstrip() for line in next(outputs).strip("\n").splitlines())
        return block.group(1) + (f"\n```text\n{lines}\n```\n" if lines else "")

    path.write_text(BLOCK.sub(write, path.read_text(encoding="utf-8")), encoding="utf-8")
