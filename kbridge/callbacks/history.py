from kbridge.callbacks.callback import Callback


class History(Callback):
    """Keeps the logs of each epoch: ``history`` is a dict of lists, ``epoch`` the list of their numbers."""

    watches_only = True

    def __init__(self):
        super().__init__()
        self.history = {}
        self.epoch = []

    def on_train_begin(self, logs=None):
        self.epoch = []
        self.history = {}

    def get_state(self):
        return {"epoch": self.epoch, "history": self.history}

    def set_state(self, state):
        self.epoch = list(state["epoch"])
        self.history.clear()  # it stays what it is: a dict that knows older names perhaps
        self.history.update({name: list(values) for name, values in state["history"].items()})

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
