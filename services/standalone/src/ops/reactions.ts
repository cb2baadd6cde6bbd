import { type ConsumerStatus, type Parked } from '#libs/messaging/bus';
import { count } from '../count.ts';
import { everywhere, Failed, type Served, type Session, tableOf } from './session.ts';

/** The service whose reaction it is. @throws Failed with the names that there are */
const having = async (session: Session, reaction: string): Promise<Served> => {
  const all = await everywhere<ConsumerStatus>(session, '/reactions');
  const owner = all.find(({ consumer }) => consumer === reaction);
  const served = owner && (await session.services()).find(({ name }) => name === owner.service);
  if (served) return served;
  throw new Failed(`There is no reaction "${reaction}". There are: ${all.map(({ consumer }) => consumer).join(', ')}.`);
};

export const reactions = async (session: Session): Promise<void> => {
  const found = await everywhere<ConsumerStatus>(session, '/reactions');
  session.result(found);
  session.print(
    tableOf(found, {
      head: ['reaction', 'state', 'failure', 'position', 'behind', 'parked'],
      texts: 3,
      row: ({ consumer, state, failure, position, lag, parked }) => [
        consumer,
        state,
        failure?.message ?? '',
        position.toLocaleString('en'),
        lag.toLocaleString('en'),
        parked.toLocaleString('en'),
      ],
    }),
  );
};

export const parked = async (session: Session, reaction: string | undefined): Promise<void> => {
  const query = reaction === undefined ? '' : `?reaction=${encodeURIComponent(reaction)}`;
  const found = await everywhere<Omit<Parked, 'bytes'>>(session, `/parked${query}`);
  session.result(found);
  if (found.length === 0) return session.print('Nothing is parked.');
  session.print(
    tableOf(found, {
      head: ['reaction', 'target', 'stream', 'parked', 'reason', 'event', 'revision'],
      texts: 6,
      row: ({ consumer, target, stream, parkedAt, behind, reason, eventId, revision }) => [
        consumer,
        target,
        stream,
        parkedAt,
        behind ? '(behind an earlier one)' : reason,
        eventId,
        String(revision),
      ],
    }),
  );
};

/** False: something stays parked. */
export const retryParked = async (session: Session, reaction: string, target: string | undefined): Promise<boolean> => {
  const { operations } = await having(session, reaction);
  const { body } = await session.client.put<Readonly<{ handled: number; remaining: number }>>(
    `${operations}/reactions/${encodeURIComponent(reaction)}/retry`,
    target === undefined ? {} : { target },
  );
  session.result(body);
  session.print(`${count(body.handled, 'message')} handled; ${count(body.remaining, 'message')} parked.`);
  return body.remaining === 0;
};

export const drop = async (session: Session, reaction: string, eventId: string): Promise<void> => {
  const { operations } = await having(session, reaction);
  await session.client.delete(`${operations}/reactions/${encodeURIComponent(reaction)}/parked/${encodeURIComponent(eventId)}`);
  session.result({ dropped: eventId });
  session.print(`The event ${eventId} is given up for good; "retry --reaction ${reaction}" delivers those behind it.`);
};
