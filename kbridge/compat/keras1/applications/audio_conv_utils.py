"""Music as a model takes it, and its predictions as tags."""

from kbridge.compat.applications import TAGS as TAGS
from kbridge.compat.applications import decode_tags as decode_predictions
from kbridge.compat.applications import melgram as preprocess_input

__all__ = ["TAGS", "decode_predictions", "preprocess_input"]
