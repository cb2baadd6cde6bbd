import { setTimeout as pause } from 'node:timers/promises';
import { type Command, unrequested } from '#libs/event-sourcing/command';
import { type Background, type Platform } from '#libs/platform/service';
import { type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

/** Nobody logs in with the user's address until then, by the wall clock. */
export type Lockout = Readonly<{ userId: UserId; until: Instant }>;

type Tell = (lockout: Lockout, command: Command) => Promise<void>;

const EVERY_MS = 250;
const AGAIN_MS = 5_000;

/**
 * Has it told that users were locked out, beside the failed logins and not within them: how long those take must not tell whether
 * anybody has the address. What could not be told is tried again, at last when the process ends, and its own log says so.
 */
export class Lockouts {
  readonly #platform: Pick<Platform, 'clock' | 'log'>;
  readonly #tell: Tell;
  readonly #untold = new Map<Lockout, Command>();

  constructor(platform: Pick<Platform, 'clock' | 'log'>, tell: Tell) {
    this.#platform = platform;
    this.#tell = tell;
  }

  note(lockout: Lockout): void {
    this.#untold.set(lockout, unrequested('login', this.#platform.clock.now()));
  }

  background(): Background {
    return {
      name: 'access-control.lockouts',
      inEveryProcess: true,
      idle: () => this.#untold.size === 0,
      run: async (signal) => {
        for (let told = true; !signal.aborted; told = await this.#tellAll())
          await pause(told ? EVERY_MS : AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
        await this.#tellAll();
      },
    };
  }

  async #tellAll(): Promise<boolean> {
    let told = true;
    for (const [lockout, command] of this.#untold)
      try {
        await this.#tell(lockout, command);
        this.#untold.delete(lockout);
      } catch (error) {
        told = false;
        this.#platform.log.error({ err: error, ...lockout }, 'could not tell that a user was locked out');
      }
    return told;
  }
}
