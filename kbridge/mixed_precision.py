"""Mixed precision: computing in a narrow dtype, with variables in float32.

>>> kbridge.mixed_precision.set_global_policy("mixed_float16")

Under "mixed_float16" ``compile`` wraps the optimizer into a ``LossScaleOptimizer``; "mixed_bfloat16" needs none.
"""

from kbridge.dtype_policies import DTypePolicy as DTypePolicy
from kbridge.dtype_policies import dtype_policy as dtype_policy
from kbridge.dtype_policies import set_dtype_policy as set_dtype_policy
from kbridge.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
