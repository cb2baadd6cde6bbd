import { v5 as uuidv5 } from 'uuid';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Role, roleIdIn } from '#libs/access-policy/roles';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type CommandId } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Repeatable } from '#libs/platform/caller';
import { type Platform } from '#libs/platform/service';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Instant, systemClock } from '#libs/time/time';
import { grantAccepted, isAccepted } from '../reactions/on-invitation-accepted.ts';
import { customRoleOf } from '../role/role.ts';
import { mayLogIn, type PasswordLogin, userWithAddress } from '../session/password-login.ts';
import { addWithChosenPassword, newUserId } from '../user/add-user.ts';
import { type InvitationRow } from '../invitation-list/invitation-list.projection.ts';
import { accept, acceptable, type Invitation, invitation } from './invitation.ts';
import { type InvitationTokens } from './invitation-tokens.ts';

/** What a letter opens. */
export type Opened = Readonly<{
  email: string;
  name: string | null;
  tenantId: TenantId;
  tenantName: string;
  role: Role;
  expiresAt: Instant;
  /** Whoever has a user already accepts with its password. */
  hasUser: boolean;
}>;

export type Accepted = Readonly<{ userId: UserId; email: string; tenantId: TenantId; tenantName: string; role: Role }>;

/** By whoever holds a letter's token: nobody is logged in. */
export class Acceptance {
  readonly #platform: Pick<Platform, 'store' | 'readModels' | 'clock'>;
  readonly #tokens: InvitationTokens;
  readonly #passwords: PasswordLogin;

  constructor(platform: Pick<Platform, 'store' | 'readModels' | 'clock'>, tokens: InvitationTokens, passwords: PasswordLogin) {
    this.#platform = platform;
    this.#tokens = tokens;
    this.#passwords = passwords;
  }

  /** @throws DomainError `rejected` and why the token opens nothing */
  async open(token: string): Promise<Opened> {
    const { email, name, tenantId, role, expiresAt } = await this.#letter(token);
    const hasUser = (await userWithAddress(this.#platform, email)) !== undefined;
    return { email, name, tenantId, tenantName: await this.#nameOf(tenantId), role, expiresAt, hasUser };
  }

  /**
   * A new user with this password, or one who has shown theirs, becomes a member of the tenant. The same request once more, by its
   * key, is answered as it was, with no password looked at.
   * @throws DomainError `rejected` and why the token opens nothing, `conflict` `invitation-being-accepted`; Unauthenticated,
   * TooManyAttempts for a wrong password
   */
  async accept(
    token: string,
    password: string,
    name: string | null,
    { key, bodyHash }: Repeatable = { key: null, bodyHash: '' },
  ): Promise<Accepted> {
    const { id, round } = this.#named(token);
    const { state, holds } = await present(this.#platform.store, invitation, id);
    const own = uuidv5(`accept ${String(round)}${key === null ? '' : ` ${key}`}`, id) as CommandId;
    const keyed = key !== null;
    if (state && keyed && holds(own)) {
      const repeated = { ...this.#command(own, state.tenantId), keyed, bodyHash, principal: { id } };
      return this.#accepted((await handle(this.#platform.store, invitation, id, () => [], { command: repeated })).state);
    }
    const letter = await this.#letter(token);
    const userId = await this.#userOf(letter, password, name).catch(async (error: unknown) => {
      // Somebody else was faster with the same letter: that says it better.
      await this.#letter(token);
      throw error;
    });
    const command = { ...this.#command(own, letter.tenantId), keyed, bodyHash, principal: { id: userId } };
    const decision = accept(id, round, userId, systemClock.now());
    const handled = await handle(this.#platform.store, invitation, id, decision, { command });
    for (const event of handled.events) if (isAccepted(event)) await grantAccepted(this.#platform.store, event);
    return this.#accepted(handled.state);
  }

  async #accepted(known: Invitation): Promise<Accepted> {
    if (!known?.userId) throw new Error('an invitation was accepted by nobody');
    const { userId, email, tenantId, role } = known;
    return { userId, email, tenantId, tenantName: await this.#nameOf(tenantId), role };
  }

  async #userOf({ id, email, name: known, tenantId }: InvitationRow, password: string, given: string | null): Promise<UserId> {
    const registering = this.#command(uuidv5('register', id), tenantId);
    const userId = newUserId(registering);
    const person = await userWithAddress(this.#platform, email);
    // One that an acceptance of this very invitation left unfinished is finished; one that it finished shows the password again.
    if (person && (person.id !== userId || (await mayLogIn(this.#platform, person))))
      return (await this.#passwords.verify(email, password)).id;
    const name = given ?? known;
    if (name === null) {
      const message = 'must be given: the invitation holds none';
      throw new DomainError('invalid', 'invalid-input', `The request is not valid: name: ${message}.`, [
        { path: 'name', message },
      ]);
    }
    const command = { ...registering, principal: { id: userId } };
    if ((await addWithChosenPassword(this.#platform.store, { email, name, password }, command)) === undefined)
      throw new DomainError(
        'conflict',
        'invitation-being-accepted',
        'The invitation is being accepted with another password: try again in a minute.',
      );
    return userId;
  }

  #named(token: string): NonNullable<ReturnType<InvitationTokens['read']>> {
    const named = this.#tokens.read(token);
    if (!named)
      throw new DomainError('rejected', 'invitation-token-invalid', 'This is no link of an invitation: copy all of it.');
    return named;
  }

  async #letter(token: string): Promise<InvitationRow> {
    const { id, round } = this.#named(token);
    const { state } = await present(this.#platform.store, invitation, id);
    const letter = acceptable(state, round, systemClock.now());
    const roleId = roleIdIn(letter.role);
    if (roleId !== undefined && (await present(this.#platform.store, customRoleOf, roleId)).state === null)
      throw new DomainError(
        'rejected',
        'invitation-role-removed',
        'The role that this invitation is for was removed: ask for a new one.',
      );
    return letter;
  }

  async #nameOf(tenantId: TenantId): Promise<string> {
    return (await this.#platform.readModels.of(tenantTree).get(tenantId))?.name ?? '';
  }

  /** Derived, so that whoever comes again goes on where they were. */
  #command(id: string, tenantId: TenantId): Omit<Command, 'principal'> & Readonly<{ id: CommandId }> {
    return { id: id as CommandId, keyed: false, bodyHash: '', tenant: tenantId, time: this.#platform.clock.now() };
  }
}
