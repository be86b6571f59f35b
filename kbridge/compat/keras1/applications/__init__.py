"""Well-known models, with or without weights, and what prepares images for them."""

from kbridge.compat.content import parts_of as _parts_of
from kbridge.lazy import later as _later

_MODULES = "audio_conv_utils imagenet_utils inception_v3 music_tagger_crnn resnet50 vgg16 vgg19 xception".split()
_NAMES = {
    "inception_v3": ["InceptionV3"],
    "music_tagger_crnn": ["MusicTaggerCRNN"],
    "resnet50": ["ResNet50"],
    "vgg16": ["VGG16"],
    "vgg19": ["VGG19"],
    "xception": ["Xception"],
}

_own, __dir__ = _later(__name__, _MODULES, _NAMES)
_newer, _ = _parts_of(__name__, "kbridge.compat.keras2.applications")


def __getattr__(name):
    try:
        return _own(name)
    except AttributeError:
        return _newer(name)
