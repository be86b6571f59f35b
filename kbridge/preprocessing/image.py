"""Images between files and arrays."""

from kbridge.utils.images import array_to_img as array_to_img
from kbridge.utils.images import img_to_array as img_to_array
from kbridge.utils.images import load_img as load_img
from kbridge.utils.images import save_img as save_img
from kbridge.utils.images import smart_resize as smart_resize
