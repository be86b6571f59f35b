"""What a student is told to match: its teacher's answers, or what goes on inside."""

from kbridge import losses, objects, ops, tree


def as_losses(loss):
    """``loss`` (a name, a Loss, a function or None, or a structure of such) with names made into losses."""
    return tree.map_structure(lambda one: losses.get(one) if isinstance(one, str) else one, loss)


class DistillationLoss:
    """Base for strategies of one's own: define ``compute_loss``."""

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        """A scalar: how far the student is from its teacher."""
        raise NotImplementedError(
            f"{type(self).__name__} must define compute_loss(teacher_outputs, student_outputs): a scalar tensor."
        )

    def validate_outputs(self, teacher_outputs, student_outputs):
        """Raise ValueError where the two cannot be compared."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher, student):
        """Raise ValueError where the strategy does not fit these models."""


class _Matching(DistillationLoss):
    """A loss, or a structure of losses like that of the outputs; None leaves an output out."""

    def __init__(self, loss):
        self.loss = as_losses(loss)
        if all(one is None for one in tree.flatten(self.loss)):
            raise ValueError(f"{type(self).__name__}: loss holds nothing but None, so there is nothing to match.")

    def validate_outputs(self, teacher_outputs, student_outputs):
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_paths(self.loss, teacher_outputs)
        except ValueError as error:
            raise ValueError(
                f"{type(self).__name__}: loss must be a structure like that of the outputs. {error}"
            ) from error

    def _total(self, compare, teacher_outputs, student_outputs):
        """The sum of ``compare(loss, teacher, student)`` over the outputs that have a loss."""
        columns = zip(tree.flatten(self.loss), tree.flatten(teacher_outputs), tree.flatten(student_outputs))
        values = [ops.mean(compare(*column)) for column in columns if column[0] is not None]
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": objects.deserialize_keras_object(config["loss"])})


class FeatureDistillation(_Matching):
    """Match what a layer of the teacher gives with what a layer of the student gives.

    Args:
        loss: how two features are compared: a name, a Loss, a function, or a structure of such.
        teacher_layer_name: the teacher's layer; its outputs unless told.
        student_layer_name: the student's layer; likewise.
    """

    def __init__(self, loss="mse", teacher_layer_name=None, student_layer_name=None):
        super().__init__(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher, student):
        for role, model, name in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            if name is None:
                continue
            if not hasattr(model, "inputs"):
                raise ValueError(
                    f"FeatureDistillation: {role}_layer_name={name!r} needs a {role} made of symbols, with Input(...). "
                    f"Model '{model.name}' is not; leave the name out to match its outputs, or use LogitsDistillation."
                )
            try:
                model.get_layer(name=name)
            except ValueError as error:
                raise ValueError(f"FeatureDistillation, in the {role}: {error}") from error

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        return self._total(lambda loss, teacher, student: loss(teacher, student), teacher_outputs, student_outputs)

    def get_config(self):
        return {
            "loss": objects.serialize_keras_object(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


class LogitsDistillation(_Matching):
    """Match the answers, made softer: logits divided by a temperature.

    The Kullback-Leibler divergence is taken of their softmax and multiplied by the temperature's square, which keeps
    gradients as large as without it. Any other loss compares the divided logits themselves.

    Args:
        temperature: how much softer; above 0.
        loss: a name, a Loss, a function, or a structure of such.
    """

    def __init__(self, temperature=3.0, loss="kl_divergence"):
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)) or temperature <= 0:
            raise ValueError(f"LogitsDistillation: temperature must be a number above 0. Received: {temperature!r}.")
        super().__init__(loss)
        self.temperature = temperature

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        def compare(loss, teacher, student):
            teacher, student = teacher / self.temperature, student / self.temperature
            if isinstance(loss, losses.KLDivergence) or loss is losses.kl_divergence:
                return ops.mean(loss(ops.softmax(teacher), ops.softmax(student))) * self.temperature**2
            return loss(teacher, student)

        return self._total(compare, teacher_outputs, student_outputs)

    def get_config(self):
        return {"temperature": self.temperature, "loss": objects.serialize_keras_object(self.loss)}


objects.publish("keras.distillation", DistillationLoss, FeatureDistillation, LogitsDistillation)
