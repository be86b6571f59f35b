"""Models in folders as tf.keras saved them for TensorFlow (SavedModel), and checkpoints of its ``save_weights``.

Of such a folder the graphs are left alone, since they are programs: the model is built from what Keras noted beside
them (keras_metadata.pb; up to TensorFlow 2.4 in saved_model.pb itself), in the words of Keras 2. Its weights are found
by the graph of objects that a checkpoint keeps: from a model to its layers, from a layer to its variables.
"""

import math
import os
from typing import NamedTuple

from kbridge.backend.variable import Variable
from kbridge.layers.layer import Layer
from kbridge.models import Model
from kbridge.saving import old_hdf5
from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.old_weights import Learned, Origin, has_state, one_by_one, weights_of
from kbridge.saving.parse_json import parse_json
from kbridge.saving.protobuf import Fields
from kbridge.saving.sources import Arrays
from kbridge.saving.tables import Tables, lookup_in
from kbridge.saving.tensor_bundle import Bundle, Folder, is_index
from kbridge.saving.walk import attributes

MODEL, METADATA, VARIABLES = "saved_model.pb", "keras_metadata.pb", "variables/variables"
_LARGEST_MODEL = 256 << 20
_LARGEST_METADATA = 64 << 20
_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"
_MOST_STEPS = 5_000_000  # from object to object
_MODELS = ("_tf_keras_model", "_tf_keras_network", "_tf_keras_sequential")
# What stands beside the variables and layers of an object in its node
_BESIDE = frozenset(
    ("variables", "trainable_variables", "regularization_losses", "keras_api", "signatures", "optimizer", "__call__")
) | {"call_and_return_all_conditional_losses", "_default_save_signature", "_random_generator"}


# -- where it is


def is_saved_model(path):
    """Whether there is such a folder at ``path``."""
    return _is_path(path) and os.path.lexists(os.path.join(os.fspath(path), MODEL))


def is_checkpoint(path):
    """Whether ``path`` is the prefix of a checkpoint (``save_weights("ckpt")`` writes ckpt.index), or its index."""
    return _is_path(path) and _prefix(path) is not None


def _is_path(path):
    return isinstance(path, (str, os.PathLike)) and isinstance(os.fspath(path), str)


def _prefix(path):
    path = os.fspath(path)
    if os.path.isdir(path) or not os.path.basename(path):
        return None
    if not os.path.lexists(path):
        return path if os.path.lexists(f"{path}.index") else None
    found = path.endswith(".index") and os.path.isfile(path) and is_index(path)
    return path.removesuffix(".index") if found else None


def opened(path):
    """The ``SavedModel`` of a folder or of a checkpoint."""
    if is_saved_model(path):
        return SavedModel(Folder(path), VARIABLES, whole=True)
    prefix = _prefix(path)
    folder = Folder(os.path.dirname(prefix) or ".", os.fspath(path))
    return SavedModel(folder, os.path.basename(prefix), whole=False)


def checkpoints_in(path):
    """A sentence on the checkpoints that lie in a folder, if any."""
    names = sorted(name for name in os.listdir(path)[:1000] if name.endswith(".index"))
    if not names:
        return ""
    prefix = os.path.join(os.fspath(path), names[-1].removesuffix(".index"))
    return f" It holds weights of TensorFlow: write model.load_weights({prefix!r})."


# -- what is in it


class Node(NamedTuple):
    """An object: those in it by their names, a variable's name and the key of its array, and an optimizer's slots."""

    children: dict
    name: str
    key: str | None
    slots: list


def _graph(bundle):
    """The nodes of a checkpoint; the first is that of the model."""
    data = bundle.text(_GRAPH)
    if data is None:
        raise CorruptFileError(
            bundle.name,
            bundle._where(_GRAPH),
            f"this part is missing: a checkpoint of names alone, as tf.compat.v1 wrote them. It holds "
            f"{_listed(bundle.entries)}. Set them one by one: layer.set_weights([...]).",
        )
    fields = Fields(bundle.name, bundle._where(_GRAPH))
    nodes = [_node(fields, part) for part in fields.messages(data, 1)]
    for node in nodes:
        if any(number >= len(nodes) for number in (*node.children.values(), *(n for s in node.slots for n in s[::2]))):
            raise fields.corrupt("an object refers to one that is not there.")
    if not nodes:
        raise fields.corrupt("it has no objects.")
    return nodes


def _node(fields, data):
    children, slots, name, key = {}, [], "", None
    for number, part in fields.of(data):
        if number == 1:
            target, child = 0, ""
            for inner, value in fields.of(fields.bytes(part)):
                if inner == 1:
                    target = fields.number(value)
                elif inner == 2:
                    child = fields.text(value)
            children.setdefault(child, target)
        elif number == 2:
            found = {n: fields.text(v) for n, v in fields.of(fields.bytes(part)) if n in (1, 2, 3)}
            if found.get(1) == _VALUE:
                name, key = found.get(2, ""), found.get(3, "")
        elif number == 3:
            slot = [0, "", 0]
            for inner, value in fields.of(fields.bytes(part)):
                if inner in (1, 3):
                    slot[inner - 1] = fields.number(value)
                elif inner == 2:
                    slot[1] = fields.text(value)
            slots.append(tuple(slot))
    return Node(children, name, key, slots)


class SavedModel(old_hdf5.OldFile):
    """Such a folder or checkpoint, to be used like the ``OldFile`` of an HDF5 file."""

    def __init__(self, folder, prefix, whole):
        self.folder, self.name, self.whole = folder, folder.name, whole
        self.era, self.origin, self.prefix = 2, Origin(2, False), ""
        self.version = self.backend = None
        self.metadata = self._metadata() if whole else []
        self.place = METADATA if self.folder.has(METADATA) else MODEL
        self.config_place = f"{self.place}: root"
        self.source = self.bundle = Bundle(folder, prefix) if self._has_variables(prefix) else Arrays(self.name)
        self.nodes = _graph(self.bundle) if self.bundle.entries else [Node({}, "", None, [])]
        self._left = _MOST_STEPS
        self._read_tables = None
        self.places = {}  # the variables' nodes, once weights were matched
        self.root = self._root()
        self.names = self._names()
        self.told = self._told()

    def _has_variables(self, prefix):
        """A model without variables has no checkpoint."""
        return not self.whole or self.folder.has(f"{prefix}.index")

    def _metadata(self):
        """Triples (path of an object, its kind, JSON) that Keras noted."""
        if self.folder.has(METADATA):
            data, (path, kind, text) = self.folder.read(METADATA, _LARGEST_METADATA), (3, 4, 5)
            fields = Fields(self.name, METADATA)
            parts = fields.messages(memoryview(data), 1)
        else:
            data, (path, kind, text) = self.folder.read(MODEL, _LARGEST_MODEL), (None, 1, 3)
            fields, parts = Fields(self.name, MODEL), []
            for graph in fields.messages(memoryview(data), 2):
                for objects in fields.messages(graph, 7):
                    root = next(fields.messages(objects, 1), b"")  # of the others the paths are not told
                    parts = parts or list(fields.messages(root, 4))
        found = []
        for part in parts:
            told = dict(fields.of(part))
            of_kind, data = fields.text(told.get(kind, b"")), bytes(fields.bytes(told.get(text, b"")))
            if of_kind.startswith("_tf_keras") and data:
                found.append((fields.text(told.get(path, b"root")), of_kind, data))
        return found

    def _names(self):
        """The names of layers, by their nodes."""
        found = {}
        for path, kind, text in self.metadata:
            if kind == "_tf_keras_metric" or path == "root" or ".keras_api" in path:
                continue
            node = self.root
            for part in path.split(".")[1:]:
                node = self.nodes[node].children.get(part, -1) if node >= 0 else -1
            if node >= 0:
                told = parse_json(text, self.name, f"{self.place}: {path[:200]}")
                if isinstance(told, dict) and isinstance(told.get("name"), str):
                    found[node] = told["name"]
        return found

    def _root(self):
        """The node of the model: the first, or the one in it, where tf.train.Checkpoint(model=...) wrote it."""
        children = self.nodes[0].children
        if any(_is_layer(name) for name in children):
            return 0
        inner = {n for n in set(children.values()) if any(_is_layer(name) for name in self.nodes[n].children)}
        return inner.pop() if len(inner) == 1 and not self.whole else 0

    def _told(self):
        """What is said of the model itself, or None."""
        for path, kind, text in self.metadata:
            if path != "root":
                continue
            told = parse_json(text, self.name, f"{self.place}: root")
            if kind not in _MODELS or not isinstance(told, dict):
                raise CorruptFileError(self.name, f"{self.place}: root", f"it describes no model, but a {kind[:60]!r}.")
            version = told.get("keras_version")
            self.version = version if isinstance(version, str) else None
            return _plain({**(told["model_config"] if isinstance(told.get("model_config"), dict) else {}), **told})
        return None

    def json(self, key):
        """What an HDF5 file would have in the attribute ``key``."""
        if key != old_hdf5.CONFIG:
            return (self.told or {}).get(key)
        config = (self.told or {}).get("config")
        if not isinstance(config, dict) or not isinstance(self.told.get("class_name"), str):
            raise CorruptFileError(self.name, self.place, self._says_no_model())
        found, shape = {"class_name": self.told["class_name"], "config": config}, self.told.get("build_input_shape")
        if isinstance(shape, list) and found["class_name"] == "Sequential":
            config.setdefault("build_input_shape", shape)
        elif isinstance(shape, list):  # a class of the caller's, which makes its variables when it is built
            found["build_config"] = {"input_shape": shape}
        return found

    def _says_no_model(self):
        what = "says nothing of the model's layers" if self.told is None else "has no config of the model"
        return (
            f"it {what}, as Keras notes them; the graphs of TensorFlow in {MODEL} are programs, and not run. The "
            f"folder holds {_listed(self.bundle.entries)}. Make a model of the same layers and write: "
            f"model.load_weights({self.name!r})."
        )

    # -- the layers' arrays

    def pairs(self, model):
        """Triples (layer, what it is called in the file, [(a variable's name, its key)]), for ``load_pairs``."""
        return self._of_model(model, self.root, "")

    def _of_model(self, model, node, label):
        nodes = self._layers_of(node)
        if not nodes:
            return self._by_attributes(model, node, label)
        found = []
        for layer, inner in self._paired(model, nodes, label):
            name = f"{label}{'/' if label else ''}{self.names.get(inner, layer.name)}"
            if isinstance(layer, Model):
                found += self._of_model(layer, inner, name)
            elif lookup_in(layer) is not None:
                found += self._of_lookup(layer, inner, name)
            else:
                found.append((layer, name, self._of_layer(layer, inner, name)))
        top = old_hdf5.Top(model)
        if top.variables:
            named = self._named(model, node)
            own = [named[id(v)] for v in top.variables if id(v) in named]
            found.append((top, label or model.name, self._arrays(own, label)))
        return found

    def _children(self, node):
        """The objects in one, as often as they may be looked through."""
        children = self.nodes[node].children
        self._left -= len(children) + 1
        if self._left < 0:
            raise UnsafeFileError(
                self.name, self.bundle._where(_GRAPH), f"it takes more than {_MOST_STEPS:,} steps to go through it."
            )
        return children

    def _layers_of(self, node):
        """The nodes of a model's layers with weights, in order."""
        children = self._children(node)
        found = [children.get(f"layer_with_weights-{i}") for i in range(len(children))]
        return [number for number in found if number is not None]

    def _of_lookup(self, layer, node, label):
        """The vocabulary of a lookup, where it is kept; a checkpoint has none."""
        lookup, path = lookup_in(layer), self._path(node)
        if lookup is not layer:
            node, path = self.nodes[node].children.get("_lookup_layer", node), [*path, "_lookup_layer"]
        tokens = self._tables.tokens(path, lookup) if self.whole and lookup._given[0] is None else None
        weights = self.nodes[node].children.get("idf_weights")
        key = None if weights is None else self.nodes[weights].key
        if tokens is None:
            return []
        return [(Learned(lookup, tokens, None if key is None else self.bundle.read(key)), label, [])]

    @property
    def _tables(self):
        if self._read_tables is None:
            self._read_tables = Tables(self.folder)
        return self._read_tables

    def _path(self, node):
        """The names that lead from the first object to ``node``."""
        before, open_ = {0: None}, [0]
        for number in open_:
            if number == node:
                break
            for name, inner in self._children(number).items():
                if inner not in before:
                    before[inner] = (number, name)
                    open_.append(inner)
        path = []
        while before.get(node) is not None:
            node, name = before[node]
            path.insert(0, name)
        return path

    def _paired(self, model, nodes, label):
        layers = [layer for layer in one_by_one(model.layers) if has_state(layer)]
        names = [self.names.get(number) for number in nodes]
        by_name = {layer.name: layer for layer in layers}
        if None not in names and len(set(names)) == len(names) and set(names) == set(by_name):
            return [(by_name[name], number) for name, number in zip(names, nodes)]
        if len(layers) != len(nodes):
            told = ", ".join(str(name) for name in names[:5] if name)
            raise CorruptFileError(
                self.name,
                self._place(label),
                f"it holds weights of {len(nodes)} layers{f' ({told})' if told else ''}, and the model has "
                f"{len(layers)} with weights ({old_hdf5.some(layer.name for layer in layers)}).",
            )
        return list(zip(layers, nodes))

    def _place(self, label):
        return f"{self.bundle.prefix}{': ' if label else ''}{label}" if self.bundle.entries else MODEL

    def _of_layer(self, layer, node, label):
        """The arrays of a layer in the order of its variables, as far as names tell; else in the file's order."""
        variables = weights_of(layer)
        named = self._named(layer, node)
        found = [named.get(id(variable)) for variable in variables]
        if None in found or len(set(found)) != len(found) or not variables:
            found = self._in_order(node)
        if len(found) == len(variables):
            self.places.update((id(variable), number) for variable, number in zip(variables, found))
        return self._arrays(found, label)

    def _by_attributes(self, model, node, label):
        """The arrays of a model that is no graph of layers: by the names of attributes, or in their order."""
        named = self._named(model, node)
        layers = [layer for layer in one_by_one(model.layers) if weights_of(layer)]
        variables = weights_of(model)
        if variables and all(id(variable) in named for variable in variables):
            self.places.update(named)
            top = old_hdf5.Top(model)
            pairs = [(layer, layer.name, weights_of(layer)) for layer in layers]
            pairs += [(top, label or model.name, top.variables)] if top.variables else []
            return [(one, name, self._arrays([named[id(v)] for v in own], label)) for one, name, own in pairs]
        found, names = self._in_order(node), old_hdf5.some(layer.name for layer in layers)
        if len(found) != len(variables):
            unbuilt = "" if model.built else " It is not built: make it, call it on data, and use model.load_weights."
            raise CorruptFileError(
                self.name,
                self._place(label),
                f"its objects are not the layers of this model. It holds {_listed(self.bundle.entries)}; the model "
                f"has {len(variables)} variables{f', in {names}' if names else ''}.{unbuilt}",
            )
        return [(model, label or model.name, self._arrays(found, label))] if found else []

    def _in_order(self, node):
        """The variables of an object: as Keras listed them, else in the order in which they were made."""
        children = self.nodes[node].children
        for name in ("variables", "_variables", "_all_variables"):
            listed = children.get(name)
            if listed is not None:
                inner = self._children(listed)
                found = [inner[str(i)] for i in range(len(inner)) if str(i) in inner]
                if found and len(found) == len(inner) and all(self.nodes[n].key is not None for n in found):
                    return list(dict.fromkeys(found))
        found, seen, open_ = [], set(), [node]
        while open_:
            number = open_.pop()
            if number in seen:
                continue
            seen.add(number)
            if self.nodes[number].key is not None:
                found.append(number)
            inner = self._children(number)
            open_ += [inner[name] for name in reversed(inner) if name not in _BESIDE]
        return found

    def _arrays(self, numbers, label=""):
        found = []
        for number in numbers:
            node = self.nodes[number]
            if node.key not in self.bundle.entries:
                place = self._place(label or str(node.key)[:200])
                raise CorruptFileError(self.name, place, f"the array {str(node.key)[:200]!r} is named, but not there.")
            found.append((node.name or _attribute(node.key), node.key))
        return found

    def _named(self, holder, node):
        """The nodes of the variables in ``holder``, by their ids, as far as attributes have the same names."""
        found = {}
        self._follow(holder, node, found, set())
        return found

    def _follow(self, holder, node, found, seen):
        if id(holder) in seen:
            return
        seen.add(id(holder))
        children = {}
        for name, number in self._children(node).items():
            if name not in _BESIDE:
                children.setdefault(name.strip("_"), number)
        if isinstance(holder, Model) and (nodes := self._layers_of(node)):
            layers = [layer for layer in one_by_one(holder.layers) if weights_of(layer)]
            for layer, number in zip(layers, nodes) if len(layers) == len(nodes) else ():
                self._follow(layer, number, found, seen)
        own = {id(variable): variable for variable in holder._own_variables()}
        for name, value in vars(holder).items():
            self._variables_at(value, children.get(name.strip("_")), own, found)
        for key, variable in own.items():
            number = children.get(variable.path.split("/")[-1].strip("_"))
            if key not in found and number is not None and self.nodes[number].key is not None:
                found[key] = number
        for name, value in attributes(holder):
            number = children.get(name.strip("_"))
            if number is not None:
                self._layers_at(value, number, found, seen)

    def _variables_at(self, value, number, own, found):
        if number is None:
            return
        if isinstance(value, Variable) and id(value) in own and self.nodes[number].key is not None:
            found.setdefault(id(value), number)
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                if isinstance(item, Variable):
                    self._variables_at(item, self.nodes[number].children.get(str(i)), own, found)

    def _layers_at(self, value, number, found, seen):
        if isinstance(value, Layer):
            self._follow(value, number, found, seen)
            return
        listed = enumerate(value) if isinstance(value, (list, tuple)) else ()
        for key, item in value.items() if isinstance(value, dict) else listed:
            inner = self.nodes[number].children.get(str(key))
            if inner is not None and isinstance(item, (Layer, list, tuple, dict)):
                self._layers_at(item, inner, found, seen)

    def sizes(self):
        """How many numbers there are in the layers, by their names, and in all."""
        count = lambda node: sum(  # noqa: E731
            math.prod(self.bundle.entries[key].shape)
            for key in {self.nodes[n].key for n in self._in_order(node)}
            if key in self.bundle.entries
        )
        found = {}
        for name, node in self.nodes[self.root].children.items():
            if name not in _BESIDE and node != self.root and not name.startswith("layer-"):
                found[self.names.get(node, name)] = count(node)
        return {name: size for name, size in found.items() if size}, count(self.root)

    # -- the optimizer

    def has_optimizer(self):
        return "optimizer" in self.nodes[self.root].children

    def optimizer_file(self, model):
        """The state of the optimizer as an HDF5 file would have it, for ``restore_optimizer``."""
        if not self.has_optimizer():
            return _OptimizerFile(self, {})
        node = self.nodes[self.root].children["optimizer"]
        children = self.nodes[node].children
        steps = children.get("_iterations", children.get("iter"))
        rate = children.get("_learning_rate")
        names = {steps: "iteration"} if steps is not None else {}
        if names and rate is not None:
            names[rate] = "learning_rate"
        listed = children.get("_variables")
        for number in self._slots(node, model) if listed is None else self._in_order_of(listed):
            names.setdefault(number, self.nodes[number].name)
        return _OptimizerFile(self, {n: name for n, name in names.items() if self.nodes[n].key in self.bundle.entries})

    def _in_order_of(self, node):
        children = self.nodes[node].children
        return [children[str(i)] for i in range(len(children)) if str(i) in children]

    def _slots(self, node, model):
        """What optimizers before TensorFlow 2.11 kept for each variable, all of one kind together."""
        kinds = {}
        for variable, kind, slot in self.nodes[node].slots:
            kinds.setdefault(kind, {})[variable] = slot
        places = [self.places.get(id(variable)) for variable in model.trainable_variables]
        return [slots[place] for slots in kinds.values() for place in places if place in slots]


class _OptimizerFile(old_hdf5.OldFile):
    """``names``: those of the optimizer's nodes, in order."""

    def __init__(self, saved, names):
        self.name, self.source, self.era = saved.name, self, saved.era
        self._saved = saved
        self._keys = {f"{i}/{name}": saved.nodes[number].key for i, (number, name) in enumerate(names.items())}
        self.groups = {"optimizer_weights"} if names else set()
        self.entries = {f"optimizer_weights/{n}": saved.bundle.entries[key] for n, key in self._keys.items()}

    def attributes(self, path):
        return {"weight_names": list(self._keys)}

    def read(self, path):
        return self._saved.bundle.read(self._keys[path.removeprefix("optimizer_weights/")])


def _is_layer(name):
    return name.startswith(("layer_with_weights-", "layer-"))


def _attribute(key):
    return key.split("/.ATTRIBUTES")[0].rpartition("/")[2]


def _listed(entries):
    """What arrays there are, told in a few words."""
    own = [path for path in entries if not path.startswith(("save_counter", "optimizer/", "keras_api/"))]
    some = ", ".join(f"{path.split('/.ATTRIBUTES')[0][:80]} {entries[path].shape}" for path in own[:5])
    return f"{len(own)} arrays" + (f" ({some}{', ...' if len(own) > 5 else ''})" if some else "")


def _plain(value):
    """What Keras wrote of Python's and TensorFlow's own objects, as lists; without types of inputs."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    name = value.get("class_name")
    if name in ("__tuple__", "TensorShape") and "config" not in value:
        return _plain(value.get("items"))
    if name == "TypeSpec" and "type_spec" in value:
        return None
    return {key: _plain(item) for key, item in value.items()}
