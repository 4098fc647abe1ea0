"""`python -m btfdump`."""

from btfdump._cli import main

raise SystemExit(main())
