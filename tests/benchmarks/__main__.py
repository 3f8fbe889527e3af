"""See ``speed``."""

import sys

import speed

speed.main(sys.argv[1:])
