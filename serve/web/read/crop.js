/** From a box to the upright picture of its line: the same pixels as the server's recogniser saw (`train/data/geometry/crops.py`). */

const TALL = 1.5; // a crop this many times higher than wide is text that runs upwards
const MARGIN = 3; // pixels that the interpolation may look beyond a line
const SHARPNESS = -0.75; // of the cubic interpolation, as OpenCV's

/**
 * Cut a line out of a picture.
 *
 * @param {CanvasImageSource} source - the page, decoded.
 * @param {number} scale - pixels of `source` for a pixel of the page; under 1 where the server shrank it.
 * @param {number[][]} quad - corners in pixels of the page.
 * @param {boolean} turned - the line stands on its head.
 * @returns {HTMLCanvasElement} the line, upright.
 */
export function cropLine(source, scale, quad, turned) {
  const corners = smallestRectangle(quad).map((corner) => times(corner, scale));
  return sampled(source, upright(corners, turned));
}

/** Return a canvas as a PNG file. */
export const asPng = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

/** Return the corners of the smallest rectangle around a convex quad: upper left, and on clockwise. */
function smallestRectangle(quad) {
  let best = null;
  quad.forEach((corner, i) => {
    const side = minus(quad[(i + 1) % quad.length], corner);
    const length = Math.hypot(...side);
    if (!length) return;
    const found = around(quad, times(side, 1 / length));
    if (!best || found.area < best.area) best = found;
  });
  const [a, b, c, d] = (best?.corners ?? quad).toSorted((p, q) => p[0] - q[0]);
  const [upperLeft, lowerLeft] = b[1] > a[1] ? [a, b] : [b, a];
  const [upperRight, lowerRight] = d[1] > c[1] ? [c, d] : [d, c];
  return [upperLeft, upperRight, lowerRight, lowerLeft];
}

/** Return the rectangle around points whose one side has the direction `u`, of length 1. */
function around(points, u) {
  const v = [-u[1], u[0]];
  const range = (axis) => {
    const along = points.map((point) => point[0] * axis[0] + point[1] * axis[1]);
    return [Math.min(...along), Math.max(...along)];
  };
  const [us, vs] = [range(u), range(v)];
  const corner = (i, j) => plus(times(u, us[i]), times(v, vs[j]));
  const corners = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)];
  return { area: (us[1] - us[0]) * (vs[1] - vs[0]), corners };
}

/** Return the grid to read a rectangle by: where the first pixel is, and the way to the next in a row and a column. */
function upright([a, b, c, d], turned) {
  const [width, height] = [longer(a, b, d, c), longer(a, d, b, c)];
  const [right, down] = [times(minus(b, a), 1 / width), times(minus(d, a), 1 / height)];
  const grid = { width, height, first: a, right, down };
  const standing = height / width >= TALL ? quarterTurn(grid) : grid;
  return turned ? quarterTurn(quarterTurn(standing)) : standing;
}

/** Return the grid that reads the same pixels turned by 90 degrees, against the clock. */
function quarterTurn({ width, height, first, right, down }) {
  const corner = plus(first, times(right, width - 1));
  return { width: height, height: width, first: corner, right: down, down: times(right, -1) };
}

function longer(a, b, c, d) {
  return Math.max(1, Math.floor(Math.max(Math.hypot(...minus(b, a)), Math.hypot(...minus(d, c)))));
}

/** Read a source by a grid, with cubic interpolation; beyond the source its edge goes on. */
function sampled(source, grid) {
  const { width, height, right, down } = grid;
  const [pixels, corner] = pixelsAround(source, grid);
  const first = minus(grid.first, corner);
  const line = new ImageData(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = plus(first, plus(times(right, x), times(down, y)));
      interpolate(pixels, at, line.data, 4 * (y * width + x));
    }
  }
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(line, 0, 0);
  return canvas;
}

/** Return the pixels around a grid, {data, width, height}, and where their first one is in the source. */
function pixelsAround(source, { width, height, first, right, down }) {
  const ends = [first, plus(first, times(right, width)), plus(first, times(down, height))];
  ends.push(minus(plus(ends[1], ends[2]), first));
  const range = (axis, size) => {
    const along = ends.map((end) => end[axis]);
    const [low, high] = [Math.floor(Math.min(...along)), Math.ceil(Math.max(...along))];
    return [Math.max(0, low - MARGIN), Math.min(size, high + MARGIN)];
  };
  const [[left, end], [top, bottom]] = [range(0, source.width), range(1, source.height)];
  const canvas = new OffscreenCanvas(end - left, bottom - top);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(source, -left, -top);
  return [pen.getImageData(0, 0, canvas.width, canvas.height), [left, top]];
}

function interpolate({ data, width, height }, [x, y], into, place) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [across, down] = [weights(x - left), weights(y - top)];
  const sum = [0, 0, 0];
  for (let j = 0; j < 4; j++) {
    const row = width * clamp(top + j - 1, height);
    for (let i = 0; i < 4; i++) {
      const from = 4 * (row + clamp(left + i - 1, width));
      const weight = across[i] * down[j];
      for (let channel = 0; channel < 3; channel++) sum[channel] += weight * data[from + channel];
    }
  }
  into.set(sum.map(Math.round), place); // what is over 255 or under 0 is clamped by the array
  into[place + 3] = 255;
}

/** Return the weights of four neighbours for a point at `t` in [0, 1) between the middle two. */
function weights(t) {
  const near = (d) => ((SHARPNESS + 2) * d - (SHARPNESS + 3)) * d * d + 1;
  const far = (d) => ((SHARPNESS * d - 5 * SHARPNESS) * d + 8 * SHARPNESS) * d - 4 * SHARPNESS;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

const clamp = (index, size) => Math.min(size - 1, Math.max(0, index));
const plus = (p, q) => [p[0] + q[0], p[1] + q[1]];
const minus = (p, q) => [p[0] - q[0], p[1] - q[1]];
const times = (p, factor) => [p[0] * factor, p[1] * factor];
