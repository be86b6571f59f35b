"""Ops in a graph as data, in the words of Keras 3, where each op has a class.

The class of ``expand_dims`` is ``ExpandDims``; what the op is called on stands in the node, the other
arguments in the config. The tables hold the exceptions.
"""

from kbridge import objects
from kbridge.backend.names import snake_case
from kbridge.backend.op import OPS
from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten

_MODULE = "keras.src.ops"
LIBRARIES = {}  # module of functions that are no ops -> what makes one of a description; added by the floor above

# op -> its class, where capitals do not tell it
_CLASSES = {
    **{
        name: name.upper() for name in ("fft", "fft2", "ifft2", "rfft", "irfft", "stft", "istft", "svd", "psnr", "ssim")
    },
    "ctc_loss": "CTCLoss",
    "ctc_decode": "CTCDecode",
    "rms_norm": "RMSNorm",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "hsv_to_rgb": "HSVToRGB",
    "allclose": "AllClose",
    "isin": "IsIn",
    "searchsorted": "SearchSorted",
    "cdist": "CDist",
}
_OPS_OF_CLASSES = {
    **{name: op for op, name in _CLASSES.items()},
    **{"Abs": "absolute", "Amax": "max", "Amin": "min", "BitwiseInvert": "bitwise_not", "Conjugate": "conj"},
    **{"LeftShift": "bitwise_left_shift", "RightShift": "bitwise_right_shift", "Divide": "true_divide"},
    "BatchNorm": "batch_normalization",
}
_IN_MODULES = {
    **dict.fromkeys(("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb", "resize", "affine_transform"), "image"),
    **dict.fromkeys(("extract_patches", "map_coordinates", "pad_images", "crop_images"), "image"),
    **dict.fromkeys(("perspective_transform", "gaussian_blur", "elastic_transform"), "image"),
    **dict.fromkeys(("scale_and_translate", "sobel_edges", "ssim"), "image"),
    "rearrange": "einops",
}
# What an op is called on, where that is not just its tensors
_CALLED_ON = {
    "bincount": ("x",),
    "get_item": ("x", "key"),
    "isclose": ("x1", "x2", "rtol", "atol"),
    "pad": ("x", "constant_values"),
    "trapezoid": ("y",),
    "select": ("condlist", "choicelist", "default"),
    "dot_product_attention": ("query", "key", "value", "bias", "mask", "scale"),
    "scale_and_translate": ("images", "output_shape", "scale", "translation"),
    "slice": ("inputs", "start_indices"),
    "slice_update": ("inputs", "start_indices", "updates"),
    "batch_normalization": ("x", "mean", "variance", "offset", "scale"),
}


# Ops that make as many things as a number says, even where only shapes are asked for
_COUNTING = frozenset(
    ("array_split", "diff", "dsplit", "eye", "geomspace", "histogram", "hsplit", "linspace", "logspace", "split")
) | {"segment_max", "segment_min", "segment_prod", "segment_sum", "tensordot", "tri", "unique", "unstack", "vsplit"}
_MOST = 1 << 14


def check_counts(name, args, kwargs):
    """Refuse numbers, and lists, that an op called ``name`` would make too many things of."""
    if name not in _COUNTING:
        return
    leaves = flatten([list(args), kwargs])
    counts = [abs(leaf) for leaf in leaves if isinstance(leaf, int)]
    if name == "unstack":
        counts += [dim for leaf in leaves if is_symbol(leaf) for dim in leaf.shape if dim is not None]
    count = max([len(leaves), *counts])
    if count > _MOST:
        raise ValueError(f"The graph has an op {name!r} of {count:,}, where at most {_MOST:,} may be.")


def _bounded(op):
    """``op``, for a graph that comes from elsewhere."""
    if op.spec.name not in _COUNTING:
        return op

    def call(*args, **kwargs):
        check_counts(op.spec.name, args, kwargs)
        return op(*args, **kwargs)

    call.spec = op.spec
    return call


def _called_on(spec):
    return _CALLED_ON.get(spec.name) or tuple(name for name in spec.parameters if spec.kinds.get(name))


def describe_op(spec, name, node, write):
    """(description, calls) of a node of an op; ``write`` makes data of a symbol or value."""
    parameters = spec.signature.parameters.values()
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters) and spec.name != "einsum":
        return _describe_plainly(spec, name, node, write)
    bound = spec.signature.bind(*node.args, **node.kwargs)
    if spec.name == "einsum":
        config, args = {"subscripts": bound.arguments["subscripts"]}, list(bound.arguments["operands"])
    else:
        bound.apply_defaults()
        values = dict(bound.arguments)
        args = [values.pop(parameter) for parameter in _called_on(spec)]
        config = values
    if any(is_symbol(leaf) for leaf in flatten([config])):
        return _describe_plainly(spec, name, node, write)
    while args and args[-1] is None:
        args.pop()
    class_name = _CLASSES.get(spec.name) or "".join(part.capitalize() for part in spec.name.split("_"))
    module = f"{_MODULE}.{_IN_MODULES[spec.name]}" if spec.name in _IN_MODULES else _MODULE
    described = {
        "module": module,
        "class_name": class_name,
        "config": {"name": name, **objects.serialize_keras_object(config)},
        "registered_name": class_name,
    }
    return described, [{"args": [write(arg) for arg in args], "kwargs": {}}]


def _describe_plainly(spec, name, node, write):
    """The op and its arguments as they are: what has no class of its own in Keras."""
    described = {"module": "kbridge.ops", "class_name": spec.name, "config": {"name": name}, "registered_name": None}
    calls = {"args": [write(arg) for arg in node.args], "kwargs": {k: write(v) for k, v in node.kwargs.items()}}
    return described, [calls]


def _op_of(class_name):
    return _OPS_OF_CLASSES.get(class_name) or snake_case(class_name)


def is_op(class_name):
    """Whether an op has a class of this name in Keras."""
    return _op_of(class_name) in OPS


def op_described(described):
    """A function that does what a described op does on the arguments of its node, or None if it is no op."""
    module, name = described.get("module"), described["class_name"]
    if module == "kbridge.ops":
        if name not in OPS:
            raise ValueError(f"The graph has an op {name!r} that is not known.")
        return _bounded(OPS[name])
    if module in LIBRARIES:
        return LIBRARIES[module](described)
    if not isinstance(module, str) or not module.startswith(_MODULE):
        return None
    name = _op_of(name)
    if name not in OPS:
        raise ValueError(f"The graph has an op {described['class_name']!r} (of {module}) that is not known.")
    op = _bounded(OPS[name])
    config = {k: objects.deserialize_keras_object(v) for k, v in described["config"].items() if k != "name"}
    unknown = sorted(set(config) - set(op.spec.parameters))
    if unknown:
        raise ValueError(f"The graph has the op {described['class_name']!r} with arguments that it has not: {unknown}.")
    if name == "einsum":
        return lambda *operands, **kwargs: op(config["subscripts"], *operands, **kwargs)
    if name == "get_item":
        return lambda x, key: op(x, tuple(key) if isinstance(key, list) else key)
    called_on = [parameter for parameter in _called_on(op.spec) if parameter not in config]

    def call(*args, **kwargs):
        if len(args) > len(called_on):
            raise ValueError(f"The op {described['class_name']!r} is called on {len(args)} values, not {called_on}.")
        return op(**dict(zip(called_on, args)), **config, **kwargs)

    return call


def arguments_of_op(described, call):
    """(the op's name, its arguments by their names) for a described op and one call of it."""
    module, name, args, kwargs = described["module"], described["class_name"], call["args"], call["kwargs"]
    if module == "kbridge.ops":
        return name, dict(OPS[name].spec.signature.bind(*args, **kwargs).arguments)
    name = _OPS_OF_CLASSES.get(name) or snake_case(name)
    config = {key: value for key, value in described["config"].items() if key != "name"}
    called_on = [parameter for parameter in _called_on(OPS[name].spec) if parameter not in config]
    return name, {**config, **dict(zip(called_on, args)), **kwargs}
