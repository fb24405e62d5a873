"""The comments of a pull request on GitHub, or of a merge request on GitLab, by their REST APIs."""

from collections.abc import Iterator
from typing import Any

import requests

from ballast.project.errors import UserError
from ballast.pull_requests.comments import MARKER


class RefusedError(UserError):
    """The server refused a request."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Forge:
    """A repository on a server, asked with a token.

    `PLACE` is that of the comments under the API's address; `ONE` of one comment, `UPDATE` how it
    is changed; `WRITER` is who wrote it, by `NAME`. `TOKEN` is the header that holds the token,
    which needs the `RIGHT`.
    """

    PLACE: str
    ONE: str
    UPDATE: str
    WRITER: str
    NAME: str
    TOKEN: tuple[str, str]
    RIGHT: str

    def __init__(self, url: str, repository: str, token: str) -> None:
        self.url = url.rstrip("/")
        self.repository = repository
        self._session = requests.Session()
        header, value = self.TOKEN
        self._session.headers[header] = value.format(token)

    def put(self, number: int, text: str) -> bool:
        """Make a text our one comment on a pull request; return whether there was one, now updated.

        Raises:
            UserError: the server cannot be reached or refuses.
        """
        user = self.user()
        place = self.PLACE.format(repository=self.repository, number=number)
        for comment in self.pages(place):
            # Others can write the marker too, and who wrote a comment can change it afterwards. The
            # writer whose account was deleted is none.
            writer = (comment[self.WRITER] or {}).get(self.NAME)
            if comment["body"].startswith(MARKER) and writer == user:
                one = self.ONE.format(place=place, repository=self.repository, id=comment["id"])
                self.ask(self.UPDATE, one, json={"body": text})
                return True
        self.ask("POST", place, json={"body": text})
        return False

    def user(self) -> str:
        """Return the name of the token's own user."""
        return self.ask("GET", "/user").json()[self.NAME]

    def pages(self, place: str, **filters: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, page by page."""
        answer = self.ask("GET", place, params={"per_page": 100, **filters})
        yield from answer.json()
        while "next" in answer.links:
            following = answer.links["next"]["url"].removeprefix(self.url)
            answer = self.ask("GET", following)
            yield from answer.json()

    def ask(self, method: str, place: str, **options: Any) -> requests.Response:
        """Return the answer to a request.

        Raises:
            UserError: the server cannot be reached or refuses.
        """
        try:
            answer = self._session.request(method, self.url + place, timeout=30, **options)
        except requests.RequestException as error:
            raise UserError(f"{self.url} cannot be reached: {error}") from error
        if not answer.ok:
            raise RefusedError(
                f"{method} {self.url}{place}: the server answered {answer.status_code} "
                f"{answer.reason}. Is {self.repository} the right repository, and does the token "
                f"have {self.RIGHT}?",
                answer.status_code,
            )
        return answer


class GitHub(Forge):
    """A repository on GitHub, OWNER/NAME."""

    PLACE = "/repos/{repository}/issues/{number}/comments"
    ONE = "/repos/{repository}/issues/comments/{id}"
    UPDATE = "PATCH"
    WRITER, NAME = "user", "login"
    TOKEN = "Authorization", "Bearer {}"
    RIGHT = "`pull-requests: write`"
    # The token of a workflow may ask nothing about its user, who is always this one.
    WORKFLOW_USER = "github-actions[bot]"

    def user(self) -> str:
        """Return the name of the token's own user."""
        try:
            return super().user()
        except RefusedError as error:
            if error.status != requests.codes.forbidden:
                raise
            return self.WORKFLOW_USER

    def number_of(self, branch: str, commit: str) -> int | None:
        """Return the number of the open pull request of OWNER:BRANCH, if it still ends in a commit.

        Raises:
            UserError: several do, or the server cannot be reached or refuses.
        """
        listed = self.pages(f"/repos/{self.repository}/pulls", state="open", head=branch)
        numbers = [pull["number"] for pull in listed if pull["head"]["sha"] == commit]
        if len(numbers) > 1:
            pulls = ", ".join(f"#{number}" for number in numbers)
            raise UserError(f"{branch} has several open pull requests ({pulls}): give --number.")
        return numbers[0] if numbers else None


class GitLab(Forge):
    """A project on GitLab, by its number."""

    PLACE = "/projects/{repository}/merge_requests/{number}/notes"
    ONE = "{place}/{id}"
    UPDATE = "PUT"
    WRITER, NAME = "author", "username"
    TOKEN = "PRIVATE-TOKEN", "{}"
    RIGHT = "the scope `api`"
