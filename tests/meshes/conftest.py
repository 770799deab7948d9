"""Loads the stack first, so that each of these files can be run on its own."""

import fibertwin.stack  # noqa: F401
