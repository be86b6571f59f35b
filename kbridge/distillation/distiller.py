"""``Distiller``: a model that trains a student to match its teacher."""

from kbridge import losses, metrics, objects, ops, tree
from kbridge.distillation.strategies import DistillationLoss, as_losses
from kbridge.models import Model

_FINAL = "final_output"


class Distiller(Model):
    """Trains ``student`` on targets and on what ``teacher``, which stays as it is, makes of the same inputs.

    The loss is ``student_loss_weight`` times the student's own and the rest times those of ``distillation_losses``,
    beside the penalties of the student's layers. To predict, it is the student.

    Args:
        teacher: a trained model.
        student: the model to train; its inputs and outputs have the shapes and dtypes of the teacher's.
        distillation_losses: a strategy (``LogitsDistillation``, ``FeatureDistillation``, one's own), or a list.
        distillation_loss_weights: a number for each of them; 1 unless told.
        student_loss_weight: between 0 and 1.
    """

    def __init__(
        self,
        teacher,
        student,
        distillation_losses,
        distillation_loss_weights=None,
        student_loss_weight=0.5,
        name="distiller",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        _check_models(teacher, student)
        if isinstance(student_loss_weight, bool) or not isinstance(student_loss_weight, (int, float)):
            raise ValueError(f"Distiller: student_loss_weight must be a number. Received: {student_loss_weight!r}.")
        if not 0 <= student_loss_weight <= 1:
            raise ValueError(
                f"Distiller: student_loss_weight must be between 0.0 and 1.0. Received: {student_loss_weight}."
            )
        if not isinstance(distillation_losses, (list, tuple)):
            distillation_losses = [distillation_losses]
        for loss in distillation_losses:
            if not isinstance(loss, DistillationLoss):
                raise ValueError(
                    f"Distiller: distillation_losses must be a DistillationLoss, such as LogitsDistillation(), or a "
                    f"list of them. Received: {loss!r}."
                )
            loss.validate_model_compatibility(teacher, student)
        weights = [1.0] * len(distillation_losses) if distillation_loss_weights is None else distillation_loss_weights
        weights = list(weights) if isinstance(weights, (list, tuple)) else [weights]
        if len(weights) != len(distillation_losses):
            raise ValueError(
                f"Distiller: distillation_loss_weights must have a number for each of the {len(distillation_losses)} "
                f"distillation_losses. Received: {distillation_loss_weights!r}."
            )
        self.teacher = teacher
        self.student = student
        self.student_loss_weight = student_loss_weight
        self.distillation_losses = list(distillation_losses)
        self.distillation_loss_weights = weights
        self._teacher_feature_extractor = self._extractor(teacher, "teacher_layer_name")
        self._student_feature_extractor = self._extractor(student, "student_layer_name")
        self._student_loss = None
        teacher.trainable = False
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")

    def _extractor(self, model, attribute):
        """A model that gives the layers to be matched, beside its own outputs; None if there are none."""
        names = {getattr(loss, attribute, None): None for loss in self.distillation_losses}
        outputs = {name: model.get_layer(name).output for name in names if name}
        if not outputs:
            return None
        outputs = {_FINAL: model.output, **outputs}
        return Model(inputs=model.input, outputs=outputs, name=f"{model.name}_multi_feature_extractor")

    def build(self, input_shape):
        """Build both models, for inputs of this shape."""
        for model in (self.teacher, self.student):
            if not model.built or not model.layers or not all(layer.built for layer in model.layers):
                model.build(input_shape)
        self.built = True

    def call(self, inputs, training=None, **kwargs):
        return self.student(inputs, training=training, **kwargs)

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """Say how to train. ``loss`` is the student's own: a name, a Loss, a function, or a structure like its outputs.

        The other arguments are those of ``Model.compile``.
        """
        if loss is None:
            raise ValueError("Distiller.compile: loss is missing: what compares the student's outputs with targets.")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"Distiller.compile: metrics must be a list. Received: metrics={metrics!r}.")
        self._student_loss = tree.map_structure(_as_object, as_losses(loss))
        self._loss_given = loss
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def get_compile_config(self):
        config = super().get_compile_config()
        return config and {**config, "loss": objects.serialize_keras_object(self._loss_given)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The scalar that training minimises. ``sample_weight`` counts for the student's own loss."""
        if y_pred is None:
            y_pred = self(x, training=training)
        share = self.student_loss_weight
        own = self._own_loss(y, y_pred, sample_weight) if share > 0 and y is not None else 0.0
        matching = self._matching_loss(x, y_pred, training) if share < 1 else 0.0
        total = ops.add(ops.multiply(share, own), ops.multiply(1.0 - share, matching))
        for penalty in self.losses:
            total = total + ops.cast(penalty, total.dtype)
        self.student_loss_tracker.update_state(own)
        self.distillation_loss_tracker.update_state(matching)
        self.total_loss_tracker.update_state(total)
        return total

    def _own_loss(self, y, y_pred, sample_weight):
        found = tree.flatten(self._student_loss)
        targets, outputs = tree.flatten(y), tree.flatten(y_pred)
        if not len(found) == len(targets) == len(outputs):
            raise ValueError(
                f"Distiller: the student has {len(outputs)} output(s), but {len(targets)} targets and {len(found)} "
                f"losses were given."
            )
        values = [
            loss(target, output, sample_weight)
            for loss, target, output in zip(found, targets, outputs)
            if loss is not None
        ]
        return sum(values[1:], values[0])

    def _matching_loss(self, x, y_pred, training):
        teacher = self._features(self.teacher, self._teacher_feature_extractor, x, False)
        student = {_FINAL: y_pred}
        if self._student_feature_extractor is not None:
            student = self._features(self.student, self._student_feature_extractor, x, training)
        total = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights):
            taught = teacher[getattr(loss, "teacher_layer_name", None) or _FINAL]
            learned = student[getattr(loss, "student_layer_name", None) or _FINAL]
            loss.validate_outputs(taught, learned)
            value = loss.compute_loss(taught, learned)
            if getattr(value, "shape", ()) != ():
                raise ValueError(
                    f"{type(loss).__name__}.compute_loss must return a scalar. It returned the shape "
                    f"{tuple(value.shape)}."
                )
            total = ops.add(total, ops.multiply(weight, value))
        return total

    @staticmethod
    def _features(model, extractor, x, training):
        return {_FINAL: model(x, training=training)} if extractor is None else extractor(x, training=training)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": objects.serialize_keras_object(self.dtype_policy),
            "teacher": objects.serialize_keras_object(self.teacher),
            "student": objects.serialize_keras_object(self.student),
            "distillation_losses": [objects.serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config):
        made = {
            key: objects.deserialize_keras_object(config[key])
            for key in ("teacher", "student", "dtype")
            if key in config
        }
        strategies = [objects.deserialize_keras_object(loss) for loss in config["distillation_losses"]]
        return cls(**{**config, **made, "distillation_losses": strategies})


def _as_object(loss):
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    return losses.LossFunctionWrapper(loss, name=getattr(loss, "__name__", "loss"))


def _check_models(teacher, student):
    for role, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, Model):
            raise ValueError(f"Distiller: {role} must be a Model. Received: {model!r}.")
    if not (hasattr(teacher, "inputs") and hasattr(student, "inputs")):
        return  # shapes are not known yet
    for what in ("input", "output"):
        taught, learned = getattr(teacher, what), getattr(student, what)
        tree.assert_same_structure(taught, learned)
        for one, other in zip(tree.flatten(taught), tree.flatten(learned)):
            pairs = zip(one.shape, other.shape)
            if len(one.shape) != len(other.shape) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
                raise ValueError(
                    f"Distiller: teacher and student must have {what}s of the same shape. "
                    f"Received: {one.shape} and {other.shape}."
                )
            if one.dtype != other.dtype:
                raise ValueError(
                    f"Distiller: teacher and student must have {what}s of the same dtype. "
                    f"Received: {one.dtype} and {other.dtype}."
                )


objects.publish("keras.distillation", Distiller)
