"""Finished, running and interrupted studies: read, compared, exported."""
