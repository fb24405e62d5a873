"""A small GitHub and GitLab on this machine: the comments of one repository, in pages of three."""

import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

PAGE = 3


class Server(ThreadingHTTPServer):
    """What it holds: the comments by number of the pull request, and the open pull requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: dict[int, list[dict]] = {7: []}
        self.pulls: list[dict] = []
        self.user = "robot"
        self.refuses = ""
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def write(self, number: int, body: str, user: str) -> None:
        """Write a comment."""
        found = {"id": 1000 + sum(map(len, self.comments.values())), "body": body}
        known = {"user": {"login": user}, "author": {"username": user}}
        self.comments[number].append(found | known)

    def bodies(self, user: str = "robot") -> list[str]:
        """Return the texts of a user's comments on number 7."""
        return [one["body"] for one in self.comments[7] if one["user"]["login"] == user]


class Handler(BaseHTTPRequestHandler):
    """The few requests that the real ones answer alike."""

    server: Server

    def answer(self) -> None:
        place = urlsplit(self.path)
        server = self.server
        server.asked.append(f"{self.command} {place.path}")
        token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN")
        if token not in ("Bearer secret", "secret"):
            self.send(401, {})
        elif server.refuses and re.match(server.refuses, f"{self.command} {place.path}"):
            self.send(403, {"message": "Resource not accessible by integration"})
        elif place.path.endswith("/user"):
            self.send(200, {"login": server.user, "username": server.user})
        elif place.path == "/repos/me/mine/pulls":
            head = parse_qs(place.query)["head"][0]
            self.send(200, [pull for pull in server.pulls if pull["head"]["label"] == head])
        elif place.path in ("/repos/me/mine/issues/7/comments", f"{NOTES}"):
            self.list_or_create(parse_qs(place.query))
        elif found := re.fullmatch(
            rf"(?:/repos/me/mine/issues/comments|{NOTES})/(\d+)", place.path
        ):
            (one,) = (one for one in server.comments[7] if one["id"] == int(found[1]))
            one["body"] = self.body()
            self.send(200, one)
        else:
            self.send(404, {})

    do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815

    def list_or_create(self, query: dict[str, list[str]]) -> None:
        if self.command == "POST":
            self.server.write(7, self.body(), self.server.user)
            self.send(201, self.server.comments[7][-1])
            return
        page = int(query.get("page", ["1"])[0])
        found = self.server.comments[7][(page - 1) * PAGE : page * PAGE]
        more = len(self.server.comments[7]) > page * PAGE
        following = f"<{self.server.url}{urlsplit(self.path).path}?page={page + 1}>"
        self.send(200, found, {"Link": f'{following}; rel="next"'} if more else {})

    def body(self) -> str:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

    def send(self, status: int, value, headers=()) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in dict(headers).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Say nothing."""


NOTES = "/api/v4/projects/5/merge_requests/7/notes"


@contextmanager
def running():
    """Yield a server that runs meanwhile."""
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
