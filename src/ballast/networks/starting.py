"""TensorFlow, started: deterministic, with the types that all code here expects, and in silence."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@cache
def start() -> None:
    """Import Keras on TensorFlow and set both up, the first time in a process; before using either.

    What TensorFlow's C++ writes while it starts (which instructions it uses, that there is no GPU)
    comes before its log level is read, so it is held back here, and shown if starting fails.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _held_back():
        import keras
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        # The first look at the devices has lines of its own.
        tf.config.list_logical_devices()
    # A personal keras.json must not change what a run gives.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")


@contextmanager
def _held_back() -> Iterator[None]:
    """Keep what is written to the process's standard error, by whatever language."""
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
