"""Well-known models, with or without weights, and what prepares images for them."""

from kbridge.compat.applications import keras_modules_injection as keras_modules_injection
from kbridge.lazy import later as _later

_MODULES = (
    "densenet imagenet_utils inception_resnet_v2 inception_v3 mobilenet mobilenet_v2 nasnet "
    "resnet resnet50 resnet_v2 vgg16 vgg19 xception"
).split()
_NAMES = {
    "densenet": ["DenseNet121", "DenseNet169", "DenseNet201"],
    "inception_resnet_v2": ["InceptionResNetV2"],
    "inception_v3": ["InceptionV3"],
    "mobilenet": ["MobileNet"],
    "mobilenet_v2": ["MobileNetV2"],
    "nasnet": ["NASNetLarge", "NASNetMobile"],
    "resnet": ["ResNet101", "ResNet152"],
    "resnet50": ["ResNet50"],
    "resnet_v2": ["ResNet50V2", "ResNet101V2", "ResNet152V2"],
    "vgg16": ["VGG16"],
    "vgg19": ["VGG19"],
    "xception": ["Xception"],
}

__getattr__, __dir__ = _later(__name__, _MODULES, _NAMES)
