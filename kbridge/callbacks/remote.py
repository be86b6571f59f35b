"""``RemoteMonitor``: the logs of each epoch, sent to a server."""

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings

import numpy as np

from kbridge.callbacks.callback import Callback


class RemoteMonitor(Callback):
    """Posts the epoch and its logs to a server, as JSON.

    Args:
        root: the address of the server.
        path: the path on it.
        field: the form field that holds the JSON, where it is sent as a form.
        headers: a dict of further headers.
        send_as_json: whether the JSON is the body itself ("application/json") instead of a field of a form.
    """

    watches_only = True
    timeout = 10.0  # seconds

    def __init__(
        self, root="http://localhost:9000", path="/publish/epoch/end/", field="data", headers=None, send_as_json=False
    ):
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(f"RemoteMonitor: root must be an http or https address. Received: root={root!r}.")
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        told = {"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}}
        text = json.dumps(told)
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body, kind = urllib.parse.urlencode({self.field: text}).encode(), "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, body, {"Content-Type": kind, **(self.headers or {})}, method="POST"
        )
        try:
            urllib.request.urlopen(request, timeout=self.timeout).close()
        except (urllib.error.URLError, OSError) as error:
            # Training goes on without its audience.
            warnings.warn(f"RemoteMonitor could not reach {self.root}{self.path}: {error}", stacklevel=2)


def _plain(value):
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
