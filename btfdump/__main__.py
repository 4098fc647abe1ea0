"""`python -m btfdump`."""

from btfdump.cli import main

raise SystemExit(main())
