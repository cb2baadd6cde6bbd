/**
 * The literal pieces around the stars of a pattern, in lower case and without the blanks beside a star; a single piece: there is no
 * star in it.
 */
export const wildcardPieces = (pattern: string): readonly string[] => {
  const pieces = pattern.toLowerCase().split('*');
  const last = pieces.length - 1;
  return pieces.map((piece, index) => {
    const started = index > 0 ? piece.trimStart() : piece;
    return index < last ? started.trimEnd() : started;
  });
};

/**
 * A predicate for one pattern, to be asked for many texts: the whole text in any case, `*` stands for any characters, every other
 * character for itself. Each piece is taken at its first place from the left, so no pattern backtracks.
 */
export const wildcard = (pattern: string): ((text: string) => boolean) => {
  const pieces = wildcardPieces(pattern);
  const head = pieces[0] ?? '';
  if (pieces.length === 1) return (text) => text.toLowerCase() === head;
  const tail = pieces[pieces.length - 1] ?? '';
  const between = pieces.slice(1, -1).filter((piece) => piece !== '');
  return (anyCase) => {
    const text = anyCase.toLowerCase();
    const end = text.length - tail.length;
    if (end < head.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
    let from = head.length;
    for (const piece of between) {
      const at = text.indexOf(piece, from);
      if (at < 0 || at + piece.length > end) return false;
      from = at + piece.length;
    }
    return true;
  };
};

/** Whether the whole text matches the pattern; see `wildcard`. */
export const matchesWildcard = (pattern: string, text: string): boolean => wildcard(pattern)(text);
