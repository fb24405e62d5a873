"""The description of a user's files: one block under `datasets:` in `params.yaml`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ballast.project import storage
from ballast.project.errors import UserError
from ballast.project.params import check

Files = str | list[str] | None
LAYOUT = "input.json"


class Layout(BaseModel):
    """How files are read, and which of their columns a network sees; prediction needs it too."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["csv", "tsv", "jsonl", "parquet"] | None = None
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(min_length=1, max_length=1)] | None = '"'
    encoding: str = "utf-8"
    columns: list[str] | None = None
    text: str | None = None
    features: list[str] = []

    def used_columns(self) -> list[str]:
        """Return the columns that the files must have."""
        return [*([] if self.text is None else [self.text]), *self.features]

    def save(self, folder: Path = Path("models")) -> None:
        """Write the layout for prediction."""
        storage.write_json(folder / LAYOUT, self.model_dump())

    @classmethod
    def load(cls, folder: Path) -> "Layout":
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file yet.
        """
        return cls(**storage.read_json(folder / LAYOUT))


class Dataset(Layout):
    """Which files in `data/raw/<dataset>/` hold the rows, and what their columns mean.

    Files and format: `files` to be split by Ballast, or predefined parts `train`, `validation`,
    `test`. `format` is inferred from the file name (.csv, .tsv, .jsonl, .parquet, each also with
    .gz) unless set. `columns` names the columns of a CSV or TSV without a header line;
    `quote: null` means that quotation marks are plain text.

    Columns: `text` or `features` (numeric) or both; `label`; `label_separator` separates several
    labels in one field; a row without a label is rejected. `label_names` renames labels: a mapping,
    or a text file in the folder whose n-th line (from 0) names the label n. `split` is a column
    with the values train, validation or test; rows with the same `group` stay on one side of the
    split.

    Task: inferred from the labels unless set; `positive` names the positive class of a binary task
    (the rarer one unless set).

    Duplicates: `keep` keeps them on one side of the split; `drop` keeps one of each and rejects
    texts that occur with different labels. `near_duplicates` is the Jaccard similarity of word
    trigrams at which two texts count as near-duplicates; null looks for exact duplicates only.
    """

    files: Files = None
    train: Files = None
    validation: Files = None
    test: Files = None
    label: str
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    label_names: str | dict[str, str] | None = None
    id: str | None = None
    group: str | None = None
    split: str | None = None
    task: Literal["binary", "multiclass", "multilabel"] | None = None
    positive: str | None = None
    duplicates: Literal["keep", "drop"] = "keep"
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None = 0.8

    @model_validator(mode="after")
    def _consistent(self) -> "Dataset":
        predefined = any((self.train, self.validation, self.test))
        if not self.files and not self.train:
            raise ValueError("name the file under `files`, or each part's file under train, test")
        if self.files and predefined:
            raise ValueError(
                "`files` and files per part (train, validation, test) exclude each other"
            )
        if self.split is not None and predefined:
            raise ValueError("a `split` column and files per part exclude each other")
        if self.text is None and not self.features:
            raise ValueError("name the `text` column, or numeric `features`, or both")
        for _, name in self.parts():
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"{name!r} is not inside the data set's folder in data/raw/")
        return self

    def layout(self, form: str) -> Layout:
        """Return how files like these are read; `form` is the format of the first one."""
        return Layout(**self.model_dump(include=set(Layout.model_fields)) | {"format": form})

    def parts(self) -> list[tuple[str | None, str]]:
        """Return (predefined part or None, file name) pairs, in reading order."""
        sources = [(None, self.files), ("train", self.train)]
        sources += [("validation", self.validation), ("test", self.test)]
        return [
            (part, name)
            for part, names in sources
            for name in ([names] if isinstance(names, str) else names or [])
        ]

    def used_columns(self) -> list[str]:
        """Return the columns that the files must have."""
        names = [self.label, self.id, self.group, self.split]
        return super().used_columns() + [name for name in names if name is not None]


def selected(params: dict[str, Any]) -> Dataset:
    """Return the validated description of the selected data set.

    Raises:
        UserError: there is no such block, or it does not fit the schema.
    """
    name, blocks = params["dataset"], params["datasets"]
    if name not in blocks:
        raise UserError(
            f"params.yaml: dataset: {name!r} has no block under datasets: "
            f"there are {', '.join(blocks)}."
        )
    return check(Dataset, blocks[name], f"datasets.{name}")
