"""A small disk that can be filled while a search writes to it."""

import os
import subprocess
from pathlib import Path

import pytest

SIZE_MB = 400
FILLER = "filler"


class SmallDisk:
    """A file system of its own in memory where this process may mount one; else a folder that can be made read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
        self.mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
        if os.geteuid() == 0 and not self.mounted:
            pytest.skip("root that may not mount can neither fill a disk of its own nor be kept from writing")

    def fill(self) -> None:
        """Leave no room, or no permission, for another file."""
        if not self.mounted:
            self._permit(0o555)
            return
        with (self.folder / FILLER).open("wb", buffering=0) as file:
            try:
                while file.write(bytes(2**20)):
                    pass
            except OSError:
                return

    def make_room(self) -> None:
        """Undo `fill`."""
        if self.mounted:
            (self.folder / FILLER).unlink()
        else:
            self._permit(0o755)

    def _permit(self, mode: int) -> None:
        for folder, _, _ in os.walk(self.folder):
            os.chmod(folder, mode)

    def close(self) -> None:
        """Give the memory back."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
