/** Work that only one process of a service does at a time. A lease saves work: correctness never depends on it. */
export interface Leases {
  /**
   * Runs `work` whenever this process holds the lease, and waits for its turn otherwise, until `signal` aborts. `held` aborts when
   * the lease is lost or `signal` aborts; the lease is given back once `work` has ended. Rejects with what `work` throws.
   */
  whileHeld(name: string, signal: AbortSignal, work: (held: AbortSignal) => Promise<void>): Promise<void>;
}

/** For a process that has its data to itself. */
export const ALONE: Leases = { whileHeld: (_, signal, work) => work(signal) };
