"""Where a lesson can be opened besides the page: Binder, Colab and GitHub, if whoever hosts the book says so.

One setting in _config.yml, `course_repository: https://github.com/OWNER/NAME`, switches the links on (with
`/tree/BRANCH` behind it for a branch that is not called main). Empty, as it is shipped, there are none: a
link to a repository that does not exist helps nobody. A page asks none of these services for anything itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

ADDRESS = re.compile(
    r"https://github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?(?:/tree/(?P<branch>[\w./-]+?))?/?")


@dataclass(frozen=True)
class Repository:
    """A public repository that holds the course at its root."""

    owner: str
    name: str
    branch: str = "main"

    @classmethod
    def parse(cls, address: str) -> Repository:
        """From the address that the browser shows, with or without `/tree/BRANCH`."""
        match = ADDRESS.fullmatch(address.strip())
        if match is None:
            raise ValueError(
                f"course_repository is {address!r}; expected https://github.com/OWNER/NAME, with "
                "/tree/BRANCH behind it if that is not main, or nothing for no links. It is in _config.yml.")
        return cls(match["owner"], match["name"], match["branch"] or "main")

    def links(self, notebook: str) -> list[dict[str, str]]:
        """Name and address of each place where `notebook`, a path from the root, can be opened."""
        where, path = f"{self.owner}/{self.name}", quote(notebook)
        blob = f"{where}/blob/{quote(self.branch)}/{path}"
        binder = f"{where}/{quote(self.branch, safe='')}?urlpath={quote(f'lab/tree/{notebook}', safe='')}"
        return [
            {"name": "Binder", "href": f"https://mybinder.org/v2/gh/{binder}"},
            {"name": "Colab", "href": f"https://colab.research.google.com/github/{blob}"},
            {"name": "GitHub", "href": f"https://github.com/{blob}"},
        ]


def check(app: Sphinx, config: Config) -> None:
    """Refuse a setting that would make dead links, before anything is built."""
    if config.course_repository:
        try:
            Repository.parse(config.course_repository)
        except ValueError as problem:
            raise ConfigError(str(problem)) from None


def offer(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the layout the links of a lesson; other pages have none."""
    context["launch"] = []
    address = app.config.course_repository
    if address and pagename in app.env.all_docs and str(app.env.doc2path(pagename)).endswith(".ipynb"):
        context["launch"] = Repository.parse(address).links(f"{pagename}.ipynb")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the setting."""
    app.add_config_value("course_repository", "", "html", [str])
    app.connect("config-inited", check)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
