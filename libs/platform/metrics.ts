import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type ConsumerStatus } from '#libs/messaging/bus';
import { type ProjectionStatus } from '#libs/read-models/upkeep';
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
    // Twenty looks a second at the event loop: a hundred, the default, are most of what an idle process does.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 50 });
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
    const ofProjections = (name: string, help: string, value: (state: ProjectionStatus) => number): void => {
      gauge(name, help, ['projection'], async (values) => {
        for (const state of await storage.upkeep.status()) {
          values.set({ projection: `${state.projection}@${String(state.version)}` }, value(state));
        }
      });
    };
    ofProjections('tributary_projection_position', 'Log position that a read model has reached', ({ position }) => position);
    ofProjections('tributary_projection_lag', 'Log positions that a read model is behind', ({ lag }) => lag);
    ofProjections('tributary_projection_quarantined', 'Parts that a read model cannot fold', ({ quarantined }) => quarantined);

    const ofConsumers = (name: string, help: string, value: (status: ConsumerStatus) => number): void => {
      gauge(name, help, ['consumer'], async (values) => {
        for (const status of await storage.bus.status()) values.set({ consumer: status.consumer }, value(status));
      });
    };
    ofConsumers('tributary_consumer_lag', 'Log positions that a reaction has not handled', ({ lag }) => lag);
    ofConsumers('tributary_consumer_stopped', '1: a reaction waits for a restart', ({ state }) => (state === 'stopped' ? 1 : 0));
    ofConsumers('tributary_consumer_parked', 'Messages that a reaction has set aside', ({ parked }) => parked);
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
