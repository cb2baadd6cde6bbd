import { memberships } from '#libs/access-policy/memberships.projection';
import { type Command } from '#libs/event-sourcing/command';
import { type StreamName } from '#libs/event-sourcing/event';
import { handle } from '#libs/event-sourcing/handle';
import { type Platform } from '#libs/platform/service';
import { type UserId } from '#libs/published/ids';
import { isNews, seen, tenantActivity } from './tenant-activity.ts';

/** Users remembered, at most; the one that was seen for the first time longest ago is forgotten first. */
const REMEMBERED = 100_000;

/**
 * Keeps when a tenant's own users were last about: logging in and staying logged in count, and whatever they did. Who works for a
 * tenant without being one of its users does not, nor does another system.
 */
export class UsersAbout {
  readonly #platform: Pick<Platform, 'store' | 'readModels' | 'log'>;
  /** What is kept of the tenants that they are one of, the oldest of it. */
  readonly #noted = new Map<UserId, Command['time']>();

  constructor(platform: Pick<Platform, 'store' | 'readModels' | 'log'>) {
    this.#platform = platform;
  }

  /** At the command's time. A nuisance at most, where it fails: the login goes on. */
  async noteLogin(userId: UserId, command: Command): Promise<void> {
    try {
      await this.note(userId, () => command, command.time);
    } catch (error) {
      this.#platform.log.warn({ err: error, userId }, 'could not keep that a user is about');
    }
  }

  /** @param commandFor the stream of each tenant that the user is one of */
  async note(userId: UserId, commandFor: (stream: StreamName) => Command, at: Command['time']): Promise<void> {
    if (!isNews(this.#noted.get(userId), at)) return;
    const { store, readModels } = this.#platform;
    let oldest = at;
    for (const { tenantId } of await readModels.of(memberships).all({ userId, enabled: true })) {
      if (tenantId === 'platform') continue;
      const command = { ...commandFor(tenantActivity.stream(tenantId)), keyed: false };
      const { state } = await handle(store, tenantActivity, tenantId, seen(tenantId, userId, at), { command });
      if (state.lastAt !== null && state.lastAt < oldest) oldest = state.lastAt;
    }
    // Where another user's word was enough, this one's is due as soon as that one is old.
    this.#remember(userId, oldest);
  }

  #remember(userId: UserId, at: Command['time']): void {
    this.#noted.set(userId, at);
    const oldest = this.#noted.size > REMEMBERED ? this.#noted.keys().next().value : undefined;
    if (oldest !== undefined) this.#noted.delete(oldest);
  }
}
