"""Sequences: brought to one length, as pairs of neighbours, as windows."""

from kbridge.compat.sequences import TimeseriesGenerator as TimeseriesGenerator
from kbridge.compat.sequences import _remove_long_seq as _remove_long_seq
from kbridge.compat.sequences import make_sampling_table as make_sampling_table
from kbridge.compat.sequences import skipgrams as skipgrams
from kbridge.compat.sequences import timeseries_generator_from_json as timeseries_generator_from_json
from kbridge.utils.sequences import pad_sequences as pad_sequences
