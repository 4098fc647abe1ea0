"""`btfdump completion`."""

from __future__ import annotations

import subprocess

from btfdump._cli import main
from btfdump._cli.terminal import OK


def test_completion(capsys):
    assert main(["completion"]) == OK
    script = capsys.readouterr().out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert "--members" in script
