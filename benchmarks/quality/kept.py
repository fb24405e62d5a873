"""Runs that are done, a line of JSON each, so that a later command goes on from there.

A line is a split (its test rows) or a run (a system's labels for them). A run counts as long as its
split and its recipe are what they were; of several, the last.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from our_recipes import told

Place = tuple[str, int]


@dataclass
class Kept:
    """What the file holds.

    Attributes:
        path: of the file.
        splits: by data set and seed.
        runs: by data set, seed and system.
    """

    path: Path
    splits: dict[Place, dict[str, Any]] = field(default_factory=dict)
    runs: dict[tuple[str, int, str], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                # A command that was killed while it wrote leaves half a line: that run is not done.
                if line.endswith("}"):
                    self._take(json.loads(line))

    def add(self, record: dict[str, Any]) -> None:
        """Append a record."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            # The line before may be half a one.
            stream.write(("\n" if stream.tell() else "") + json.dumps(record, ensure_ascii=False))
        self._take(record)

    def done(self, place: Place, system: str, recipe: dict | None) -> bool:
        """Tell whether a system ran on the split that stands, with this recipe."""
        run = self.runs.get((*place, system))
        if run is None or not self._valid(place, run):
            return False
        # Of runs that were kept by earlier versions, what differs from the default.
        return run["recipe"] == recipe or (recipe is not None and told(run["recipe"]) == recipe)

    def of(self, data: str) -> dict[int, tuple[dict[str, Any], dict[str, dict[str, Any]]]]:
        """Return a data set's splits and their runs by system, by seed."""
        by_seed = {}
        for place, split in sorted(self.splits.items()):
            if place[0] == data:
                runs = {
                    key[2]: run
                    for key, run in self.runs.items()
                    if key[:2] == place and self._valid(place, run)
                }
                if runs:
                    by_seed[place[1]] = split, runs
        return by_seed

    def _valid(self, place: Place, run: dict[str, Any]) -> bool:
        return place in self.splits and run["digest"] == self.splits[place]["digest"]

    def _take(self, record: dict[str, Any]) -> None:
        place = record["data"], record["seed"]
        if "system" in record:
            self.runs[(*place, record["system"])] = record
        else:
            self.splits[place] = record
