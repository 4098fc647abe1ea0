"""Run the tests that need no guest on every Python that btfdump supports.

::

    nox                              # those of PYTHONS that are on this machine
    nox -s tests-3.13 -- tests/walk  # one of them, on some of the tests

A Python that is missing is skipped, and named; with --error-on-missing-interpreters it fails.
"""

from __future__ import annotations

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")

nox.options.reuse_existing_virtualenvs = True


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Install btfdump as a user does, with what its tests need, and run them."""
    session.install(".[test,harvest]")
    session.run("pytest", "--ignore", "tests/guests", *session.posargs)
