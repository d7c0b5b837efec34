"""A training as TensorBoard shows it: one event an epoch and figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from facesearch.training.trainer import Epoch

LAST = "validation/auc"
"""The figure that is written last of an epoch, so that an epoch that has it is whole."""


class Events:
    """Writes epochs into event files; those that are there already are not written again.

    TensorFlow has the writer itself; to look at the events takes TensorBoard, a package of its own.

    Args:
        folder: made where it is missing. Events of epochs that the training does not know are of another one, and are
            deleted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None
        self._written: set[int] = set()

    def follow(self, epochs: Sequence[Epoch]) -> None:
        """Write what is new.

        Args:
            epochs: all of the training up to now.

        Raises:
            ConfigError: the events cannot be written.
        """
        import tensorflow as tf

        try:
            if self._writer is None:
                self._open({epoch.number for epoch in epochs})
            for epoch in epochs:
                if epoch.number not in self._written:
                    self._write(epoch)
            self._writer.flush()
        except (OSError, tf.errors.OpError) as exc:
            raise ConfigError(
                f"cannot write events into {self.folder}: {_reason(exc)}",
                hint="the training itself is kept: leave --tensorboard out to go on without",
            ) from exc

    def _open(self, known: set[int]) -> None:
        import tensorflow as tf

        self.folder.mkdir(parents=True, exist_ok=True)
        files = sorted(self.folder.glob("events.out.tfevents.*"))
        self._written = {number for path in files for number in _epochs_in(path)}
        if not self._written <= known:
            for path in files:
                path.unlink()
            self._written = set()
        self._writer = tf.summary.create_file_writer(str(self.folder))

    def _write(self, epoch: Epoch) -> None:
        import tensorflow as tf

        # tf.summary.scalar would need the package tensorboard for these two lines.
        scalar = tf.compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
        scalar.plugin_data.plugin_name = "scalars"
        with self._writer.as_default():
            for tag, value in _figures(epoch).items():
                if value is not None:
                    tf.summary.write(tag, tf.constant(value, tf.float32), step=epoch.number, metadata=scalar)
        self._written.add(epoch.number)


def _figures(epoch: Epoch) -> dict[str, float | None]:
    return {
        "training/loss": epoch.loss,
        "training/active_triplets": epoch.active,
        "training/spread": epoch.spread,
        "training/learning_rate": epoch.rate,
        **{f"validation/tar_at_far_{far:g}": tar for far, tar in epoch.tar.items()},
        LAST: epoch.auc,
    }


def _reason(exc: Any) -> str:  # noqa: ANN401 - an OSError or one of TensorFlow's
    if isinstance(exc, OSError):
        return exc.strerror or str(exc)
    # "{{where in the graph}} path; reason", and on further lines what it was about to do.
    return str(exc.message.partition("\n")[0].rpartition("; ")[2])


def _epochs_in(path: Path) -> Iterator[int]:
    """The epochs that an event file has whole."""
    import tensorflow as tf

    try:
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            if any(value.tag == LAST for value in event.summary.value):
                yield event.step
    except tf.errors.DataLossError:
        # A run that was killed leaves half a record at the end.
        return
