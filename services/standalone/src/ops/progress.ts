import { count } from '../count.ts';

export type Progress = Readonly<{ done: number; total: number; perSecond: number | null; secondsLeft: number | null }>;

/** `40 s`, `3 min 05 s`, `2 h 10 min`. */
const duration = (seconds: number): string => {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${String(whole)} s`;
  if (whole < 3_600) return `${String(Math.floor(whole / 60))} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${String(Math.floor(whole / 3_600))} h ${String(Math.floor((whole % 3_600) / 60)).padStart(2, '0')} min`;
};

const BYTES = [
  ['GiB', 1_073_741_824],
  ['MiB', 1_048_576],
  ['KiB', 1_024],
] as const;

export const bytes = (of: number): string => {
  const [unit, size] = BYTES.find(([, least]) => of >= least) ?? ['B', 1];
  return `${size === 1 ? String(of) : (of / size).toFixed(1)} ${unit}`;
};

/** `events` are counted, bytes are measured. */
export type Unit = 'event' | 'page' | 'byte';

const amount = (of: number, unit: Unit): string => (unit === 'byte' ? bytes(of) : Math.round(of).toLocaleString('en'));

/** `12,000 of 48,000 events (25 %), 24,000 events/s, 2 s left`. */
export const progressText = ({ done, total, perSecond, secondsLeft }: Progress, unit: Unit): string => {
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  const whole = unit === 'byte' ? bytes(total) : count(total, unit);
  const speed = perSecond === null ? '' : `, ${amount(perSecond, unit)}${unit === 'byte' ? '' : ` ${unit}s`}/s`;
  const left = secondsLeft === null ? '' : `, ${duration(secondsLeft)} left`;
  return `${amount(done, unit)} of ${whole} (${String(percent)} %)${speed}${left}`;
};

/** How fast something goes that is followed from here. */
export class Pace {
  readonly #from: number;
  readonly #started = performance.now();

  constructor(from: number) {
    this.#from = from;
  }

  at(done: number, total: number): Progress {
    const seconds = (performance.now() - this.#started) / 1_000;
    const perSecond = done > this.#from && seconds > 0 ? (done - this.#from) / seconds : null;
    return { done, total, perSecond, secondsLeft: perSecond === null ? null : Math.max(0, total - done) / perSecond };
  }
}

const EVERY_MS = 5_000;

/** One line that is written over on a terminal; elsewhere a line now and then. It goes to standard error: the result is alone on the other. */
export class ProgressLine {
  readonly #quiet: boolean;
  readonly #out: NodeJS.WriteStream;
  #last = Number.NEGATIVE_INFINITY;
  #open = false;

  constructor(quiet: boolean, out: NodeJS.WriteStream = process.stderr) {
    this.#quiet = quiet;
    this.#out = out;
  }

  show(text: string): void {
    if (this.#quiet) return;
    if (this.#out.isTTY) {
      this.#out.write(`\r${text.slice(0, Math.max(20, this.#out.columns - 1))}\u001b[K`);
      this.#open = true;
      return;
    }
    const now = performance.now();
    if (now - this.#last < EVERY_MS) return;
    this.#last = now;
    this.#out.write(`${text}\n`);
  }

  /** Before anything else is written. */
  end(): void {
    if (this.#open) this.#out.write('\r\u001b[K');
    this.#open = false;
  }
}
