"""The one place of the package's version."""

VERSION = "0.1.0"
