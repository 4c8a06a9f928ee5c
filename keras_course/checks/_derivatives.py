"""Checks of the arguments of derivatives: which argument, along which vectors, in which mode."""

from keras_course.checks._numbers import one_of


def positions(argnums, count):
    """Return the positions of arguments to differentiate as a tuple; a ValueError where a call of `count` has none."""
    picked = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(i, int) and -count <= i < count for i in picked):
        raise ValueError(
            f"argnums={argnums!r} must be the position of an argument, or a tuple of them; there are {count}"
        )
    return picked


def tuples(**arguments):
    """Raise a TypeError for the first argument that is no tuple (or list) of a function's arguments."""
    for name, value in arguments.items():
        if not isinstance(value, tuple | list):
            raise TypeError(
                f"{name} must be a tuple with an entry for each argument, (x,) for one: not {type(value).__name__}"
            )


def jacobian_of(argnums, mode):
    """Raise a ValueError if a Jacobian is asked for by more than one argument, or in an unknown mode."""
    one_of(("reverse", "forward"), mode=mode)
    if not isinstance(argnums, int):
        raise ValueError(f"argnums={argnums!r} must be the position of a single argument")


def one_array(y):
    """Return what a function of a Jacobian returns; a TypeError where it is several arrays."""
    if isinstance(y, list | tuple | dict):
        raise TypeError(f"a Jacobian is that of one array: fn returns a {type(y).__name__}; join arrays with stack")
    return y
