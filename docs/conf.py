"""How Sphinx builds the site: `sphinx-build -W -b html docs docs/_build/html`, without network, on any one backend.

Pages are the Markdown files beside this one. Two folders are written anew for each build: `tutorials/`, the course's
tutorials with their links fitted to this place, and `api/`, one page for each public module, read from its docstrings.
"""

import importlib.util
import inspect
import os
import pathlib
import re
import shutil

import keras_course

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "KERAS_BACKEND" not in os.environ:
    installed = keras_course.backend.available()
    keras_course.backend.use(next(name for name in ("jax", "torch", "tensorflow") if name in installed))

project = "keras_course"
version = release = keras_course.__version__
copyright = "the keras_course authors"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # copies MathJax into the site, which then needs no network
    "sphinx_design",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "keras_course"

# Markdown as GitHub reads it
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3

# Docstrings: single backticks are code, and what Keras says of its own methods is left to Keras
default_role = "code"
autodoc_member_order = "groupwise"
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Differences from the paper", ("Call arguments", "params_style")]


def write_tutorials():
    """Copy the tutorials and their figures into the tree that Sphinx reads; their README becomes the index."""
    source, target = ROOT / "tutorials", HERE / "tutorials"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for page in target.glob("*.md"):
        text = relink(page.read_text(encoding="utf-8"), source, target).replace("](README.md)", "](index.md)")
        page.write_text(text, encoding="utf-8")
    index = (target / "README.md").rename(target / "index.md")
    titles = "\n".join(re.findall(r"\]\(([\w-]+)\.md\)", index.read_text(encoding="utf-8").split("## Lectures")[1]))
    index.write_text(f"{index.read_text(encoding='utf-8')}\n{toctree(titles)}", encoding="utf-8")


def relink(text, source, target):
    """Fit the relative links of a page in `source` to its copy in `target`; a link to a folder becomes plain text."""

    def fit(link):
        words, path, anchor = link.groups(default="")
        goal = (source / path).resolve()
        if goal.is_dir():
            return f"`{goal.relative_to(ROOT)}/`"
        if source in goal.parents or not goal.exists():
            return link.group()
        return f"[{words}]({os.path.relpath(goal, target)}{anchor})"

    return re.sub(r"(?<!!)\[([^\]]*)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)", fit, text)


def read_page(app, name, source):
    """Point the links of a page to the tutorials at their copies in the tree that Sphinx reads."""
    text = re.sub(r"(\]\(|^\[[^\]]+\]: )\.\./tutorials/", r"\1tutorials/", source[0], flags=re.MULTILINE)
    source[0] = text.replace("(tutorials/README.md)", "(tutorials/index.md)")


def write_api():
    """Write a page for each public module that is there, and their index."""
    folder = HERE / "api"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = ["keras_course", *(f"keras_course.{name}" for name in sorted(public_modules()))]
    for name in names:
        directive = f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"
        (folder / f"{name}.md").write_text(f"# {name}\n\n{directive}", encoding="utf-8")
    index = f"# Reference\n\nEvery public name, by module.\n\n{toctree(chr(10).join(names))}"
    (folder / "index.md").write_text(index, encoding="utf-8")


def public_modules():
    """Return the names that `keras_course` hands out and that are modules."""
    return {name for name in dir(keras_course) if importlib.util.find_spec(f"keras_course.{name}") is not None}


def toctree(lines):
    return f"```{{toctree}}\n:maxdepth: 1\n\n{lines}\n```\n"


def mark_equations(app, what, name, object, options, lines):
    """Make a literal block of the indented lines of a docstring that follow a colon: they are equations."""
    for i in range(len(lines) - 2):
        opens = lines[i].endswith(":") and not lines[i].endswith("::") and not lines[i + 1].strip()
        if opens and indent(lines[i + 2]) > indent(lines[i]):
            lines[i] += ":"


def indent(line):
    return len(line) - len(line.lstrip())


def list_presets(app, what, name, object, options, lines):
    """Name the presets of a builder, with the parameter counts that its papers give."""
    if hasattr(object, "from_preset"):
        counts = {preset: arguments.get("parameters") for preset, arguments in object.presets.items()}
        words = [f"`{preset}`" + (f" ({count:,} parameters)" if count else "") for preset, count in counts.items()]
        lines += ["", f"Presets, built by `{object.__name__}.from_preset`: {', '.join(words)}.", ""]


def show_arguments(app, what, name, object, options, signature, returns):
    """Give Keras classes the signature of their `__init__`; Keras's own `__new__` hides it."""
    if what == "class" and signature == "(*args, **kwargs)":
        parameters = list(inspect.signature(object.__init__).parameters.values())[1:]
        return str(inspect.Signature(parameters)), returns
    return None


def skip_fields(app, what, name, object, skip, options):
    """Leave out the fields of a named tuple, which its docstring explains as arguments, and what scikit-learn adds."""
    field = str(getattr(object, "__doc__", "")).startswith("Alias for field number")
    return True if field or re.fullmatch(r"set_\w+_request", name) else None


def setup(app):
    write_tutorials()
    write_api()
    app.connect("source-read", read_page)
    app.connect("autodoc-process-docstring", mark_equations, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", list_presets)
    app.connect("autodoc-process-signature", show_arguments)
    app.connect("autodoc-skip-member", skip_fields)
