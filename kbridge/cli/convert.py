"""``kbridge convert IN OUT``: a model from a file of any generation, written as the name of OUT says."""

_WEIGHTS = (".weights.h5", ".safetensors", ".npz")


def configure(parser):
    parser.add_argument("source", metavar="IN", help="a file of a whole model, of any generation of Keras")
    parser.add_argument(
        "target",
        metavar="OUT",
        help="where to: .keras or .h5 for the model, .weights.h5, .safetensors or .npz for its weights, .json or .yaml",
    )
    parser.add_argument("--no-compile", action="store_true", help="leave out how the model is trained")


def run(arguments):
    from kbridge import saving

    target = arguments.target
    endings = (".keras", ".h5", ".hdf5", ".json", ".yaml", *_WEIGHTS)
    if not target.endswith(endings):
        raise ValueError(f"the name of the new file must end in one of {', '.join(endings)}. Received: {target!r}.")
    model, report = saving.load_model(arguments.source, compile=not arguments.no_compile, report=True)
    for text in report.converted:
        print(f"converted: {text}")
    if target.endswith(_WEIGHTS):
        model.save_weights(target)
    elif target.endswith((".json", ".yaml")):
        text = model.to_json(indent=2) if target.endswith(".json") else saving.to_yaml(model)
        with saving.replacing(target) as file:
            file.write(text.encode("utf-8"))
    else:
        model.save(target)
    print(f"{target}: {report.model}, {report.parameters:,} parameters, from {report.era}")
    return 0
