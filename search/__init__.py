"""The search: which configuration reads these images best."""
