"""The version of programs, tar and wheel. A release raises it."""

VERSION = "0.1.0"
