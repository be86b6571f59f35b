"""``Callback`` and the list that calls them."""

from kbridge.callbacks import hooks


class Callback:
    """Something that is told of the course of training, and may change it.

    Define any of the ``on_*`` methods. ``self.model`` is the model, ``self.params`` a dict with
    "verbose", "epochs" and "steps". ``logs`` holds the values so far, by name.
    """

    # True for callbacks that change nothing: they may be told of several batches or epochs afterwards.
    watches_only = False

    def __init__(self):
        self.params = None
        self._model = None

    @property
    def model(self):
        return getattr(self, "_model", None)

    def set_params(self, params):
        self.params = params

    def set_model(self, model):
        self._model = model

    def get_state(self):
        """What it must know to go on in another process: plain data and NumPy arrays, None for nothing."""
        return None

    def set_state(self, state):
        """Know again what ``get_state`` returned. Called after ``on_train_begin``.

        Where training goes on in the midst of an epoch, it is not told of the beginning of that epoch again.
        """

    def on_batch_begin(self, batch, logs=None):
        """Before a training batch (the older name of ``on_train_batch_begin``)."""

    def on_batch_end(self, batch, logs=None):
        """After a training batch (the older name of ``on_train_batch_end``)."""

    def on_epoch_begin(self, epoch, logs=None):
        """Before an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        """After an epoch, and its evaluation."""

    def on_train_batch_begin(self, batch, logs=None):
        """Before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """After a training batch."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Before a batch of evaluation."""

    def on_test_batch_end(self, batch, logs=None):
        """After a batch of evaluation."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch, logs=None):
        """After a batch of prediction."""

    def on_train_begin(self, logs=None):
        """Before training."""

    def on_train_end(self, logs=None):
        """After training."""

    def on_test_begin(self, logs=None):
        """Before evaluation."""

    def on_test_end(self, logs=None):
        """After evaluation."""

    def on_predict_begin(self, logs=None):
        """Before prediction."""

    def on_predict_end(self, logs=None):
        """After prediction."""

    def defines(self, *names):
        """Whether any of these methods is its own."""
        return any(
            getattr(type(self), name, None) is not getattr(Callback, name) or name in self.__dict__ for name in names
        )


_NOBODY = dict.fromkeys(hooks.ALL, ())


class CallbackList(Callback):
    """Several callbacks as one."""

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        found = list(hooks.flattened(callbacks))
        for callback in found:
            if not hasattr(callback, "on_epoch_end") and not isinstance(callback, Callback):
                raise TypeError(
                    f"callbacks must be Callbacks. Received: {callback!r} (of type {type(callback).__name__})."
                )
        from kbridge.callbacks.history import History
        from kbridge.callbacks.progress import ProgbarLogger

        self.history = next((c for c in found if isinstance(c, History)), None)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in found):
            found.append(ProgbarLogger())
        if add_history and self.history is None:
            self.history = History()
            found.append(self.history)
        found.sort(key=lambda callback: hasattr(callback, "set_run"))  # who keeps what all know is told last
        self.callbacks = found
        self._knowing = []  # those who know what they knew in an earlier process
        self._look()
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def _look(self):
        """Find out at which moments some callback has its word to say, and where all only watch."""
        found = self.callbacks
        self._listeners = {name: [c for c in found if _listens(c, name)] for name in hooks.ALL} if found else _NOBODY
        self.act_on_batches = any(
            not c.watches_only
            and c.defines("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
            for c in found
        )
        self.act_on_epochs = any(not c.watches_only and c.defines("on_epoch_begin", "on_epoch_end") for c in found)
        self.watch_batches = any(c.watches_only and c.defines("on_train_batch_end") for c in found)

    def set_model(self, model):
        super().set_model(model)
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params):
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def set_steps(self, steps):
        """Say how many steps an epoch has, once that is known."""
        self.params["steps"] = steps

    def append(self, callback):
        """Add a callback at the end."""
        self.callbacks.append(callback)
        self._look()
        if self.model is not None:
            callback.set_model(self.model)
        callback.set_params(self.params)

    # -- going on in another process

    def get_state(self):
        """What each callback must know to go on in another process: lists of its class's name and its state."""
        return [[type(c).__name__, c.get_state() if hasattr(c, "get_state") else None] for c in self.callbacks]

    def set_state(self, state):
        """Give each callback what the one of its class, the first, second and so on, knew."""
        left = {}
        for name, known in state:
            left.setdefault(name, []).append(known)
        self._knowing = []
        for callback in self.callbacks:
            known = (left.get(type(callback).__name__) or [None]).pop(0)
            if known is not None:
                callback.set_state(known)
                self._knowing.append(callback)

    def go_on(self, epoch):
        """Say that an epoch goes on: to those who were not there when it began, that is its beginning."""
        for callback in self._listeners["on_epoch_begin"]:
            if not any(callback is known for known in self._knowing):
                callback.on_epoch_begin(epoch, {})

    def __iter__(self):
        return iter(self.callbacks)

    def for_evaluation(self):
        """Those that have their say in the evaluation inside ``fit``; their model and params stay those of ``fit``."""
        part = CallbackList()
        part.callbacks = [c for c in self.callbacks if not c.watches_only and c.defines(*hooks.TEST)]
        part._look()
        return part


def _listens(callback, name):
    """Whether a callback has a method ``name`` of its own, or one that the base class's calls."""
    if not isinstance(callback, Callback):
        return hasattr(callback, name)
    return callback.defines(name, name.replace("_train_batch_", "_batch_"))


def _told(name):
    """The method ``name`` of the list: it tells those who listen, with an empty dict where there are no logs."""
    if "batch" in name or "epoch" in name:

        def tell(self, index, logs=None):
            logs = {} if logs is None else logs
            for callback in self._listeners[name]:
                getattr(callback, name)(index, logs)
    else:

        def tell(self, logs=None):
            logs = {} if logs is None else logs
            for callback in self._listeners[name]:
                getattr(callback, name)(logs)

    tell.__name__ = name
    return tell


for _name in hooks.ALL:
    setattr(CallbackList, _name, _told(_name))
