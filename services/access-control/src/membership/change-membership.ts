import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Role, roleIdIn } from '#libs/access-policy/roles';
import { type Command, metadataOf } from '#libs/event-sourcing/command';
import { type Decision } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type CommandId } from '#libs/event-sourcing/event';
import { type EventStore, RevisionConflict } from '#libs/event-sourcing/event-store';
import { decide, type Expected, handle, present } from '#libs/event-sourcing/handle';
import { Forbidden } from '#libs/platform/problem';
import { type MembershipEvent } from '#libs/published/access-control';
import { type Membership, membership } from './membership.ts';

/** A user of the tenant by their membership in it, and the role by which they count. */
export type Member = Readonly<{ id: string; role: Role }>;

/** Whom a change of a membership rests on: both must still be what they are when it comes about. */
export type Rest = Readonly<{
  /** Who makes it, where they do so as another user of the same tenant. */
  by: Member | null;
  /** An Admin who is left, where somebody else takes one from a tenant that is not to lose its last. */
  stays: Member | null;
}>;

type Change = Readonly<{
  /** The membership that changes. */
  id: string;
  decision: Decision<Membership, MembershipEvent>;
  /** Throws what speaks against the change of this membership. */
  judge: (before: Membership) => Promise<Rest>;
  command: Command;
  expected?: Expected<Membership>;
}>;

/** Some two seconds, with the pauses between them. */
const ATTEMPTS = 80;
const LONGEST_PAUSE_MS = 50;

/**
 * Changes a membership. Where users of one tenant are taken out of it by each other, or by others, all at the same moment, never all
 * of them are, so that somebody is left: each change first leaves a mark in the stream of whoever stays, as one who still does, and
 * then changes the other's at exactly the revision that was read before the mark. Of changes in a circle somebody's mark came last,
 * after somebody else had read the stream that it stands in; that change finds another revision, and its maker looks again.
 * @throws DomainError `conflict` `users-changing`; Forbidden for whoever has just lost the role
 */
export const changeMembership = async (
  store: EventStore,
  { id, decision, judge, command, expected }: Change,
): Promise<Membership> => {
  for (let attempt = 1; ; attempt++) {
    const { state, revision, holds } = await present(store, membership, id);
    const isRepeated = holds(command.id);
    const rest = isRepeated ? NOBODY : await judge(state);
    const changes = isRepeated ? [] : decide(state, decision, expected);
    if (changes.length > 0) {
      const { by, stays } = rest;
      if (by && mayChangeOthers(state) && !(await isMarked(store, by, command)))
        throw new Forbidden('What you may do here has changed just now.');
      const isLeft = !stays || (await isMarked(store, stays, command));
      if (!isLeft || !(await appended(store, id, changes, revision, command))) {
        if (attempt === ATTEMPTS) throw othersWereFaster();
        await pause(randomInt(LONGEST_PAUSE_MS));
        continue;
      }
    }
    // Nothing is decided any more: it answers what this command did, now or an earlier time.
    return (await handle(store, membership, id, () => [], { command })).state;
  }
};

const NOBODY: Rest = { by: null, stays: null };

/** What a role that the tenant made itself permits is not looked up: a mark too many does no harm. */
const mayChangeOthers = ({ role, enabled }: Membership): boolean =>
  enabled && role !== null && (role === 'admin' || roleIdIn(role) !== undefined);

/** False for whoever is no longer what they were. */
const isMarked = async (store: EventStore, { id, role }: Member, command: Command): Promise<boolean> => {
  const marking = { ...command, id: randomUUID() as CommandId, keyed: true };
  const { state } = await handle(store, membership, id, () => [], { command: marking });
  return state.enabled && state.role === role;
};

const appended = async (
  store: EventStore,
  id: string,
  changes: readonly MembershipEvent[],
  revision: number,
  command: Command,
): Promise<boolean> => {
  try {
    await store.append(membership.stream(id), changes, revision, metadataOf(command));
    return true;
  } catch (error) {
    if (error instanceof RevisionConflict) return false;
    throw error;
  }
};

const othersWereFaster = (): DomainError =>
  new DomainError('conflict', 'users-changing', 'Others are changing the same users at the same time: try again.');
