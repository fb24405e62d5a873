"""What is written as JSON, as plain lists and numbers."""

from dataclasses import asdict
from typing import Any

import numpy as np


class Plain:
    """Of dataclasses: their fields, those of dataclasses in them too."""

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        return asdict(self, dict_factory=_plain)


def _plain(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in fields}
