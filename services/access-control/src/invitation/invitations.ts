import { v5 as uuidv5 } from 'uuid';
import { membershipId, memberships } from '#libs/access-policy/memberships.projection';
import { type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { addressKey } from '#libs/email-address';
import { type Command } from '#libs/event-sourcing/command';
import { type Decision } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type CommandId } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Caller, tenantOf } from '#libs/platform/caller';
import { TooManyAttempts } from '#libs/platform/problem';
import { type Platform } from '#libs/platform/service';
import { type InvitationEvent } from '#libs/published/access-control';
import { type InvitationId, type TenantId } from '#libs/published/ids';
import { addDays, dayOf, type Instant, startOf, systemClock } from '#libs/time/time';
import { invitationList, type InvitationRow } from '../invitation-list/invitation-list.projection.ts';
import { countLetters, invitationQuota, quotaId } from '../invitation-quota/invitation-quota.ts';
import { refuseAbove, refuseUngrantable } from '../role/grantable.ts';
import { userWithAddress } from '../session/password-login.ts';
import { type Invitation, invitation, invite, resend, revoke, type Sending } from './invitation.ts';
import { InvitationConfiguration } from './invitation-configuration.ts';
import { judgeRows, type JudgedRow, pathOf, type Person, type Row } from './invited-rows.ts';

const DAY_MS = 86_400_000;
const INVITATIONS = '0d9f2a51-3a0c-5e0e-8c53-0a1f6c1b2d37';

/** What became of a row. */
/** `invitation`: as this request left it; null: not invited. */
export type Outcome = Readonly<{ row: Row; invitation: InvitationRow | null; faults: JudgedRow['faults'] }>;

/** Inviting people to a tenant, one or many at once. Instants are of the wall clock, as the tokens in letters are. */
export class Invitations {
  readonly #platform: Pick<Platform, 'store' | 'readModels'>;
  readonly #lifeMs: number;
  readonly #perDay: number;

  constructor(platform: Pick<Platform, 'store' | 'readModels' | 'configuration'>) {
    const { invitationDays, invitationsPerDay } = platform.configuration(InvitationConfiguration);
    this.#platform = platform;
    this.#lifeMs = invitationDays * DAY_MS;
    this.#perDay = invitationsPerDay;
  }

  /**
   * Every row that nothing is wrong with; with `onFaults: 'none'` nobody as long as something is wrong with any.
   * @throws DomainError `rejected` `invitations-refused`, each fault by its place; TooManyAttempts
   */
  async invite(caller: Caller, rows: readonly Row[], onFaults: 'none' | 'others', command: Command): Promise<readonly Outcome[]> {
    const tenant = tenantOf(caller);
    const judged: JudgedRow[] = [];
    for (const row of judgeRows(rows)) judged.push(row.person ? await this.#besideWhatIs(caller, row, row.person, command) : row);
    const faults = judged.flatMap((row) => row.faults);
    if (faults.length > 0 && onFaults === 'none') {
      const wrong = judged.filter((row) => row.faults.length > 0).length;
      throw new DomainError(
        'rejected',
        'invitations-refused',
        `Something is wrong with ${String(wrong)} of ${String(rows.length)} invitations; none was sent.`,
        faults.map(({ path, message }) => ({ path, message })),
      );
    }
    const good = judged.filter(({ person }) => person !== null).length;
    if (good > 0) await this.#count(tenant.id, good, command);
    const outcomes: Outcome[] = [];
    for (const { row, person, faults: found } of judged)
      outcomes.push({ row, faults: found, invitation: person ? await this.#send(tenant, person, command) : null });
    return outcomes;
  }

  /** @throws DomainError `not-found`, `rejected`; TooManyAttempts */
  async resend(caller: Caller, id: InvitationId, command: Command): Promise<InvitationRow> {
    const { id: tenantId, path } = tenantOf(caller);
    const { state, holds } = await this.#existing(tenantId, id);
    const sending = this.#sending(command);
    if (!holds(command.id)) {
      resend(id, sending)(state);
      await refuseUngrantable(this.#platform.readModels, caller, path, state);
    }
    await this.#count(tenantId, 1, command);
    return this.#handled(id, resend(id, sending), command);
  }

  /** @throws DomainError `not-found`, `rejected` */
  async revoke(caller: Caller, id: InvitationId, command: Command): Promise<InvitationRow> {
    const { id: tenantId, path } = tenantOf(caller);
    const { state, holds } = await this.#existing(tenantId, id);
    if (!holds(command.id)) await refuseAbove(this.#platform.readModels, caller, path, state);
    return this.#handled(id, revoke(id), command);
  }

  /** @throws DomainError `not-found` for one of another tenant, too */
  async get(tenantId: TenantId, id: InvitationId): Promise<InvitationRow> {
    const row = await this.#platform.readModels.of(invitationList).get(id);
    if (row?.tenantId !== tenantId) throw notFound();
    return row;
  }

  async #existing(tenantId: TenantId, id: InvitationId) {
    const { state, holds } = await present(this.#platform.store, invitation, id);
    if (state?.tenantId !== tenantId) throw notFound();
    return { state, holds };
  }

  /** What only the present state tells. A row whose letter this very command has sent already is fine. */
  async #besideWhatIs(caller: Caller, judged: JudgedRow, person: Person, command: Command): Promise<JudgedRow> {
    const { store, readModels } = this.#platform;
    const { id: tenantId, path } = tenantOf(caller);
    const id = invitationIdOf(tenantId, person.email);
    const { state, holds } = await present(store, invitation, id);
    if (holds(commandOfRow(command, id).id)) return judged;
    const fault = (code: string, message: string, field = 'email'): JudgedRow => ({
      ...judged,
      person: null,
      faults: [{ path: pathOf(judged.row, field), code, message }],
    });
    const beyond = await refuseUngrantable(readModels, caller, path, person).then(() => null, refusalIn);
    if (beyond) return fault(beyond.code, beyond.errors[0]?.message ?? beyond.message, beyond.errors[0]?.path);
    const user = await userWithAddress({ readModels }, person.email);
    if (user && (await readModels.of(memberships).get(membershipId(tenantId, user.id))))
      return fault('already-member', 'belongs to a user of this tenant');
    const isPending = state?.decision === null && state.expiresAt > systemClock.now();
    return isPending ? fault('already-invited', 'is invited already: send that invitation again instead') : judged;
  }

  #send({ id: tenantId, path }: TenantTreeRow, person: Person, command: Command): Promise<InvitationRow> {
    const id = invitationIdOf(tenantId, person.email);
    const decision = invite(id, { ...person, tenantId, path }, this.#sending(command));
    return this.#handled(id, decision, commandOfRow(command, id));
  }

  async #handled(id: InvitationId, decision: Decision<Invitation, InvitationEvent>, command: Command): Promise<InvitationRow> {
    const { state } = await handle(this.#platform.store, invitation, id, decision, { command });
    if (!state) throw new Error('an invitation is not there that was decided on');
    return state;
  }

  /** The first step, so that a key that meant something else is found out before any letter goes. @throws TooManyAttempts */
  async #count(tenantId: TenantId, letters: number, command: Command): Promise<void> {
    const now = systemClock.now();
    const today = dayOf(now);
    const decision = countLetters(letters, this.#perDay);
    const { events } = await handle(this.#platform.store, invitationQuota, quotaId(tenantId, today), decision, { command });
    if (events.some(({ type }) => type === 'LettersCounted')) return;
    const seconds = Math.ceil((Date.parse(startOf(addDays(today, 1))) - Date.parse(now)) / 1_000);
    throw new TooManyAttempts(`A tenant may send ${String(this.#perDay)} invitations a day. Try again tomorrow.`, seconds);
  }

  #sending({ principal }: Command): Sending {
    const sentAt = systemClock.now();
    return {
      invitedBy: principal.id,
      sentAt,
      expiresAt: new Date(Date.parse(sentAt) + this.#lifeMs).toISOString() as Instant,
    };
  }
}

const refusalIn = (error: unknown): DomainError => {
  if (error instanceof DomainError && error.refusal === 'rejected') return error;
  throw error;
};

const notFound = (): DomainError =>
  new DomainError('not-found', 'invitation-not-found', 'There is no such invitation of this tenant.');

/** One for an address and a tenant, however often it is invited. */
const invitationIdOf = (tenantId: TenantId, email: string): InvitationId =>
  uuidv5(JSON.stringify([tenantId, addressKey(email)]), INVITATIONS) as InvitationId;

/** Rows of one request are commands of their own. */
const commandOfRow = (command: Command, id: InvitationId): Command => ({ ...command, id: uuidv5(id, command.id) as CommandId });
