import { type TenantId } from '#libs/published/ids';
import { type Month } from '#libs/time/time';
import { type VersionedMonth } from '../rating-inputs/input-version.ts';

export type RatingWork = Readonly<{
  /** Months that are not rated as of their present inputs, the most wanted first. */
  due: () => Promise<readonly VersionedMonth[]>;
  rate: (rootId: TenantId, month: Month, signal: AbortSignal) => Promise<void>;
  /** Told of every failure; it is tried again. */
  failed: (error: unknown, of: VersionedMonth | undefined) => void;
}>;

/** `showMs`: how long what was rated may go on looking due, before it is rated again. */
export type RatingPace = Readonly<{ settleMs: number; showMs: number; firstRetryMs: number; lastRetryMs: number }>;
const LOOKING_SHARE = 9;
const PACE: RatingPace = { settleMs: 30, showMs: 5_000, firstRetryMs: 500, lastRetryMs: 60_000 };

type Failure = Readonly<{ of: VersionedMonth; attempts: number; retryAt: number }>;
type Done = Readonly<{ of: VersionedMonth; retryAt: number }>;

/**
 * Rates what is due, one month after the other, until nothing is; then waits to be woken. A month that fails is tried again with
 * growing pauses, and at once when its inputs change; others go on meanwhile.
 */
export class RatingWorker {
  readonly #failures = new Map<string, Failure>();
  /** Rated, although what is looked at does not show it yet. */
  readonly #done = new Map<string, Done>();
  #wake: (() => void) | undefined;
  #woken = false;

  constructor(
    private readonly work: RatingWork,
    private readonly pace: RatingPace = PACE,
  ) {}

  /** Something may have become due. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    let brokenFor = 0;
    while (!signal.aborted) {
      this.#woken = false;
      const looked = performance.now();
      try {
        const due = await this.work.due();
        brokenFor = 0;
        this.#forgetAllBut(due);
        const next = due.find((month) => !this.#isPausing(month));
        if (next) await this.#rate(next, signal);
        else await this.#sleep(signal, this.#untilRetry(), this.#settling(looked));
      } catch (error) {
        this.work.failed(error, undefined);
        await this.#sleep(signal, this.#pause(++brokenFor), this.#settling(looked));
      }
    }
  }

  async idle(): Promise<boolean> {
    return (await this.work.due()).length === 0;
  }

  /** What fails at present, in words without the cause: health is open, and the cause is in the log. */
  troubles(): readonly string[] {
    return [...this.#failures.values()].map(
      ({ of: { rootId, month }, attempts }) =>
        `rating ${month} of the tree ${rootId} has failed ${String(attempts)} time(s) and is tried again`,
    );
  }

  isFailing(rootId: TenantId, month: Month): boolean {
    return this.#failures.has(keyOf({ rootId, month }));
  }

  async #rate(month: VersionedMonth, signal: AbortSignal): Promise<void> {
    const key = keyOf(month);
    try {
      await this.work.rate(month.rootId, month.month, signal);
      this.#failures.delete(key);
      this.#done.set(key, { of: month, retryAt: performance.now() + this.pace.showMs });
    } catch (error) {
      if (signal.aborted) return;
      const attempts = (this.#failures.get(key)?.attempts ?? 0) + 1;
      this.#failures.set(key, { of: month, attempts, retryAt: performance.now() + this.#pause(attempts) });
      this.work.failed(error, month);
    }
  }

  #isPausing(month: VersionedMonth): boolean {
    const key = keyOf(month);
    const last = this.#failures.get(key) ?? this.#done.get(key);
    return last !== undefined && last.of.inputVersion === month.inputVersion && last.retryAt > performance.now();
  }

  #forgetAllBut(due: readonly VersionedMonth[]): void {
    const kept = new Set(due.map(keyOf));
    for (const known of [this.#failures, this.#done]) for (const key of known.keys()) if (!kept.has(key)) known.delete(key);
  }

  #pause(attempts: number): number {
    return Math.min(this.pace.firstRetryMs * 2 ** (attempts - 1), this.pace.lastRetryMs);
  }

  #untilRetry(): number | undefined {
    const next = Math.min(...[...this.#failures.values(), ...this.#done.values()].map(({ retryAt }) => retryAt));
    return Number.isFinite(next) ? Math.max(next - performance.now(), 0) : undefined;
  }

  /** Where very much may be due, looking takes long, and requests wait meanwhile: never more than a tenth of the time. */
  #settling(looked: number): number {
    return Math.max(this.pace.settleMs, (performance.now() - looked) * LOOKING_SHARE);
  }

  /** Until it is woken (and what woke it has settled), the time is over, or the signal aborts. */
  async #sleep(signal: AbortSignal, milliseconds: number | undefined, settlingMs: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener('abort', this.#wake, { once: true });
      });
      if (this.#wake) signal.removeEventListener('abort', this.#wake);
      this.#wake = undefined;
    }
    if (this.#woken && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, settlingMs));
  }
}

const keyOf = ({ rootId, month }: Readonly<{ rootId: TenantId; month: Month }>): string => `${rootId}~${month}`;
