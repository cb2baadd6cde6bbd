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

/** A user of the tenant by their membership in it, and the role by which they may do what they do. */
export type Member = Readonly<{ id: string; role: Role }>;

type Change = Readonly<{
  /** The membership that changes. */
  id: string;
  decision: Decision<Membership, MembershipEvent>;
  /** Throws what speaks against the change of this membership. */
  judge: (before: Membership) => Promise<void>;
  /** Who makes it, where they do so as another user of the same tenant. */
  by: Member | null;
  command: Command;
  expected?: Expected<Membership>;
}>;

/** Some two seconds, with the pauses between them. */
const ATTEMPTS = 80;
const LONGEST_PAUSE_MS = 50;

/**
 * Changes a membership. Users of one tenant who take from each other what they do it by, all at the same moment, never all succeed,
 * so that somebody is left: each first leaves a mark in their own stream, as one who still may, and then changes the other's at
 * exactly the revision that was read before the mark. Of those who did so in a circle somebody's mark came last, after somebody else
 * had read the stream that it stands in; that change finds another revision, and its maker looks again.
 * @throws DomainError `conflict` `users-changing`; Forbidden for whoever has just lost the role
 */
export const changeMembership = async (
  store: EventStore,
  { id, decision, judge, by, command, expected }: Change,
): Promise<Membership> => {
  for (let attempt = 1; ; attempt++) {
    const { state, revision, holds } = await present(store, membership, id);
    const isRepeated = holds(command.id);
    if (!isRepeated) await judge(state);
    const changes = isRepeated ? [] : decide(state, decision, expected);
    if (changes.length > 0) {
      if (by && mayChangeOthers(state)) await leaveMark(store, by, command);
      if (!(await appended(store, id, changes, revision, command))) {
        if (attempt === ATTEMPTS) throw othersWereFaster();
        await pause(randomInt(LONGEST_PAUSE_MS));
        continue;
      }
    }
    // Nothing is decided any more: it answers what this command did, now or an earlier time.
    return (await handle(store, membership, id, () => [], { command })).state;
  }
};

/** What a role that the tenant made itself permits is not looked up: a mark too many does no harm. */
const mayChangeOthers = ({ role, enabled }: Membership): boolean =>
  enabled && role !== null && (role === 'admin' || roleIdIn(role) !== undefined);

const leaveMark = async (store: EventStore, { id, role }: Member, command: Command): Promise<void> => {
  const stillHeld = (own: Membership): MembershipEvent[] => {
    if (!own.enabled || own.role !== role) throw new Forbidden('What you may do here has changed just now.');
    return [];
  };
  const marking = { ...command, id: randomUUID() as CommandId, keyed: true };
  await handle(store, membership, id, stillHeld, { command: marking });
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
