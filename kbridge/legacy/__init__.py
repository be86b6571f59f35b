"""What Keras keeps of earlier generations."""

from kbridge.legacy import saving as saving
