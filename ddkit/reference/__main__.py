"""``python -m ddkit.reference``."""

import sys

from ddkit.reference.page import main

if __name__ == "__main__":
    sys.exit(main())
