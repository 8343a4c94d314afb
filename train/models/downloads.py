"""Where paddlex keeps what it downloads: in the home folder, or in a temporary one where that cannot be written."""

import os
import tempfile
from pathlib import Path

from train.errors import UsageError
from train.paths import require_folder

CACHE = "PADDLE_PDX_CACHE_HOME"


def find_room_for_downloads() -> None:
    """Name a folder for paddlex, which makes one as soon as it is imported, and fails where it cannot."""
    if CACHE in os.environ:
        return
    try:
        require_folder(Path(os.path.expanduser("~/.paddlex")), CACHE)
    except UsageError:
        folder = Path(tempfile.gettempdir()) / f"paddlex-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        ours = folder.stat().st_uid == os.getuid()
        os.environ[CACHE] = str(folder) if ours else tempfile.mkdtemp(prefix="paddlex-")
