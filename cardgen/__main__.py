"""`python -m cardgen` is the command `cardgen`."""

from cardgen.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
