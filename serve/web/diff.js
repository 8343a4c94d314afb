/** Which characters of two texts differ. */

/**
 * Return the parts of both texts, as [{text, other}]: `other` parts stand in one of them only.
 * They are found through a longest common subsequence.
 */
export function differences(before, after) {
  const [a, b] = [[...before], [...after]];
  const common = lengths(a, b);
  const [was, now] = [[], []];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(was, a[i++], false);
      add(now, b[j++], false);
    } else if (j === b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) {
      add(was, a[i++], true);
    } else {
      add(now, b[j++], true);
    }
  }
  return [was, now];
}

/** Return `table[i][j]`: how many characters a[i:] and b[j:] have in common, in order. */
function lengths(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? 1 + table[i + 1][j + 1] : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

function add(parts, character, other) {
  const last = parts.at(-1);
  if (last && last.other === other) last.text += character;
  else parts.push({ text: character, other });
}
