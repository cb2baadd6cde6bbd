import { join } from 'node:path';
import { type Running, start } from '#libs/platform/bootstrap';
import { SERVICES } from '#services/standalone/src/services';
import { differencesOf, type Texts } from './comparison.ts';
import { addOperator, answersAbout, playWorld, type Playing } from './world.ts';

/** The embedded default, where nothing goes wrong: what each world has to come to. */
export class Reference {
  readonly #running: Running;
  readonly #playing: Playing;
  readonly #known = new Map<number, Texts>();

  private constructor(running: Running, playing: Playing) {
    this.#running = running;
    this.#playing = playing;
  }

  static async start(playing: Playing): Promise<Reference> {
    const environment = { PATH: process.env['PATH'], DATA_DIR: join(playing.folder, 'embedded'), PORT: '0', LOG_LEVEL: 'fatal' };
    return new Reference(await start(SERVICES, { environment }), playing);
  }

  /** Plays a world of its own here the first time that it is asked for. */
  async of(number: number): Promise<Texts> {
    const known = this.#known.get(number);
    if (known) return known;
    await addOperator(this.#running.platform.store, number);
    const world = await playWorld(this.#playing, this.#running.url, number);
    await this.#running.settled();
    const answers = await answersAbout(world, this.#running.url);
    this.#known.set(number, answers);
    return answers;
  }

  async differences(number: number, found: Texts): Promise<readonly string[]> {
    return differencesOf(await this.of(number), found);
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }
}
