"""``python -m kaomoji_lib``: the same as ``kaomoji``."""

import sys

from kaomoji_lib.cli import main

sys.exit(main())
