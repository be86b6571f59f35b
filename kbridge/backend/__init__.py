"""The bridge: what stands between the frontend and the engines.

The module is ``keras.backend`` too: calling code asks it which engine is in charge.
"""

from kbridge.backend.registry import available as available
from kbridge.backend.registry import backend as backend
from kbridge.backend.registry import current as current
from kbridge.backend.registry import register as register
from kbridge.backend.registry import set_backend as set_backend
from kbridge.backend.registry import use_backend as use_backend
