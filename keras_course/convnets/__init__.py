"""Lecture 5: convolutional networks."""

from keras_course import backend

backend.require()

from keras_course.convnets._ablation import resnet_to_convnext
from keras_course.convnets._alexnet import LocalResponseNormalization, alexnet
from keras_course.convnets._arithmetic import conv1d, conv2d, conv_output_size, toeplitz_matrix
from keras_course.convnets._cifar_resnet import SubsampleAndPad, cifar_resnet
from keras_course.convnets._convnext import convnext
from keras_course.convnets._efficientnet import efficientnet
from keras_course.convnets._equivariance import equivariance_error, invariance_error, permute_pixels
from keras_course.convnets._figures import (
    plot_channels,
    plot_conv_arithmetic,
    plot_cost,
    plot_lenet5,
    plot_pooling,
    plot_residual_blocks,
    plot_response,
)
from keras_course.convnets._imagenet import copy_weights
from keras_course.convnets._inside import activations, grad_cam, kernels_as_images, saliency
from keras_course.convnets._lenet import lenet5
from keras_course.convnets._loss_surface import LossSurface, gradient_norms, loss_surface, random_direction
from keras_course.convnets._maximization import FeatureMaximum, maximize_feature
from keras_course.convnets._pattern import convnet, parse_pattern
from keras_course.convnets._receptive_field import ReceptiveField, receptive_field, receptive_fields
from keras_course.convnets._resnet import resnet
from keras_course.convnets._vgg import vgg

__all__ = [
    "FeatureMaximum",
    "LocalResponseNormalization",
    "LossSurface",
    "ReceptiveField",
    "SubsampleAndPad",
    "activations",
    "alexnet",
    "cifar_resnet",
    "conv1d",
    "conv2d",
    "conv_output_size",
    "convnet",
    "convnext",
    "copy_weights",
    "efficientnet",
    "equivariance_error",
    "grad_cam",
    "gradient_norms",
    "invariance_error",
    "kernels_as_images",
    "lenet5",
    "loss_surface",
    "maximize_feature",
    "parse_pattern",
    "permute_pixels",
    "plot_channels",
    "plot_conv_arithmetic",
    "plot_cost",
    "plot_lenet5",
    "plot_pooling",
    "plot_residual_blocks",
    "plot_response",
    "random_direction",
    "receptive_field",
    "receptive_fields",
    "resnet",
    "resnet_to_convnext",
    "saliency",
    "toeplitz_matrix",
    "vgg",
]
