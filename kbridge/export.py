"""Exporting models to other programs' formats: left for later."""


class ExportArchive:
    """A folder of functions for serving: left for later."""

    def __init__(self, format="saved_model", **kwargs):
        raise NotImplementedError(
            f"ExportArchive(format={format!r}): exporting is left for later. Write model.save(...) to keep the model."
        )
