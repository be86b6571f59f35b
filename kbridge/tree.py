"""Nested structures of dicts, lists and tuples."""

from kbridge.backend.tree import flatten as flatten
from kbridge.backend.tree import is_nested as is_nested
from kbridge.backend.tree import map_structure as map_structure
from kbridge.backend.tree import pack as pack_sequence_as
