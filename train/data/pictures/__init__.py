"""From an image file to pixels: one policy for training, checks, evaluation and serving.

- What a file is, its first bytes say, never its name (`kinds`).
- Its header (`headers`, `jpeg`, `tiff`) says how large the decoded picture is and how it is to be read; every
  decoded picture is compared with it.
- 16 bits become 8 by their upper half. Grey, palettes, CMYK and Lab become BGR. EXIF's orientation is applied.
- What is transparent is laid on white, as PaddleOCR does; on black where nothing could be seen on white.
- Of several frames or pages the first is read; whoever asks can tell (`Header.several`) and see them all (`pages`).
- What stands behind a picture, such as the film of a motion photo, is left alone.
- A picture that breaks off, or has a hole that its format can tell, is refused (`whole`).
"""
