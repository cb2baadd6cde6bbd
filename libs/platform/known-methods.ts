/**
 * Which methods the routes have for a path. It goes by their templates alone: whether what the path names is there is not asked, so
 * the answer tells nothing of it.
 */
export class KnownMethods {
  readonly #templates = new Map<string, Set<string>>();

  /** A template that stands for any path (of files, of what browsers ask beforehand) says nothing of a certain one. */
  add(template: string, method: string | readonly string[]): void {
    if (template.includes('*')) return;
    const known = this.#templates.get(template) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    this.#templates.set(template, known);
  }

  /** In the order of the alphabet; none for a path that no route has. */
  of(path: string): readonly string[] {
    const segments = path.split('/');
    const matching = [...this.#templates].filter(([template]) => matches(template.split('/'), segments));
    return [...new Set(matching.flatMap(([, methods]) => [...methods]))].toSorted();
  }
}

const matches = (template: readonly string[], segments: readonly string[]): boolean =>
  template.length === segments.length &&
  template.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]));
