"""Lecture 5: convolutional networks."""

from keras_course import backend

backend.require()

from keras_course.convnets._ablation import resnet_to_convnext
from keras_course.convnets._alexnet import LocalResponseNormalization, alexnet
from keras_course.convnets._cifar_resnet import SubsampleAndPad, cifar_resnet
from keras_course.convnets._convnext import convnext
from keras_course.convnets._efficientnet import efficientnet
from keras_course.convnets._imagenet import copy_weights
from keras_course.convnets._lenet import lenet5
from keras_course.convnets._pattern import convnet, parse_pattern
from keras_course.convnets._resnet import resnet
from keras_course.convnets._vgg import vgg

__all__ = [
    "LocalResponseNormalization",
    "SubsampleAndPad",
    "alexnet",
    "cifar_resnet",
    "convnet",
    "convnext",
    "copy_weights",
    "efficientnet",
    "lenet5",
    "parse_pattern",
    "resnet",
    "resnet_to_convnext",
    "vgg",
]
