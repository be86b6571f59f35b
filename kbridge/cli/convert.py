"""``kbridge convert IN OUT``: a model, or weights, from a file of any generation, written as the name of OUT says."""

import warnings

_MODELS = (".keras", ".h5", ".hdf5", "/")
_TEXTS = (".json", ".yaml", ".yml")
_WEIGHTS = (".weights.h5", ".safetensors", ".npz")


def configure(parser):
    parser.add_argument("source", metavar="IN", help="a file or folder of any generation of Keras")
    parser.add_argument(
        "target",
        metavar="OUT",
        help="where to: .keras, .h5 or a folder (a name that ends in /) for the model, .weights.h5, .safetensors or "
        ".npz for its weights, .json or .yaml for its layers",
    )
    parser.add_argument("--no-compile", action="store_true", help="leave out how the model is trained")


def run(arguments):
    from kbridge import saving

    source, target = arguments.source, arguments.target
    if not target.endswith((*_MODELS, *_TEXTS, *_WEIGHTS)):
        endings = ", ".join((*_MODELS, *_TEXTS, *_WEIGHTS))
        raise ValueError(f"the name of the new file must end in one of {endings}. Received: {target!r}.")
    found = saving.inspect(source, trial=False)
    if found.model is None:
        _weights(source, target, found)
        return 0
    if not found.weights and not target.endswith(_TEXTS):
        raise ValueError(f"{source} holds no weights, so only {', '.join(_TEXTS)} can be made of it.")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if found.weights:
            model, found = saving.load_model(source, compile=not arguments.no_compile, report=True)
        else:
            model = _of_text(source, found)
        try:
            _write(model, target)
        except (NotImplementedError, TypeError) as error:  # a format that has no words for this model
            raise ValueError(str(error)) from error
    for text in found.converted:
        print(f"converted: {text}")
    for warning in told:
        print(f"note: {warning.message}")
    print(f"{target}: {found.model}, {found.parameters or 0:,} parameters, from {found.era}")
    return 0


def _of_text(source, found):
    from kbridge import saving

    with open(source, "rb") as file:
        text = file.read()
    return (saving.model_from_json if found.kind == "JSON file" else saving.model_from_yaml)(text)


def _write(model, target):
    from kbridge import saving

    if target.endswith(_WEIGHTS):
        model.save_weights(target)
    elif target.endswith(_TEXTS):
        text = model.to_json(indent=2) if target.endswith(".json") else saving.to_yaml(model)
        with saving.replacing(target) as file:
            file.write(text.encode("utf-8"))
    else:
        model.save(target, zipped=not target.endswith("/"))


def _weights(source, target, found):
    """Weights without their model, in another form."""
    from kbridge import saving

    if target.endswith((".keras", "/", *_TEXTS)):
        raise ValueError(
            f"{source} holds weights alone, and no model. Make the model, and write: model.load_weights({source!r})."
        )
    saving.KerasFileEditor(source).save(target)
    print(f"{target}: weights, {found.parameters:,} parameters")
