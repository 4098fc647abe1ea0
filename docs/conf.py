"""Sphinx: README.md, docs/ and the API reference, as HTML; `make docs` runs it.

The source is the top of the repository, so that links between pages mean the same here, in a
checkout and wherever the repository is shown.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import btfdump

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "btfdump"
author = "the btfdump maintainers"
version = release = btfdump.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "_reference"]
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/**",
    "fuzz/README.md",
    "sample_dumps/README.md",
    "sample_dumps/build/README.md",
]
exclude_patterns = ["docs/_*/**"]
templates_path = [str(HERE / "_templates")]

html_theme = "furo"
html_title = f"btfdump {release}"
html_static_path = [str(HERE / "_static")]
html_css_files = ["width.css"]
html_copy_source = False
html_show_copyright = False
html_additional_pages = {"index": "index.html"}  # leads to README.html

myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"undoc-members": False}
add_module_names = False
python_use_unqualified_type_names = True
default_role = "py:obj"  # in docstrings, `name` is code, and a link where it is documented

nitpicky = True  # a signature that names a type of ours which is documented nowhere
nitpick_ignore_regex = [
    ("py:class", r"btfdump\._kernel\.notes\._Note"),  # the tuple that Note is
    (r"py:obj", r".*"),
    (r"py:class", r"btfdump\.[\w.]+\.[A-Z]"),  # a type variable
    (r"py:.*", r"(?!btfdump\b).*"),
]
suppress_warnings = [
    "misc.highlighting_failure",  # output with `…` for what is left out
    "ref.python",  # `type` in a signature is Python's, though classes have members called so
]

CONTENTS = {  # of which page, what stands below it in the side bar
    "README": [
        "docs/library",
        "docs/expressions",
        "docs/formats",
        "docs/annotations",
        "docs/globals",
        "docs/bpf",
        "docs/drgn",
        "docs/from-crash",
        "docs/who",
        "docs/stacks",
        "docs/tables",
        "docs/kernel-tables",
        "docs/types",
        "docs/live",
        "docs/comparing",
        "docs/extending",
        "docs/reference",
        "docs/architecture",
        "docs/performance",
        "docs/kernels",
        "docs/decisions/README",
        "fuzz/README",
        "sample_dumps/README",
        "sample_dumps/build/README",
        "CONTRIBUTING",
        "SECURITY",
        "CHANGELOG",
    ],
    "docs/decisions/README": [
        page.stem for page in sorted((HERE / "decisions").glob("*.md")) if page.stem != "README"
    ],
}


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give a page its table of contents, which would only disturb where Sphinx is not."""
    if docname in CONTENTS:
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", "", *CONTENTS[docname], "```", ""])


def setup(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.connect("source-read", add_contents)
