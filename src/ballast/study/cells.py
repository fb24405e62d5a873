"""Run the cells of a study: for each strategy and seed, the steps from files to judged rows."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ballast.project.params import MODELS
from ballast.study import scoring
from ballast.study.plan import Strategy
from ballast.study.running import Task
from ballast.study.steps import Step, judging, pipeline
from ballast.study.store import Done, Store

# What the first model's training writes.
TRAINED = f"models/{MODELS[0]}"
# Runs tasks wherever an engine does, and yields what comes of them as it comes.
Engine = Callable[[Iterable[Task]], Iterator[Done]]


@dataclass(eq=False)
class Cell:
    """A strategy with a seed, on a share of the training rows.

    Attributes:
        strategy: what is trained.
        seed: of the run.
        share: of the training rows.
        taken: number of its steps that have run.
        written: digests of the files that these have written, by path.
        inputs: the key of the step that has written it, by output.
        seconds: what these took when they ran, those that other cells share included.
        error: why it ended, empty if it didn't.
        lasting: whether the error would be the same another time.
    """

    strategy: Strategy
    seed: int
    share: float = 1.0
    taken: int = 0
    written: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    lasting: bool = True

    def __post_init__(self) -> None:
        self.params = self.strategy.with_seed(self.seed, self.share)
        self.steps = [*pipeline(self.params), judging(self.params, scoring.__name__)]

    @property
    def ended(self) -> bool:
        """Whether no step is left, or none can run."""
        return bool(self.error) or self.taken == len(self.steps)

    @property
    def judged(self) -> bool:
        """Whether its rows have labels."""
        return self.ended and not self.error

    def task(self, key: str, store: Store, root: Path) -> Task:
        """Return its next step, to be run."""
        return self.task_of(self.steps[self.taken], key, store, root)

    def task_of(self, step: Step, key: str, store: Store, root: Path) -> Task:
        """Return a step that reads what this cell has written, to be run."""
        return Task(step, key, self.params, dict(self.inputs), str(root), str(store.folder))

    def take(self, done: Done) -> None:
        """Go on from a step that has run."""
        self.seconds += done.seconds
        self.error, self.lasting = done.error, done.lasting
        self.written |= done.files
        self.inputs |= dict.fromkeys(self.steps[self.taken].writes, done.key)
        self.taken += 1

    def place(self, store: Store, output: str) -> Path:
        """Return the folder in which one of its outputs lies."""
        return store.place(self.inputs[output])


@dataclass(frozen=True)
class Workshop:
    """Where and how cells run.

    Attributes:
        store: of what has run.
        engine: runs steps.
        root: the project's folder.
        told: is called with each cell when it ends.
        deadline: when nothing new is begun, by `time.monotonic`; None for never.
    """

    store: Store
    engine: Engine
    root: Path
    told: Callable[[Cell], None]
    deadline: float | None = None

    def run(self, cells: Sequence[Cell]) -> None:
        """Run what has not run yet of some cells, one stage of all of them after the other."""
        for number in range(max((len(cell.steps) for cell in cells), default=0)):
            waiting: dict[str, list[Cell]] = {}
            for cell in cells:
                if not cell.ended and cell.taken == number:
                    waiting.setdefault(cell.steps[number].key(cell.written), []).append(cell)
            tasks = []
            for key, those in waiting.items():
                if (done := self.store.load(key)) is not None:
                    self._take(those, done)
                else:
                    tasks.append(those[0].task(key, self.store, self.root))
            for done in self.engine(self._in_time(tasks)) if tasks else ():
                self._take(waiting[done.key], done)

    def _in_time(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Yield tasks until the time is up; a cell with a trained model goes to its end."""
        for task in tasks:
            is_late = self.deadline is not None and time.monotonic() > self.deadline
            if not is_late or TRAINED in task.inputs:
                yield task

    def _take(self, cells: Iterable[Cell], done: Done) -> None:
        for cell in cells:
            cell.take(done)
            if cell.ended:
                self.told(cell)
