"""The plugin as it is without an installation."""

pytest_plugins = ["moe_conformance.pytest_plugin", "pytester"]
