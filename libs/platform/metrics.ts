import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Storage } from './storage.ts';

/** Prometheus metrics of one process; positions and lags are read when they are scraped. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from request to answer, by route',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [this.#registry],
  });

  constructor(storage: Storage) {
    collectDefaultMetrics({ register: this.#registry });
    const gauge = (
      name: string,
      help: string,
      labelNames: readonly string[],
      collect: (gauge: Gauge) => void | Promise<void>,
    ): void => {
      new Gauge({
        name,
        help,
        labelNames: [...labelNames],
        registers: [this.#registry],
        collect() {
          this.reset();
          return collect(this);
        },
      });
    };
    gauge('tributary_events_appended', 'Events in the log: the position of the last one', [], async (appended) => {
      appended.set(await storage.store.head());
    });
    gauge('tributary_projection_position', 'Log position that a read model has reached', ['projection'], (position) => {
      for (const state of storage.projections())
        position.set({ projection: `${state.name}@${String(state.version)}` }, state.position);
    });
    gauge('tributary_projection_lag', 'Log positions that a read model is behind', ['projection'], async (lag) => {
      const head = await storage.store.head();
      for (const { name, version, level, position } of storage.projections()) {
        lag.set({ projection: `${name}@${String(version)}` }, level ? 0 : Math.max(0, head - position));
      }
    });
    gauge('tributary_projection_quarantined', 'Streams that a read model cannot fold', ['projection'], (quarantined) => {
      for (const state of storage.projections())
        quarantined.set({ projection: `${state.name}@${String(state.version)}` }, state.quarantined);
    });
    gauge('tributary_consumer_lag', 'Log positions that a reaction has not handled', ['consumer'], (lag) => {
      for (const status of storage.bus.status()) lag.set({ consumer: status.consumer }, status.lag);
    });
    gauge('tributary_consumer_stopped', '1: a reaction has given up and waits for a restart', ['consumer'], (stopped) => {
      for (const { consumer, state } of storage.bus.status()) stopped.set({ consumer }, state === 'stopped' ? 1 : 0);
    });
    gauge('tributary_consumer_parked', 'Messages that a reaction has set aside', ['consumer'], (parked) => {
      for (const status of storage.bus.status()) parked.set({ consumer: status.consumer }, status.parked);
    });
  }

  /** @param route the pattern, never the path: a label per tenant would be without bounds */
  observeRequest(method: string, route: string, status: number, milliseconds: number): void {
    this.#requests.observe({ method, route, status: String(status) }, milliseconds / 1_000);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
