"""Read all pictures of a folder into one file, without a server."""

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("serve.read")

from pydantic import ValidationError

from serve.api.rules import RULES
from serve.arguments import add_picture_limits
from serve.folder.parts import errors_of, folder_of, has_begun, require_new
from serve.folder.settings import FolderSettings, Form
from serve.folder.tables import TABLES
from serve.runtime.gpus import require_runtime
from serve.schemas import Decode
from serve.settings import Limits
from train.errors import UsageError
from train.system.cli import INTERRUPTED, Parser
from train.system.cluster import find_room_for_token, require_cluster, require_ray_folder
from train.system.paths import given_path, given_place, require_file

EPILOG = """examples:
  python serve/read.py crops --recognition runs/vin/best --output texts.jsonl
  python serve/read.py scans 'more/**/*.pdf' list.txt --recognition B --detection pp-ocrv6-small --output texts.csv
  python serve/read.py s3://bucket/crops --recognition B --output texts.parquet --address auto
  python serve/read.py crops --recognition B --output to-correct --as labels
  (the same command again) --resume                       goes on after an interruption

exit status: 0 done; 1 nothing could be read; 2 bad usage; 3 interrupted, or a full disk: can be resumed"""
PAGES = 1000
"""Most pages of a PDF or TIFF: they are decoded one after another."""
ADDRESS = "RAY_ADDRESS"
COPY = "working_dir_files"
"""The folder under which Ray keeps the code of jobs; it is removed some time after them."""
OPTIONS = {"pages": "--max-pages", "pixels": "--max-megapixels"}


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(
        prog="python serve/read.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parse.add_argument
    add(
        "images",
        nargs="+",
        metavar="IMAGES",
        help="files, folders of any depth, patterns, PDFs, URIs (s3://bucket/prefix), lists (.txt, a path a line)",
    )
    add(
        "--output",
        type=given_path,
        required=True,
        metavar="PATH",
        help=f"a new file, {', '.join(TABLES)}; with --as labels a new folder",
    )
    add(
        "--as",
        choices=get_args(Form),
        default="rows",
        dest="form",
        help="rows (default), or labels: PaddleOCR's lists, to be corrected and trained on",
    )
    add("--resume", action="store_true", help="go on with the same command where it was interrupted")
    _add_models(parse.add_argument_group("models"))
    _add_options(parse.add_argument_group("how to read"))
    _add_machine(parse.add_argument_group("where to run"))
    return parse


def _add_models(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--recognition",
        metavar="BUNDLE",
        type=given_place,
        default="pp-ocrv6-small",
        help="folder, e.g. runs/vin/best, or a pretrained model (default pp-ocrv6-small)",
    )
    add(
        "--detection",
        metavar="BUNDLE",
        type=given_place,
        help="the same: finds the lines of photos, pages and PDFs; without one, every image is one line",
    )
    add(
        "--orientation",
        metavar="BUNDLE",
        type=given_place,
        help="the same: turns lines that stand on their heads",
    )


def _add_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--decode",
        choices=get_args(Decode),
        default="text-model",
        help="decode with the bundle's text model, if it has one (default), or greedily (raw)",
    )
    add(
        "--rule",
        metavar="NAME",
        help="check texts, vin or container: a flag beside each text, which is never corrected",
    )
    add(
        "--alternatives",
        type=int,
        default=0,
        metavar="N",
        help="further texts of a line, up to 5; not with --detection (default 0)",
    )
    add(
        "--score-thresh",
        type=float,
        default=0,
        metavar="SHARE",
        help="least confidence of a page's line (default 0)",
    )
    add(
        "--find",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="where the bundle's rules say `find`: only the lines of a page that obey (default)",
    )
    add_picture_limits(add, PAGES)


def _add_machine(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--readers",
        type=int,
        metavar="N",
        help="processes that read (default: one for each --threads cores or GPU)",
    )
    add("--threads", type=int, default=1, metavar="N", help="cores of a reader (default 1)")
    add("--gpus", type=float, default=0, metavar="SHARE", help="part of a GPU for each reader (default 0)")
    add(
        "--address",
        help="Ray cluster, e.g. auto (default: RAY_ADDRESS, as a job has it, else one on this machine)",
    )


def main(arguments: Sequence[str]) -> int:
    """Read what the command line names; return the exit status."""
    chosen, started = parser().parse_args(arguments), time.monotonic()
    settings = settings_of(chosen)
    going_on = chosen.resume and has_begun(folder_of(chosen.output))
    if chosen.resume and not going_on and os.path.lexists(chosen.output):
        print(f"{chosen.output} is whole: nothing is left to read")
        return 0
    if not going_on:
        require_output(chosen.output, chosen.form)
    address = find_address(chosen.address)
    if settings.gpus and not address:
        require_runtime()
    from serve.folder.reading import Interrupted, read_folder  # imports Ray

    try:
        done = read_folder(settings, chosen.output, chosen.resume, chosen.readers, address)
    except Interrupted as error:
        print(f"interrupted: {error}; the same command with --resume goes on", file=sys.stderr)
        return INTERRUPTED
    print(f"{chosen.output}: {done}, {time.monotonic() - started:.0f} s")
    if done.troubles:
        print(f"what could not be read: {errors_of(chosen.output)}")
    return 0 if done.read else 1


def find_address(named: str | None) -> str | None:
    """Return the address of the cluster to join, None to start one; raise UsageError where that cannot work."""
    address = named or os.environ.get(ADDRESS)
    if address and address != "local":
        require_cluster(address, "--address" if named else ADDRESS)
        return address
    require_ray_folder()
    find_room_for_token()
    return None


def require_output(output: Path, form: str) -> None:
    """Raise UsageError unless the output is new, can be written, and has a name that says what it is."""
    if COPY in output.absolute().parts:
        raise UsageError(
            "--output of a job must lie outside its copy of the code", output, "name an absolute path"
        )
    require_file(output, "--output")
    if form == "rows" and output.suffix.lower() not in TABLES:
        raise UsageError(
            f"--output must end in {', '.join(TABLES)}",
            output,
            "rename it, or write label lists with --as labels",
        )
    for path in (output, errors_of(output)):
        require_new(path)
    if has_begun(folder_of(output)):
        raise UsageError(
            "--output must not be that of an interrupted reading",
            folder_of(output),
            "go on with --resume, or name another one",
        )


def settings_of(chosen: argparse.Namespace) -> FolderSettings:
    """Return the validated settings of a command line; raise UsageError that names the option."""
    if chosen.alternatives and chosen.detection:
        raise UsageError("--alternatives goes with lines", "--detection", "leave out one of the two")
    if chosen.orientation and not chosen.detection:
        raise UsageError("--orientation goes with pages", "no --detection", "add it, or leave this out")
    if chosen.rule and chosen.rule not in RULES:
        raise UsageError("--rule must be a known one", repr(chosen.rule), f"choose from: {', '.join(RULES)}")
    if not 0 < chosen.max_megapixels < math.inf:
        raise UsageError(
            "--max-megapixels must be a positive number",
            chosen.max_megapixels,
            "leave it out for the default",
        )
    same = {name: getattr(chosen, name) for name in FolderSettings.model_fields if hasattr(chosen, name)}
    try:
        limits = Limits(pages=chosen.max_pages, pixels=max(1, int(chosen.max_megapixels * 1e6)))
        return FolderSettings(
            **same | {"folder": os.getcwd(), "images": tuple(chosen.images), "limits": limits}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = OPTIONS.get(str(first["loc"][0]), f"--{first['loc'][0]}".replace("_", "-"))
        rule = str(first["msg"]).replace("Input", option, 1)
        raise UsageError(rule, repr(first["input"]), "see serve/read.py --help") from error
