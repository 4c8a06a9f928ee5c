"""The models that the general checks run on: each builder's preset "tiny", and some with their other options."""

import functools

import keras_course

OTHER_OPTIONS = {
    "gpt": {"positions": "rotary", "norm": "rms", "tie_embeddings": True, "activation": "relu_squared"},
}


def builders():
    """Return {name: builder}; "gpt (other options)" is `gpt` with those of `OTHER_OPTIONS`."""
    plain = {row.name: row.build for row in keras_course.list_builders()}
    others = {f"{name} (other options)": with_options(plain[name], given) for name, given in OTHER_OPTIONS.items()}
    return plain | others


def with_options(build, options):
    @functools.wraps(build)  # signature and presets, for the checks that look at them
    def variant(*args, **kwargs):
        return build(*args, **{**options, **kwargs})

    variant.from_preset = lambda preset, **overrides: build.from_preset(preset, **{**options, **overrides})
    return variant
