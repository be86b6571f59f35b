"""Sequences of different lengths."""

from kbridge.utils.sequences import pad_sequences as pad_sequences
