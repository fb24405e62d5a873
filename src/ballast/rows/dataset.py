"""The description of a user's files: one block under `datasets:` in `params.yaml`."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ballast.project import storage
from ballast.project.errors import UserError
from ballast.project.params import check

LAYOUT = "input.json"
# Of `features`: all numbers, categories and dates that have no other role.
AUTO = "auto"
FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "feather", "excel")


def _as_written(value: Any) -> Any:
    """Return what YAML takes for a number, a truth value or a date as it looks: a name."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float | date) else value


# The name of a column or of a label: 2019, true and 1.0 are names too.
Name = Annotated[str, BeforeValidator(_as_written)]
Names = Name | Annotated[list[Name], Field(min_length=1)]
Files = str | list[str] | None
Character = Annotated[str, Field(min_length=1, max_length=1)]


def _date_format(form: str) -> str:
    """Return a format of dates, or raise a `ValueError` where `datetime` does not know it."""
    datetime.strptime(datetime(2000, 1, 1, tzinfo=UTC).strftime(form), form)
    return form


DateFormat = Annotated[str, AfterValidator(_date_format)]


class Layout(BaseModel):
    """How files are read, and which of their columns a network sees; prediction needs it too."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[*FORMATS] | None = None
    sheet: str | None = None
    separator: Character | None = None
    quote: Character | None = '"'
    escape: Character | None = None
    decimal: Character = "."
    encoding: str = "utf-8"
    columns: list[Name] | None = None
    text: Names | None = None
    text_separator: str = "\n"
    text_marks: bool = True
    tokens: bool = False
    features: list[Name] | Literal["auto"] = []
    categories: list[Name] = []
    dates: list[Name] | dict[Name, DateFormat | None] = []
    missing: Literal["keep", "reject"] = "keep"

    @property
    def texts(self) -> list[str]:
        """The columns whose texts are joined."""
        return _listed(self.text)

    @property
    def date_formats(self) -> dict[str, str | None]:
        """How the dates of each column are written; None for ISO 8601."""
        return self.dates if isinstance(self.dates, dict) else dict.fromkeys(self.dates)

    @property
    def columns_beside_text(self) -> list[str]:
        """What a network sees of a row but its text, in the order of `Content`."""
        # What `auto` stands for is known when the columns are.
        features = [] if self.features == AUTO else self.features
        return [*features, *self.categories, *self.dates]

    def only(self, texts: bool, columns: bool) -> "Layout":
        """Return the layout without what a model does not read."""
        unread = {} if texts else {"text": None}
        if not columns:
            unread |= {"features": [], "categories": [], "dates": []}
        return self.model_copy(update=unread)

    @property
    def has_columns(self) -> bool:
        """Whether a network sees more of a row than its text."""
        return bool(self.features or self.categories or self.dates)

    def used_columns(self) -> list[str]:
        """Return the columns that the files must have."""
        return [*self.texts, *self.columns_beside_text]

    def save(self, folder: Path = Path("models")) -> None:
        """Write the layout for prediction."""
        storage.write_json(folder / LAYOUT, self.model_dump())

    @classmethod
    def load(cls, folder: Path = Path("models")) -> "Layout":
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file yet.
        """
        return cls(**storage.read_json(folder / LAYOUT))


class Rare(BaseModel):
    """What becomes of labels with fewer rows than `below`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    below: Annotated[int, Field(ge=2)]
    into: Name | None = None
    drop: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> "Rare":
        if self.drop == (self.into is not None):
            raise ValueError("name a label for `into`, or set `drop: true`")
        return self


class Dataset(Layout):
    """Which files in `data/raw/<dataset>/` hold the rows, and what their columns mean.

    docs/data.md explains each name.
    """

    files: Files = None
    train: Files = None
    validation: Files = None
    test: Files = None
    label: Names
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    label_list: bool | None = None
    label_names: str | dict[Name, Name] | None = None
    rare: Rare | None = None
    id: Name | None = None
    group: Name | None = None
    time: Name | None = None
    split: Name | None = None
    task: Literal["binary", "multiclass", "multilabel"] | None = None
    positive: Name | None = None
    max_rejected: Annotated[float, Field(ge=0, le=1)] = 0.05
    duplicates: Literal["keep", "drop"] = "keep"
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None = 0.8

    @property
    def labels(self) -> list[str]:
        """The columns that hold the label, or one label each."""
        return _listed(self.label)

    @model_validator(mode="after")
    def _consistent(self) -> "Dataset":
        predefined = any((self.train, self.validation, self.test))
        if not self.files and not self.train:
            raise ValueError("name the file under `files`, or each part's file under train, test")
        if self.files and predefined:
            raise ValueError(
                "`files` and files per part (train, validation, test) exclude each other"
            )
        for option in ("split", "time"):
            if getattr(self, option) is not None and predefined:
                raise ValueError(f"a `{option}` column and files per part exclude each other")
        if self.split is not None and self.time is not None:
            raise ValueError("`split` and `time` both say which rows test: name one of them")
        if not self.texts and not self.has_columns:
            raise ValueError("name `text`, or `features`, `categories` or `dates`, or several")
        names = [name for _, name in self.parts()]
        for name in names:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"{name!r} is not inside the data set's folder in data/raw/")
            if [Path(other) for other in names].count(Path(name)) > 1:
                raise ValueError(f"{name!r} is named twice, so its rows would count twice")
        self._check_roles()
        return self

    def _check_roles(self) -> None:
        """Raise a `ValueError` where a column has two roles that exclude each other."""
        seen = super().used_columns()
        for name in seen:
            if name in (*self.labels, self.split):
                role = "label" if name in self.labels else "split"
                raise ValueError(f"column {name!r} is the {role}, so no network may see it")
            if seen.count(name) > 1:
                raise ValueError(f"column {name!r} is named twice in what a network sees")

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
        names = [*self.labels, self.id, self.group, self.time, self.split]
        return super().used_columns() + [name for name in names if name is not None]


def _listed(names: Names | None) -> list[str]:
    return [names] if isinstance(names, str) else list(names or [])


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
