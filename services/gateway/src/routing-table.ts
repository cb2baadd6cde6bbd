/** The part of a service's OpenAPI document that says what it serves. */
export type Served = Readonly<{ paths: Readonly<Record<string, object>> }>;

type Node = { readonly literals: Map<string, Node>; parameter: Node | undefined; owner: string | undefined };

/** Every process carries these; they are no service's own. */
const OF_THE_SHELL = /^\/(health|metrics|api\/v1\/operations)(\/|$)/;

export const isOfTheShell = (path: string): boolean => OF_THE_SHELL.test(path);

/** Which service serves which path, from the path templates of each service's API docs. */
export class RoutingTable {
  readonly #root: Node = node();
  /** Templates that two services claim; the first one has them. */
  readonly disputed: readonly string[];

  constructor(documents: ReadonlyMap<string, Served>) {
    const disputed: string[] = [];
    for (const [service, { paths }] of documents)
      for (const template of Object.keys(paths)) {
        if (isOfTheShell(template)) continue;
        const owner = this.#claim(template, service);
        if (owner !== service) disputed.push(`${template} of ${owner} and ${service}`);
      }
    this.disputed = disputed;
  }

  /** A literal part goes before a parameter. Undefined: nobody serves it. */
  ownerOf(path: string): string | undefined {
    return ownerBelow(this.#root, segmentsOf(path));
  }

  #claim(template: string, service: string): string {
    let place = this.#root;
    for (const segment of segmentsOf(template)) {
      const next = segment.startsWith('{') ? place.parameter : place.literals.get(segment);
      const found = next ?? node();
      if (segment.startsWith('{')) place.parameter = found;
      else place.literals.set(segment, found);
      place = found;
    }
    return (place.owner ??= service);
  }
}

const node = (): Node => ({ literals: new Map(), parameter: undefined, owner: undefined });

const segmentsOf = (path: string): readonly string[] => path.split('/').slice(1);

const ownerBelow = (place: Node, segments: readonly string[]): string | undefined => {
  const [segment, ...rest] = segments;
  if (segment === undefined) return place.owner;
  const literal = place.literals.get(segment);
  const found = literal && ownerBelow(literal, rest);
  return found ?? (place.parameter && segment !== '' ? ownerBelow(place.parameter, rest) : undefined);
};
