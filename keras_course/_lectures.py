"""The table of lectures: number, topic and title. The only code that writes a lecture's number.

One stem per lecture: `keras_course/<topic>/`, `tutorials/NN-<topic>.md`, `tests/test_<topic>.py` (or the folder
`tests/<topic>/`) and `benchmarks/bench_<topic>.py`. A lecture is there when its package is.
"""

import dataclasses
import importlib
import pathlib


@dataclasses.dataclass(frozen=True)
class Lecture:
    number: int
    topic: str
    title: str

    @property
    def package(self) -> str:
        return f"keras_course/{self.topic}"

    @property
    def tutorial(self) -> str:
        return f"tutorials/{self.number:02d}-{self.topic}.md"

    @property
    def test(self) -> str:
        return f"tests/{self.topic}"

    @property
    def benchmark(self) -> str:
        return f"benchmarks/bench_{self.topic}.py"

    @property
    def ready(self) -> bool:
        return (pathlib.Path(__file__).parent / self.topic / "__init__.py").exists()


_TITLES = {
    "fundamentals": "Fundamentals of machine learning",
    "perceptron": "Multi-layer perceptron",
    "autodiff": "Automatic differentiation",
    "training": "Training neural networks",
    "convnets": "Convolutional networks",
    "vision": "Computer vision",
    "attention": "Attention and transformers",
    "language": "GPT from scratch",
    "graphs": "Graph neural networks",
    "uncertainty": "Uncertainty",
    "autoencoders": "Auto-encoders and VAEs",
    "diffusion": "Score-based diffusion",
}

LECTURES = tuple(Lecture(number, topic, title) for number, (topic, title) in enumerate(_TITLES.items(), 1))


def lecture_of(module: str) -> Lecture | None:
    """Return the lecture to which a module such as `keras_course.language._gpt` belongs, or None."""
    parts = module.split(".")
    return next((lecture for lecture in LECTURES if parts[1:2] == [lecture.topic]), None)


def import_topics() -> None:
    """Import the package of every lecture that is there; that registers its builders, and its layers with Keras."""
    for lecture in LECTURES:
        if lecture.ready:
            importlib.import_module(f"keras_course.{lecture.topic}")
