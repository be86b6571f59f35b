"""Data sets from files and arrays, images and sequences: the names of ``keras.preprocessing``."""

from kbridge.preprocessing import image as image
from kbridge.preprocessing import sequence as sequence
from kbridge.utils.directories import image_dataset_from_directory as image_dataset_from_directory
from kbridge.utils.directories import text_dataset_from_directory as text_dataset_from_directory
from kbridge.utils.timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array
