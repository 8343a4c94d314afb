"""The files of a study's folder, written whole or not at all."""
