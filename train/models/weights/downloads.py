"""Where libraries keep what they download: in the home folder, or in a temporary one where that cannot be written."""

import os
import tempfile
from pathlib import Path

from train.errors import UsageError
from train.system.paths import require_folder

CACHES = {"PADDLE_PDX_CACHE_HOME": "~/.paddlex", "XDG_CACHE_HOME": "~/.cache"}
"""Variable -> its usual folder: of paddlex, which makes one as soon as it is imported, and of all others."""


def find_room_for_downloads() -> None:
    """Name a folder for each cache that has none it can write to."""
    for variable, usual in CACHES.items():
        try:
            if variable not in os.environ:
                require_folder(Path(os.path.expanduser(usual)), variable)
        except UsageError:
            folder = Path(tempfile.gettempdir()) / f"ocrtune-{Path(usual).name.strip('.')}-{os.getuid()}"
            folder.mkdir(mode=0o700, exist_ok=True)
            ours = folder.stat().st_uid == os.getuid()
            os.environ[variable] = str(folder) if ours else tempfile.mkdtemp()
