"""The command `keras-course`: list | train | generate | backends.

What a user can get wrong ends in one sentence on standard error and exit code 2, not in a traceback. Keras is imported
only once a backend has been chosen.
"""

import argparse
import contextlib
import os
import pathlib
import shlex
import sys

import keras_course
from keras_course import _registry, backend, recipes, records
from keras_course.checks import instead_of
from keras_course.recipes import _folder, _saved


def main(arguments=None) -> int:
    """Run the command with a list of arguments, by default those of the process; return the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets with a page of log otherwise
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:  # the reader of a pipe has had enough, as in `keras-course list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nkeras-course: interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError, ModuleNotFoundError, FloatingPointError) as error:
        print(f"keras-course: error: {error}", file=sys.stderr)
        return 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-course", description="Models of a deep-learning course: train them, and let them write."
    )
    parser.add_argument("--version", action="version", version=f"keras-course {keras_course.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_list, _add_train, _add_generate, _add_backends):
        add(commands)
    return parser


def _command(commands, run, name, text):
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _add_backend_option(parser, default):
    parser.add_argument("--backend", metavar="B", help=f"one of {', '.join(backend.BACKENDS)}; default: {default}")


def _select(name):
    """Choose the backend before anything imports Keras."""
    if name is not None:
        backend.use(name)
    backend.require()


# list --------------------------------------------------------------------------------------------------------------


def _add_list(commands):
    _command(commands, _list, "list", "list lectures, recipes, data sets and builders")


def _list(options):
    from keras_course import datasets
    from keras_course._lectures import LECTURES

    lectures = [(row.number, row.topic, row.title) for row in LECTURES if row.ready]
    print(_table("Lectures", ("number", "topic", "title"), lectures))
    runs = [
        (row.name, f"{row.builder}/{row.preset}", row.task.data, f"{row.steps:,}", row.minutes or "-", row.summary)
        for row in recipes.RECIPES.values()
    ]
    print(_table("Recipes", ("name", "model", "data", "steps", "minutes", "what for"), runs))
    sets = [(row.name, row.kind, row.size, row.license, row.offline) for row in datasets.list_datasets()]
    print(_table("Data sets", ("name", "kind", "size", "license", "without download"), sets))
    builders = [(row.name, f"{row.lecture} {row.topic}", ", ".join(row.presets)) for row in _registry.rows_in_source()]
    print(_table("Builders", ("name", "lecture", "presets"), builders), end="")
    return 0


def _table(title, heads, rows):
    """Return rows as aligned columns under a title."""
    rows = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    rows.insert(1, ["-" * width for width in widths])
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([title, "", *lines, ""])


# backends ----------------------------------------------------------------------------------------------------------


def _add_backends(commands):
    _command(commands, _backends, "backends", "show which backends are installed, their versions and devices")


def _backends(options):
    backend._check_name(backend.current())
    rows = [(("* " if name == backend.current() else "  ") + name, *rest) for name, *rest in records.list_backends()]
    print(
        _table("Backends (* is the one that runs when none is named)", ("  name", "version", "devices"), rows), end=""
    )
    return 0


# train -------------------------------------------------------------------------------------------------------------


def _add_train(commands):
    parser = _command(commands, _train, "train", "train a model by a recipe")
    parser.add_argument(
        "recipe",
        nargs="?",
        metavar="RECIPE",
        type=_recipe_name,
        help=f"one of {', '.join(recipes.RECIPES)}; default: {recipes.DEFAULT}",
    )
    _add_backend_option(parser, "KERAS_BACKEND, else ~/.keras/keras.json, else tensorflow")
    parser.add_argument(
        "--data", metavar="D", help="name of a data set, or path of a file, such as a text; default: the recipe's"
    )
    parser.add_argument("--steps", metavar="N", type=int, help="number of training steps; default: the recipe's")
    parser.add_argument("--seed", metavar="S", type=int, help="fixes weights, data order and dropout; default: 0")
    parser.add_argument(
        "--start", metavar="DIR", help="run to begin with, for a recipe that begins with another's weights"
    )
    parser.add_argument("--out", metavar="DIR", help="folder to write into; default: a new one below runs/")
    parser.add_argument("--resume", metavar="DIR", help="go on with the interrupted run in this folder")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results of this checkout")


def _recipe_name(text):
    if text not in recipes.RECIPES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a recipe; {instead_of(text, recipes.RECIPES)}")
    return text


def _train(options):
    if options.resume is not None and options.backend is None:
        options.backend = _folder.read_facts(options.resume)["backend"]
    _select(options.backend)
    docs = None
    if options.record:
        _refuse_changes(options)
        docs = records.docs_of_checkout()
    run = _train_into_folder(options)
    print(_report(run))
    if docs is not None:
        records.record_results([records.recipe_row(run.facts)], run.recipe.topic, docs, recipes.RECIPES)
        print(f"Recorded in {docs}")
    return 0


def _refuse_changes(options):
    """Raise a ValueError where the run is not what the recipe says: its result would be recorded under that name."""
    changed = [f"--{name}" for name in ("data", "steps") if getattr(options, name) is not None]
    changed += [name for name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH") if os.environ.get(name)]
    if changed:
        raise ValueError(f"--record records a recipe as it stands in the table: leave out {', '.join(changed)}.")
    if options.resume is not None:
        earlier = _folder.read_facts(options.resume)
        recipe = recipes.RECIPES.get(earlier["recipe"])
        if recipe is None:
            raise ValueError(f"--record: the run in {options.resume} is of {earlier['recipe']!r}, not a recipe")
        now = {"data": recipe.task.data, "steps": recipe.steps, "commit": records.commit(), "uncommitted": []}
        if changed := [name for name in now if earlier.get(name) != now[name]]:
            raise ValueError(
                f"--record cannot record the run in {options.resume}: its {', '.join(changed)} were not those of the "
                "recipe and of this commit when it was started."
            )


def _train_into_folder(options):
    """Train in the folder asked for or in a fresh one, and say how to go on where that is interrupted."""
    arguments = {name: getattr(options, name) for name in ("recipe", "data", "steps", "seed", "start", "out", "resume")}
    if options.resume is None and options.out is None:
        arguments["out"] = _folder.new_folder(_folder_name(options))
    folder = pathlib.Path(options.resume or arguments["out"])
    print(f"Training on {backend.current()}, into {folder}", flush=True)
    try:
        return recipes.train(**arguments)
    except (KeyboardInterrupt, OSError) as error:
        if not isinstance(error, FileExistsError | BlockingIOError) and _unfinished(folder):
            command = f"keras-course train --resume {shlex.quote(str(folder))}"
            print(f"\nTo go on with this run from its last complete epoch:\n  {command}", file=sys.stderr)
        raise


def _folder_name(options):
    """Return the name of a run's folder, which consists of the recipe and the data, if given, backend and seed."""
    recipe = options.recipe or (recipes.DEFAULT if options.data is None else None)
    parts = [recipe, options.data and _folder.safe_name(options.data), backend.current(), f"seed{options.seed or 0}"]
    return "-".join(part for part in parts if part)


def _unfinished(folder):
    return (folder / _folder.RUN).exists() and not _folder.read_facts(folder)["complete"]


def _report(run):
    """Return the lines that a training ends with."""
    facts, metric = run.facts, run.recipe.task.metric
    steps = f"{run.history['step'][-1]:,} steps" if run.history else "no training"
    parts = f", mean of {len(run.parts)} parts, standard deviation {facts['deviation']:.4f}" if run.parts else ""
    lines = [
        "",
        f"{metric.name}: {run.value:.4f} {metric.unit} (seed {facts['seed']}, {steps}, {facts['minutes']:.1f} minutes"
        f"{parts})",
    ]
    lines += [f"{name}: {value:.4f}" for name, value in facts["metrics"].items() if name != metric.name]
    if facts["expected"] is not None:
        reached = metric.reached(run.value, facts["expected"], facts["tolerance"])
        bound, side = ("at least", "less") if metric.higher_is_better else ("at most", "more")
        lines.append(
            f"expected: {bound} {facts['expected']} (up to {facts['tolerance']} {side} for one seed): "
            f"{'reached' if reached else 'NOT reached'}"
        )
    if facts["published"] is not None:
        lines.append(f"published: {facts['published']} ({facts['source']})")
    if isinstance(run.sample, str):
        lines += ["", "It writes:", "", run.sample]
    lines += ["", f"Everything is in {run.folder}. To use the model in Python:"]
    folder = (run.parts or (run,))[-1].folder  # each part has a model
    lines.append(f"  keras_course.load_model({str(folder)!r})")
    if "prompt" in facts:
        lines.append("To let it write more:")
        lines.append(f"  keras-course generate {shlex.quote(str(folder))} --prompt {shlex.quote(facts['prompt'])}")
    return "\n".join(lines)


# generate ----------------------------------------------------------------------------------------------------------


_WRITING = ("length", "temperature", "top_k", "top_p", "seed", "stop")


def _add_generate(commands):
    parser = _command(commands, _generate, "generate", "continue, translate or complete a text with a trained model")
    parser.add_argument("model", metavar="MODEL", help="folder of a run, or a .keras file with its tokenizer beside it")
    parser.add_argument(
        "--prompt", metavar="TEXT", required=True, help="the text to continue or to translate, or one with blanks (___)"
    )
    _add_backend_option(parser, "KERAS_BACKEND, else the one that the model was trained on, where it is installed")
    parser.add_argument("--length", metavar="N", type=int, help="tokens to write; default: 300")
    parser.add_argument("--temperature", metavar="T", type=float, help="0 takes the likeliest token; default: 1")
    parser.add_argument("--top-k", metavar="K", type=int, help="draw from the K likeliest tokens; default: from all")
    parser.add_argument("--top-p", metavar="P", type=float, help="draw from the likeliest with probability P together")
    parser.add_argument("--seed", metavar="S", type=int, help="fixes what is drawn; default: 0")
    parser.add_argument("--stop", metavar="TEXT", help="end after this text, which must be one token")


def _backend_of(model):
    """Return the backend that a model was trained on, or None where it is unknown or not installed."""
    with contextlib.suppress(ValueError, OSError):  # the model has no run.json beside it, or a broken one
        name = _folder.read_facts(_saved.model_path(model).parent)["backend"]
        return name if name in backend.available() else None


def _generate(options):
    _select(options.backend or backend.named() or _backend_of(options.model))
    model, tokenizer = recipes.load_run(options.model)
    if tokenizer is None:
        raise ValueError(f"MODEL={options.model!r} has no tokenizer beside it, so it cannot write a text.")
    if not options.prompt:
        raise ValueError("--prompt is empty: the model needs at least one token to read.")
    task = _saved.task_of(options.model)
    given = {name: value for name in _WRITING if (value := getattr(options, name)) is not None}
    for name in sorted(given.keys() - _registry.parameters_of(task.write)):
        option = f"--{name.replace('_', '-')}"
        raise ValueError(f"{option}={given[name]}: a model of {task.__name__} takes no {option}; leave it out.")
    print(task.write(model, tokenizer, options.prompt, **given))
    return 0
