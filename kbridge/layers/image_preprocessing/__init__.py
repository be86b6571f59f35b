"""Layers that resize, crop and change images, and the bounding boxes, labels and masks that belong to them."""

from kbridge.layers.image_preprocessing.base import BaseImagePreprocessingLayer as BaseImagePreprocessingLayer
from kbridge.layers.image_preprocessing.color import RandomBrightness as RandomBrightness
from kbridge.layers.image_preprocessing.color import RandomColorDegeneration as RandomColorDegeneration
from kbridge.layers.image_preprocessing.color import RandomColorJitter as RandomColorJitter
from kbridge.layers.image_preprocessing.color import RandomContrast as RandomContrast
from kbridge.layers.image_preprocessing.color import RandomErasing as RandomErasing
from kbridge.layers.image_preprocessing.color import RandomGaussianBlur as RandomGaussianBlur
from kbridge.layers.image_preprocessing.color import RandomGrayscale as RandomGrayscale
from kbridge.layers.image_preprocessing.color import RandomHue as RandomHue
from kbridge.layers.image_preprocessing.color import RandomInvert as RandomInvert
from kbridge.layers.image_preprocessing.color import RandomPosterization as RandomPosterization
from kbridge.layers.image_preprocessing.color import RandomSaturation as RandomSaturation
from kbridge.layers.image_preprocessing.color import RandomSharpness as RandomSharpness
from kbridge.layers.image_preprocessing.geometric import RandomElasticTransform as RandomElasticTransform
from kbridge.layers.image_preprocessing.geometric import RandomFlip as RandomFlip
from kbridge.layers.image_preprocessing.geometric import RandomPerspective as RandomPerspective
from kbridge.layers.image_preprocessing.geometric import RandomRotation as RandomRotation
from kbridge.layers.image_preprocessing.geometric import RandomShear as RandomShear
from kbridge.layers.image_preprocessing.geometric import RandomTranslation as RandomTranslation
from kbridge.layers.image_preprocessing.geometric import RandomZoom as RandomZoom
from kbridge.layers.image_preprocessing.mixing import CutMix as CutMix
from kbridge.layers.image_preprocessing.mixing import MaxNumBoundingBoxes as MaxNumBoundingBoxes
from kbridge.layers.image_preprocessing.mixing import MixUp as MixUp
from kbridge.layers.image_preprocessing.policies import AugMix as AugMix
from kbridge.layers.image_preprocessing.policies import RandAugment as RandAugment
from kbridge.layers.image_preprocessing.resizing import CenterCrop as CenterCrop
from kbridge.layers.image_preprocessing.resizing import RandomCrop as RandomCrop
from kbridge.layers.image_preprocessing.resizing import Resizing as Resizing
from kbridge.layers.image_preprocessing.tones import AutoContrast as AutoContrast
from kbridge.layers.image_preprocessing.tones import (
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
)
from kbridge.layers.image_preprocessing.tones import Equalization as Equalization
from kbridge.layers.image_preprocessing.tones import Solarization as Solarization
