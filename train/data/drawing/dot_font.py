"""A font of 5x7 dots, as marking heads peen them: the 33 characters of a VIN."""

from functools import cache

import numpy as np

from train.data.images import Image
from train.errors import DataError

_ART = """
0     1     2     3     4     5     6     7     8     9     A
.###. ..#.. .###. .###. ...#. ##### ..##. ##### .###. .###. .###.
#...# .##.. #...# #...# ..##. #.... .#... ....# #...# #...# #...#
#...# ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...# #...#
#...# ..#.. ..##. ..##. #..#. ....# ####. ...#. .###. .#### #####
#...# ..#.. .#... ....# ##### ....# #...# ..#.. #...# ....# #...#
#...# ..#.. #.... #...# ...#. #...# #...# ..#.. #...# ...#. #...#
.###. .###. ##### .###. ...#. .###. .###. ..#.. .###. .##.. #...#
B     C     D     E     F     G     H     J     K     L     M
####. .###. ####. ##### ##### .###. #...# ..### #...# #.... #...#
#...# #...# #...# #.... #.... #...# #...# ...#. #..#. #.... ##.##
#...# #.... #...# #.... #.... #.... #...# ...#. #.#.. #.... #.#.#
####. #.... #...# ####. ####. #.### ##### ...#. ##... #.... #.#.#
#...# #.... #...# #.... #.... #...# #...# ...#. #.#.. #.... #...#
#...# #...# #...# #.... #.... #...# #...# #..#. #..#. #.... #...#
####. .###. ####. ##### #.... .#### #...# .##.. #...# ##### #...#
N     P     R     S     T     U     V     W     X     Y     Z
#...# ####. ####. .#### ##### #...# #...# #...# #...# #...# #####
##..# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....#
#.#.# #...# #...# #.... ..#.. #...# #...# #...# .#.#. #...# ...#.
#.#.# ####. ####. .###. ..#.. #...# #...# #.#.# ..#.. .#.#. ..#..
#..## #.... #.#.. ....# ..#.. #...# .#.#. #.#.# .#.#. ..#.. .#...
#...# #.... #..#. ....# ..#.. #...# .#.#. ##.## #...# ..#.. #....
#...# #.... #...# ####. ..#.. .###. ..#.. #...# #...# ..#.. #####
"""


@cache
def dot_glyphs() -> dict[str, Image]:
    """Return for each character its dots: (7, 5) uint8, 1 where there is one."""
    rows = [line.split() for line in _ART.split("\n") if line]
    glyphs = {}
    for names, *art in (rows[top : top + 8] for top in range(0, len(rows), 8)):
        for column, name in enumerate(names):
            dots = [[int(c == "#") for c in line[column]] for line in art]
            glyphs[name] = np.array(dots, np.uint8)
    return glyphs


def dots_of(character: str) -> Image:
    """Return the (7, 5) dots of `character`; raise DataError if the font lacks it."""
    if character not in dot_glyphs():
        raise DataError(
            "the dot font draws 0-9 and A-Z without I, O and Q", repr(character), "use another font"
        )
    return dot_glyphs()[character]
