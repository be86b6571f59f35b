"""Intersection over union, for segmentation: from a matrix that counts labels against predictions."""

import warnings

from kbridge import config, ops
from kbridge.backend import dtypes
from kbridge.backend.op import dtype_of
from kbridge.losses import as_dtype
from kbridge.metrics.base import Metric


class IoU(Metric):
    """The mean over ``target_class_ids`` of intersection / union.

    Labels and predictions are indices of classes, or, where ``sparse_y_true`` or ``sparse_y_pred`` is False, scores
    or one-hot along ``axis``. Labels of ``ignore_class`` do not count.
    """

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int")
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"{type(self).__name__}: the target class {max(target_class_ids)} is out of range for "
                f"{num_classes} classes. Expected 0 to {num_classes - 1}."
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, "zeros", dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = self._classes(y_true, self.sparse_y_true)
        y_pred = self._classes(y_pred, self.sparse_y_pred)
        n = self.num_classes
        valid = ops.logical_and(
            ops.logical_and(ops.greater_equal(y_true, 0), ops.less(y_true, n)),
            ops.logical_and(ops.greater_equal(y_pred, 0), ops.less(y_pred, n)),
        )
        if self.ignore_class is not None:
            valid = ops.logical_and(valid, ops.not_equal(y_true, self.ignore_class))
        weights = ops.cast(valid, self.dtype)
        if sample_weight is not None:
            weights = weights * self._weights(sample_weight)
        cells = ops.where(valid, y_true * n + y_pred, 0)
        counts = ops.segment_sum(weights, cells, num_segments=n * n)
        self.total_cm.assign_add(ops.reshape(counts, (n, n)))

    def _classes(self, y, sparse):
        y = y if sparse else ops.argmax(y, axis=self.axis)
        return ops.reshape(ops.cast(y, "int32"), (-1,))

    def _weights(self, sample_weight):
        sample_weight = ops.convert_to_tensor(sample_weight)
        if dtypes.is_float(dtype_of(sample_weight)) and dtypes.is_int(self.dtype):
            warnings.warn(
                f"Metric {self.name!r} counts in {self.dtype}, so its weights lose what is behind the point. "
                f"Write {type(self).__name__}(..., dtype='float32') to keep it.",
                stacklevel=3,
            )
        sample_weight = as_dtype(sample_weight, self.dtype)
        return ops.reshape(sample_weight, (-1,)) if len(sample_weight.shape) > 1 else sample_weight

    def result(self):
        counts = ops.cast(self.total_cm, "float32")
        both = ops.diagonal(counts)
        union = ops.sum(counts, axis=0) + ops.sum(counts, axis=1) - both
        if self.target_class_ids != list(range(self.num_classes)):
            both, union = (ops.take(x, self.target_class_ids, axis=0) for x in (both, union))
        present = ops.cast(ops.greater(union, 1e-9), "float32")
        ratio = both / (union + config.epsilon())
        return ops.sum(ratio * present) / (ops.sum(present) + config.epsilon())

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _config_without(self, *keys):
        return {key: value for key, value in IoU.get_config(self).items() if key not in keys}


class BinaryIoU(IoU):
    """IoU of class 0, class 1 or both, for predictions that mean class 1 from ``threshold`` on."""

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        chosen = ops.greater_equal(as_dtype(y_pred, "float32"), self.threshold)
        super().update_state(y_true, chosen, sample_weight)

    def get_config(self):
        kept = self._config_without("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**kept, "threshold": self.threshold}


class MeanIoU(IoU):
    """The mean of the IoU of all classes."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        targets = range(num_classes)
        super().__init__(num_classes, targets, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self):
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """IoU for labels that are one-hot."""

    def __init__(
        self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self):
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """The mean of the IoU of all classes, for labels that are one-hot."""

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self):
        return self._config_without("target_class_ids", "sparse_y_true")
