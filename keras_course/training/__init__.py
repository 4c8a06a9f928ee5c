"""Lecture 4: training neural networks."""

from keras_course import backend

backend.require()

from keras_course.training._adaptive import AdaGrad, Adam, AdamW, Lion, RMSProp
from keras_course.training._descent import GD, SGD, Momentum, Nesterov
from keras_course.training._minimize import Descent, anisotropic, beale, minimize
from keras_course.training._muon import Muon, orthogonalize

__all__ = [
    "GD",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Descent",
    "Lion",
    "Momentum",
    "Muon",
    "Nesterov",
    "RMSProp",
    "anisotropic",
    "beale",
    "minimize",
    "orthogonalize",
]
