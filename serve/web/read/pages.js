/** From a file and the server's reading of it to pages: sizes, lines and pictures. */

const PDF = 0;
const IMAGE = 1;
const made = [];

/** Return {type, local}: PaddleX's fileType, and the decoded picture if this browser shows such files. */
export async function opened(file) {
  const head = new Uint8Array(await file.slice(0, 1024).arrayBuffer());
  if (new TextDecoder("latin1").decode(head).includes("%PDF-")) return { type: PDF, local: null };
  return { type: IMAGE, local: await decoded(file) };
}

/** Return what `/ocr` is sent; pictures are asked for where the browser has none of its own. */
export async function ocrRequest(file, type, visualize) {
  return { file: await asBase64(file), fileType: type, visualize };
}

/** Whether the browser sees a picture as the server did; EXIF orientation and the like may differ. */
export function agree(local, info) {
  return local.source.width === info.width && local.source.height === info.height;
}

/**
 * Return the pages of a reading.
 *
 * A page is {width, height, boxes, told, lines, picture}: pixels of the page as the server read it; the number of lines
 * that were found on it, and of those whose texts are told; these texts, lines or words, of
 * {text, score, decoded, quad, cut, turned, saved, draft}, `cut` being the corners of what its reader sees; `picture()`
 * promises {url, source, scale} to show and to cut from.
 */
export function pagesOf(result, local) {
  const sizes = result.dataInfo.pages ?? [result.dataInfo];
  return result.ocrResults.map((page, i) => ({
    width: sizes[i].width,
    height: sizes[i].height,
    boxes: page.prunedResult.dt_polys.length,
    told: new Set(page.prunedResult.rec_lines ?? page.prunedResult.rec_texts.keys()).size,
    lines: linesOf(page.prunedResult),
    picture: once(async () => {
      const { url, source } = local ?? (await decoded(fromBase64(page.inputImage)));
      return { url, source, scale: source.width / sizes[i].width };
    }),
  }));
}

/** Return {url, source} of a picture file, null if this browser cannot show it. */
export async function decoded(file) {
  try {
    const source = await createImageBitmap(file, { colorSpaceConversion: "none" });
    const url = URL.createObjectURL(file);
    made.push({ url, source });
    return { url, source };
  } catch {
    return null; // TIFF, say, or no picture at all: the server says which
  }
}

/** Let go of all pictures: those of the file before. */
export function release() {
  for (const { url, source } of made.splice(0)) {
    URL.revokeObjectURL(url);
    source.close();
  }
}

function linesOf(read) {
  const places = new Map(read.dt_polys.map((quad, i) => [String(quad), i]));
  const boxOf = (i) => read.rec_lines?.[i] ?? places.get(String(read.rec_polys[i])); // a word has no box of its own
  return read.rec_texts.map((text, i) => ({
    text,
    score: read.rec_scores[i],
    decoded: read.rec_decoded?.[i] ?? null,
    quad: read.rec_polys[i],
    cut: read.rec_cuts?.[i] ?? read.rec_polys[i],
    turned: read.textline_orientation_angles?.[boxOf(i)] === 1,
    saved: null,
    draft: null,
  }));
}

function once(make) {
  let made = null;
  return () => (made ??= make());
}

async function asBase64(file) {
  const url = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  return url.slice(url.indexOf(",") + 1);
}

function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (character) => character.charCodeAt(0))], { type: "image/jpeg" });
}
