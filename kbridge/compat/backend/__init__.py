"""The K functions: ``keras.backend`` as it was, eager on values and symbolic on symbols.

The generations spell them in ``compat.keras1.backend`` and ``compat.keras2.backend``.
"""
