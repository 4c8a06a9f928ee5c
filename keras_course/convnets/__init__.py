"""Lecture 5: convolutional networks."""

from keras_course import backend

backend.require()

from keras_course.convnets._arithmetic import conv1d, conv2d, conv_output_size, toeplitz_matrix
from keras_course.convnets._equivariance import equivariance_error, invariance_error, permute_pixels
from keras_course.convnets._inside import activations, grad_cam, kernels_as_images, saliency
from keras_course.convnets._loss_surface import LossSurface, gradient_norms, loss_surface, random_direction
from keras_course.convnets._maximisation import FeatureMaximum, maximise_feature
from keras_course.convnets._receptive_field import ReceptiveField, receptive_field, receptive_fields

__all__ = [
    "FeatureMaximum",
    "LossSurface",
    "ReceptiveField",
    "activations",
    "conv1d",
    "conv2d",
    "conv_output_size",
    "equivariance_error",
    "grad_cam",
    "gradient_norms",
    "invariance_error",
    "kernels_as_images",
    "loss_surface",
    "maximise_feature",
    "permute_pixels",
    "random_direction",
    "receptive_field",
    "receptive_fields",
    "saliency",
    "toeplitz_matrix",
]
