/** What one side did between its warm-up and its end. */
export type Steady = Readonly<{ events: number; milliseconds: number; cpuMilliseconds: number }>;

/** Measures from the moment at which `done` things are done until the end: connecting and warming up are left out. */
export class SteadyState {
  readonly #from: number;
  #begun: Readonly<{ done: number; at: number; cpu: NodeJS.CpuUsage }> | undefined;

  constructor(from: number) {
    this.#from = from;
  }

  /** So much is done now. */
  at(done: number): void {
    if (!this.#begun && done >= this.#from) this.#begun = { done, at: performance.now(), cpu: process.cpuUsage() };
  }

  /** @throws Error when it ended before its warm-up did */
  ended(done: number): Steady {
    if (!this.#begun || done <= this.#begun.done) throw new Error(`All ${String(done)} were done within the warm-up.`);
    const { user, system } = process.cpuUsage(this.#begun.cpu);
    return {
      events: done - this.#begun.done,
      milliseconds: performance.now() - this.#begun.at,
      cpuMilliseconds: (user + system) / 1_000,
    };
  }
}
