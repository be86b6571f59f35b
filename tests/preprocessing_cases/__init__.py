"""The table of preprocessing layers compared with Keras on TensorFlow: a line for each configuration.

A case is a layer, what it is adapted to, and what it is called on; both sides evaluate the same text.
``python -m preprocessing_cases FOLDER`` writes what Keras makes of them.
"""

import numpy as np


class Case:
    """A layer as text, the data it adapts to (None for none, a list of batches if ``batches``), and its inputs."""

    def __init__(self, layer, *inputs, adapt=None, batches=None, kwargs=None, error=False):
        self.layer, self.inputs, self.adapt, self.batches = layer, inputs, adapt, batches
        self.kwargs, self.error = kwargs or {}, error
        self.kind = layer.partition("(")[0]
        self.id = layer + (" adapted" if adapt is not None else " to batches" if batches else "") + f" on {inputs}"

    def make(self, layers):
        return eval(self.layer, {**vars(layers), "np": np})

    def run(self, layers, dataset, to_numpy=np.asarray):
        """What the layer gives, and what is known of it, as data; ``dataset`` makes a data set of batches."""
        layer = self.make(layers)
        if self.adapt is not None:
            layer.adapt(self.adapt)
        elif self.batches:
            layer.adapt(dataset(self.batches))
        found = {"outputs": [described(to_numpy(layer(x, **self.kwargs))) for x in self.inputs]}
        if hasattr(layer, "get_vocabulary"):
            found["vocabulary"] = plain(layer.get_vocabulary())
            found["tokens"] = plain(layer.get_vocabulary(include_special_tokens=False))
            found["size"] = int(layer.vocabulary_size())
        config = {k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")}
        found["config"] = plain(config)
        found["weights"] = [[v.name, plain(to_numpy(v.value))] for v in layer.weights]
        return found


def described(array):
    """[dtype, shape, values] of an array."""
    text = array.dtype.kind in "OUS"
    return ["string" if text else array.dtype.name, list(array.shape), plain(array)]


def plain(value):
    """Arrays, bytes and tuples as JSON has them."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value.decode() if isinstance(value, bytes) else value


CASES = []


def case(*args, **kwargs):
    CASES.append(Case(*args, **kwargs))


def array(*rows, dtype="float32"):
    return np.array(rows, dtype)


def words(*rows):
    return np.array(rows, object)


X = np.random.default_rng(0).normal(3.0, 2.0, (40, 3)).astype("float32")
IMAGES = np.random.default_rng(1).normal(1.0, 2.0, (5, 4, 4, 3)).astype("float32")

# -- numbers

case("Rescaling(0.5)", X, array(1, 2), np.array([[1, 2], [3, 4]], "uint8"))
case("Rescaling(2.0, offset=-1.0)", IMAGES, 3.0)
case("Rescaling([1.0, 2.0, 3.0], offset=[0.0, 1.0, 2.0])", X, IMAGES)

case("Normalization()", X, X[:1], adapt=X)
case("Normalization()", X, batches=[X[:16], X[16:32], X[32:]])
case("Normalization(axis=None)", X, array(1, 2), adapt=X)
case("Normalization(axis=None)", 2.0, array(1, 2), adapt=array(1, 2, 3, 4))
case("Normalization(axis=(1, -1))", IMAGES, adapt=IMAGES)
case("Normalization(axis=1)", IMAGES, adapt=IMAGES)
case("Normalization(axis=-1)", IMAGES, batches=[IMAGES[:2], IMAGES[2:]])
case("Normalization(invert=True)", X, adapt=X)
case("Normalization(mean=3.0, variance=2.0)", X, np.array([[1, 2, 5]]), [[1.0, 2.0, 3.0]])
case("Normalization(mean=[3.0, 1.0, 0.0], variance=[2.0, 4.0, 0.0])", X)
case("Normalization(axis=None, mean=3.0, variance=2.0, invert=True)", X, 4.0)
case("Normalization()", np.ones((4, 2), "float32"), adapt=np.ones((4, 2), "float32"))
case("Normalization()", X, adapt=X.astype("float64"))
case("Normalization()", X, adapt=(10 * X).astype("int32"))
case("Normalization(mean=3.0)", X, error=True)
case("Normalization(mean=3.0, variance=2.0)", X, adapt=X, error=True)

VALUES = array([-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0])
case("Discretization(bin_boundaries=[0.0, 1.0, 2.0])", VALUES, VALUES[0], 0.5, [0.0, 1.0, 9.0])
case("Discretization([0.0, 1.0, 2.0], output_mode='one_hot')", VALUES, VALUES[:, :1], VALUES[0], 0.5)
case("Discretization([0.0, 1.0, 2.0], output_mode='multi_hot')", VALUES, VALUES[:, :1], VALUES[0])
case("Discretization([0.0, 1.0, 2.0], output_mode='count')", VALUES, VALUES[:, :1], VALUES[0])
case("Discretization(num_bins=4, epsilon=0.01)", VALUES, adapt=VALUES)
case("Discretization(num_bins=4)", X, adapt=X)
case("Discretization(num_bins=5, epsilon=0.1)", X, batches=[X[:16], X[16:32], X[32:]])
case("Discretization(num_bins=3, output_mode='one_hot')", X, batches=[X[:8], X[8:]])
case("Discretization(num_bins=3)", VALUES.astype("int32"), adapt=(10 * X).astype("int32"))
case("Discretization()", VALUES, error=True)
case("Discretization(num_bins=3, bin_boundaries=[1.0])", VALUES, error=True)

INTS = np.array([[0, 1], [3, 3], [2, 0]])
case("CategoryEncoding(4)", INTS, INTS[0], INTS[:, :1], 2, [3, 0, 1], [[0, 1], [1, 3]])
case("CategoryEncoding(4, 'one_hot')", INTS, INTS[0], INTS[:, :1], 2, [3, 0, 1])
case("CategoryEncoding(4, 'count')", INTS, INTS[0], INTS[:, :1])
case("CategoryEncoding(4, 'multi_hot')", INTS.astype("int32"))
case("CategoryEncoding(4, 'count')", INTS, kwargs={"count_weights": array([0.1, 0.2], [0.4, 1.0], [2.0, 3.0])})
case("CategoryEncoding(4, 'one_hot')", np.array([[-1], [4]]))
case("CategoryEncoding()", INTS, error=True)
case("CategoryEncoding(4, 'int')", INTS, error=True)
case("CategoryEncoding(4, 'multi_hot')", INTS, kwargs={"count_weights": array([0.1, 0.2])}, error=True)

# -- hashes

NUMBERS = np.array([[0, 1, -1], [12345678901, 7, -42]])
TEXTS = words(
    ["A", "B", "äöü"], ["C", "", "a longer text, of more than thirty-two bytes and of less than a hundred and so on"]
)
case("Hashing(num_bins=1000)", NUMBERS, NUMBERS.astype("int32"), TEXTS, [["A"], ["B"]], ["A", "B"], "A", 5)
case("Hashing(num_bins=1000, salt=1337)", NUMBERS, TEXTS)
case("Hashing(num_bins=1000, salt=[133, 137])", NUMBERS, TEXTS)
case("Hashing(num_bins=30, mask_value='')", TEXTS)
case("Hashing(num_bins=30, mask_value=0)", NUMBERS)
case("Hashing(num_bins=5, output_mode='one_hot')", TEXTS, TEXTS[:, :1], TEXTS[0])
case("Hashing(num_bins=5, output_mode='multi_hot')", TEXTS, NUMBERS)
case("Hashing(num_bins=5, output_mode='count')", TEXTS, NUMBERS)
case("Hashing(num_bins=1)", TEXTS)
case("Hashing(num_bins=0)", TEXTS, error=True)
case("Hashing(num_bins=3, salt='a')", TEXTS, error=True)
case("Hashing(num_bins=1000003)", words(*("x" * n + str(n) for n in range(300))))
case("Hashing(num_bins=1000003, salt=[2**40, 3])", words(*("y" * n + str(n) for n in range(40))))

PAIR = (words("A", "B", "A", "B", "A"), np.array([101, 101, 101, 102, -102]))
case("HashedCrossing(num_bins=500)", PAIR, ("A", 101), (PAIR[0][:, None], PAIR[1][:, None]), (PAIR[0], PAIR[0]))
case("HashedCrossing(num_bins=500)", (PAIR[0], PAIR[1], PAIR[0]), (PAIR[1].astype("int32"), PAIR[1]))
case("HashedCrossing(num_bins=6, output_mode='one_hot')", PAIR, (PAIR[0][:, None], PAIR[1][:, None]), ("A", 101))
case("HashedCrossing(num_bins=6)", PAIR[0], error=True)
case("HashedCrossing(num_bins=6)", (array(1, 2), array(3, 4)), error=True)
case("HashedCrossing(num_bins=6, output_mode='count')", PAIR, error=True)

# -- vocabularies

TOKENS = words(["a", "c", "d", "z"], ["d", "z", "b", "a"])
LETTERS = "vocabulary=['a', 'b', 'c', 'd']"
case(f"StringLookup({LETTERS})", TOKENS, TOKENS[0], ["a", "zz"], [["a", "zz"]], "d", "zz")
case(f"StringLookup({LETTERS}, mask_token='')", words(["a", "", "zz"]))
case(f"StringLookup({LETTERS}, mask_token='[MASK]', oov_token='[OOV]')", words(["a", "[MASK]", "[OOV]", "q"]))
case(f"StringLookup({LETTERS}, num_oov_indices=3)", words(["a", "q", "r", "s", "t"]))
case(f"StringLookup({LETTERS}, num_oov_indices=0)", words(["a", "b", "d"]))
case(f"StringLookup({LETTERS}, num_oov_indices=3, mask_token='')", words(["a", "q", "r", "s", ""]))
case(f"StringLookup({LETTERS}, num_oov_indices=0)", words(["a", "q"]), error=True)
case(f"StringLookup({LETTERS}, num_oov_indices=0, output_mode='multi_hot')", words(["a", "q"]), error=True)
case(f"StringLookup({LETTERS}, output_mode='one_hot')", TOKENS, TOKENS[:, :1], TOKENS[0], "a")
case(f"StringLookup({LETTERS}, output_mode='multi_hot')", TOKENS, TOKENS[:, :1], TOKENS[0])
case(f"StringLookup({LETTERS}, output_mode='count')", TOKENS, words(["a", "a", "q", "q"]))
case(f"StringLookup({LETTERS}, output_mode='count', mask_token='', num_oov_indices=2)", words(["a", "", "q", "r"]))
case(f"StringLookup({LETTERS}, output_mode='tf_idf', idf_weights=[0.25, 0.75, 0.6, 0.4])", TOKENS)
case(f"StringLookup({LETTERS}, max_tokens=8, pad_to_max_tokens=True, output_mode='multi_hot')", TOKENS)
case(f"StringLookup({LETTERS}, invert=True)", np.array([[1, 3, 4], [4, 0, 2]]), [1, 2], 3)
case(f"StringLookup({LETTERS}, invert=True, mask_token='', num_oov_indices=2)", np.array([[1, 3, 4], [9, 0, 2]]))
case("StringLookup(vocabulary=['', '[UNK]', 'a', 'b'], mask_token='')", words(["a", "b", "", "q"]))
case("StringLookup(vocabulary=np.array(['a', 'b']))", words(["a", "b", "q"]))
case("StringLookup()", TOKENS, adapt=TOKENS)
case("StringLookup()", TOKENS, batches=[TOKENS[:1], TOKENS[1:]])
case("StringLookup(max_tokens=4)", TOKENS, adapt=TOKENS)
case("StringLookup(max_tokens=4, mask_token='', num_oov_indices=2)", TOKENS, adapt=TOKENS)
case("StringLookup(mask_token='')", words(["a", ""]), adapt=words(["a", "", "[UNK]", "b", "a"]))
case("StringLookup(output_mode='tf_idf')", TOKENS, TOKENS[0], adapt=TOKENS)
case("StringLookup(output_mode='tf_idf', max_tokens=12, pad_to_max_tokens=True)", TOKENS, batches=[TOKENS[:1], TOKENS])
case("StringLookup(output_mode='count', max_tokens=5)", TOKENS, adapt=TOKENS)
case("StringLookup(invert=True)", np.array([1, 2, 3]), adapt=TOKENS)
case("StringLookup(vocabulary=['a', 'b', 'a'])", TOKENS, error=True)
case("StringLookup(max_tokens=1)", TOKENS, error=True)
case("StringLookup(invert=True, output_mode='count')", TOKENS, error=True)
case("StringLookup(num_oov_indices=-1)", TOKENS, error=True)
case("StringLookup(output_mode='ints')", TOKENS, error=True)
case("StringLookup(pad_to_max_tokens=True)", TOKENS, error=True)
case(f"StringLookup({LETTERS}, max_tokens=3)", TOKENS, error=True)
case("StringLookup(vocabulary=[])", TOKENS, error=True)
case("StringLookup(vocabulary=['a'], output_mode='tf_idf')", TOKENS, error=True)
case("StringLookup(vocabulary=['a'], idf_weights=[1.0])", TOKENS, error=True)
case("StringLookup(vocabulary=['a', 'b'], output_mode='tf_idf', idf_weights=[1.0])", TOKENS, error=True)

NUMERALS = "vocabulary=[12, 36, 1138, 42]"
IDS = np.array([[12, 1138, 42], [42, 1000, 36]])
case(f"IntegerLookup({NUMERALS})", IDS, IDS[0], IDS.astype("int32"), [12, 5], 12)
case(f"IntegerLookup({NUMERALS}, mask_token=0)", np.array([[0, 12, 5]]))
case(f"IntegerLookup({NUMERALS}, mask_token=0, oov_token=-2, num_oov_indices=2)", np.array([[0, 12, 5, 6, -2, -7]]))
case(f"IntegerLookup({NUMERALS}, num_oov_indices=3)", np.array([[12, 10, 11, 13, -1, -5]]))
case(f"IntegerLookup({NUMERALS}, num_oov_indices=3, oov_method='farmhash')", np.array([[12, 10, 11, 13, -1, -5]]))
case(f"IntegerLookup({NUMERALS}, num_oov_indices=0)", np.array([12, 42]))
case(f"IntegerLookup({NUMERALS}, num_oov_indices=0)", np.array([12, 4]), error=True)
case(f"IntegerLookup({NUMERALS}, num_oov_indices=0, output_mode='count')", np.array([[12, 4, 12]]), error=True)
case(f"IntegerLookup({NUMERALS}, output_mode='one_hot')", IDS, IDS[:, :1], IDS[0], 12)
case(f"IntegerLookup({NUMERALS}, output_mode='multi_hot')", IDS, IDS[0])
case(f"IntegerLookup({NUMERALS}, output_mode='count', mask_token=0)", np.array([[12, 0, 12, 7]]))
case(f"IntegerLookup({NUMERALS}, output_mode='tf_idf', idf_weights=[0.25, 0.75, 0.6, 0.4])", IDS)
case(f"IntegerLookup({NUMERALS}, invert=True)", np.array([[1, 3, 4], [4, 0, 2]]))
case(f"IntegerLookup({NUMERALS}, invert=True, mask_token=0)", np.array([[1, 3, 4], [9, 0, 2]]))
case("IntegerLookup(vocabulary=[-1, 12, 36])", np.array([12, 36, 7]))
case("IntegerLookup()", IDS, adapt=IDS)
case("IntegerLookup(max_tokens=3)", IDS, batches=[IDS[:1], IDS])
case("IntegerLookup(mask_token=0)", IDS, adapt=np.array([[12, 0, -1, 12], [0, 3, 4, 5]]))
case("IntegerLookup(output_mode='tf_idf')", IDS, adapt=IDS)
case("IntegerLookup(max_tokens=4, pad_to_max_tokens=True, output_mode='multi_hot')", IDS, adapt=IDS[:, :1])
case("IntegerLookup(vocabulary=[1, 1])", IDS, error=True)

# -- text

SENTENCES = words("The quick brown Fox, jumps!", "over the lazy dog.", "THE end -- fin", "", "Ünder ÄRGER's x_y\tz\n")
COLUMN = SENTENCES[:, None]
case("TextVectorization()", SENTENCES, COLUMN, "The dog", ["The dog", "a fox"], adapt=SENTENCES)
case("TextVectorization()", SENTENCES, batches=[SENTENCES[:2], SENTENCES[2:]])
case("TextVectorization()", COLUMN, adapt=COLUMN)
case("TextVectorization()", SENTENCES, adapt=["foo bar", "bar baz"])
case("TextVectorization(max_tokens=6, output_sequence_length=4)", SENTENCES, "the", adapt=SENTENCES)
case("TextVectorization(output_sequence_length=2)", SENTENCES, adapt=SENTENCES)
case("TextVectorization(standardize=None)", SENTENCES, adapt=SENTENCES)
case("TextVectorization(standardize='lower')", SENTENCES, adapt=SENTENCES)
case("TextVectorization(standardize='strip_punctuation')", SENTENCES, adapt=SENTENCES)
case("TextVectorization(split=None)", SENTENCES, COLUMN, adapt=SENTENCES)
case(
    "TextVectorization(split=None)",
    words(["a", "b", "a"], ["b", "b", "c"]),
    adapt=words(["a", "b", "a"], ["b", "b", "c"]),
)
case("TextVectorization(split='character')", SENTENCES, adapt=SENTENCES)
case("TextVectorization(ngrams=2)", SENTENCES, adapt=SENTENCES)
case("TextVectorization(ngrams=(2, 3))", SENTENCES, adapt=SENTENCES)
case("TextVectorization(ngrams=(1, 3), output_mode='count')", SENTENCES, adapt=SENTENCES)
case("TextVectorization(output_mode='multi_hot')", SENTENCES, COLUMN, "the dog", adapt=SENTENCES)
case("TextVectorization(output_mode='count', max_tokens=5)", SENTENCES, adapt=SENTENCES)
case("TextVectorization(output_mode='count', max_tokens=50, pad_to_max_tokens=True)", SENTENCES, adapt=SENTENCES)
case("TextVectorization(output_mode='tf_idf')", SENTENCES, adapt=SENTENCES)
case("TextVectorization(output_mode='tf_idf')", SENTENCES, batches=[SENTENCES[:2], SENTENCES[2:]])
case("TextVectorization(vocabulary=['the', 'dog', 'fox'])", SENTENCES, "the fox")
case("TextVectorization(vocabulary=['', '[UNK]', 'the', 'dog', 'fox'])", SENTENCES)
case("TextVectorization(vocabulary=['the', 'dog'], output_mode='multi_hot')", SENTENCES)
case("TextVectorization(vocabulary=['the', 'dog'], output_mode='tf_idf', idf_weights=[0.5, 2.0])", SENTENCES)
case("TextVectorization(output_mode='ints')", SENTENCES, error=True)
case("TextVectorization(standardize='upper')", SENTENCES, error=True)
case("TextVectorization(split='words')", SENTENCES, error=True)
case("TextVectorization(ngrams=1.5)", SENTENCES, error=True)
case("TextVectorization(output_mode='count', output_sequence_length=3)", SENTENCES, error=True)
case("TextVectorization(output_sequence_length=0)", SENTENCES, error=True)
case("TextVectorization(vocabulary=['a'])", words(["a b", "c"]), error=True)
