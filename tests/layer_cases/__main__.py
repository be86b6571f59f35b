"""The process that computes all cases with Keras, on an engine that differentiates, and writes what it found."""

import json
import os
import sys
import types

import numpy as np

from layer_cases import CASES
from layer_cases.case import average_where_same, coefficients, leaves, open_shapes, refill


def reference(case):
    """What Keras gives for a case, as a dict of arrays, and facts about it as a dict of plain data."""
    import keras
    import torch

    keras.utils.set_random_seed(1)
    layers = types.SimpleNamespace(
        **vars(keras.layers), Sequential=keras.Sequential, average_where_same=average_where_same
    )
    layer = case.make(layers, like=True)
    args, kwargs = case.arguments()
    arrays = leaves([args, kwargs])
    tensors = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]

    def run():
        values = iter(tensors)
        fresh = [x * 1.0 if x.requires_grad else x for x in tensors]
        for place, mask in case.masks.items():
            fresh[place]._keras_mask = torch.tensor(mask)
        values = iter(fresh)
        return layer(*refill(args, values), **refill(kwargs, values))

    run()
    weights = case.weights(layer.weights)
    layer.set_weights(weights)
    outputs = leaves([run()])
    masks = [getattr(y, "_keras_mask", None) for y in outputs]
    total = sum((y * torch.tensor(coefficients(y.shape))).sum() for y in outputs)
    watched = [x for x in tensors if x.requires_grad] + [v.value for v in layer.trainable_variables]
    if total.requires_grad:
        gradients = torch.autograd.grad(total, watched, allow_unused=True)
    else:
        gradients = [None] * len(watched)
    found = {f"weight{i}": x for i, x in enumerate(weights)}
    found |= {f"output{i}": y.detach().numpy() for i, y in enumerate(outputs)}
    found |= {f"mask{i}": m.numpy() for i, m in enumerate(masks) if m is not None}
    found |= {
        f"gradient{i}": np.zeros(tuple(x.shape), "float32") if g is None else g.numpy()
        for i, (g, x) in enumerate(zip(gradients, watched))
    }
    found |= {f"after{i}": v.numpy() for i, v in enumerate(layer.non_trainable_weights)}
    facts = {"names": [v.name for v in layer.weights], "shapes": {}}
    for axes in ((0,), (0, 1)):
        try:
            symbols = [_symbols(x, axes, keras) for x in args]
            result = layer(*symbols, **{k: v for k, v in kwargs.items() if not leaves([v])})
            facts["shapes"][str(axes)] = [list(y.shape) for y in leaves([result])]
        except Exception as error:
            facts["shapes"][str(axes)] = str(error)
    if "Lambda" not in case.layer:
        facts["config"] = keras.saving.serialize_keras_object(case.make(layers) if case.like != case.layer else layer)
    return found, facts


def _symbols(x, axes, keras):
    if isinstance(x, list):
        return [_symbols(item, axes, keras) for item in x]
    return keras.KerasTensor(open_shapes(x, axes), str(x.dtype))


def main(path):
    """Compute every case; an error of Keras is noted in its place."""
    import torch

    torch.set_num_threads(1)
    arrays, facts = {}, []
    for number, one in enumerate(CASES):
        try:
            found, known = reference(one)
        except Exception as error:
            found, known = {}, {"error": f"{type(error).__name__}: {error}"}
        arrays |= {f"{number}/{name}": value for name, value in found.items()}
        facts.append(known)
    np.savez(path, facts=json.dumps(facts), **arrays)


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "torch"
    main(sys.argv[1])
