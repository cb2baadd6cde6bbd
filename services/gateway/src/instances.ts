/** One process of a service. `label` is what outsiders are told of it: `invoicing.2`. */
export type Instance = Readonly<{ label: string; url: string }>;

/** The processes of one service, in turn. One that does not answer is passed over for a while, unless no other is left. */
export class Instances {
  readonly service: string;
  readonly all: readonly Instance[];
  readonly #passOverMs: number;
  readonly #now: () => number;
  readonly #until = new Map<Instance, number>();
  #turn = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(service: string, urls: readonly string[], passOverMs = 1_000, now = () => performance.now()) {
    this.service = service;
    this.all = urls.map((url, index) => ({ label: `${service}.${String(index + 1)}`, url }));
    this.#passOverMs = passOverMs;
    this.#now = now;
  }

  /** Whose turn it is, among those not in `tried`. */
  next(tried: ReadonlySet<Instance> = new Set()): Instance | undefined {
    const inTurn = this.all.map((_, index) => this.all[(this.#turn + index) % this.all.length]);
    const left = inTurn.filter((instance) => instance !== undefined && !tried.has(instance));
    const now = this.#now();
    const chosen = left.find((instance) => instance && (this.#until.get(instance) ?? 0) <= now) ?? left[0];
    if (chosen) this.#turn = this.all.indexOf(chosen) + 1;
    return chosen;
  }

  passOver(instance: Instance): void {
    this.#until.set(instance, this.#now() + this.#passOverMs);
  }
}
