import { type ConsumerStatus, type Parked } from '#libs/messaging/bus';
import { count } from '../count.ts';
import { table } from '../table.ts';
import { Failed, naming, type Session } from './session.ts';

const names = async ({ client }: Session): Promise<readonly string[]> =>
  (await client.list<ConsumerStatus>('/operations/reactions')).map(({ consumer }) => consumer);

export const reactions = async (session: Session): Promise<void> => {
  const found = await session.client.list<ConsumerStatus>('/operations/reactions');
  session.result(found);
  session.print(
    table({
      head: ['reaction', 'state', 'failure', 'position', 'behind', 'parked'],
      texts: 3,
      rows: found.map(({ consumer, state, failure, position, lag, parked }) => [
        consumer,
        state,
        failure?.message ?? '',
        position.toLocaleString('en'),
        lag.toLocaleString('en'),
        parked.toLocaleString('en'),
      ]),
    }),
  );
};

export const parked = async (session: Session, reaction: string | undefined): Promise<void> => {
  const query = reaction === undefined ? '' : `?reaction=${encodeURIComponent(reaction)}`;
  const found = await session.client.list<Omit<Parked, 'bytes'>>(`/operations/parked${query}`);
  session.result(found);
  if (found.length === 0) return session.print('Nothing is parked.');
  session.print(
    table({
      head: ['reaction', 'target', 'stream', 'parked', 'reason', 'event', 'revision'],
      texts: 6,
      rows: found.map(({ consumer, target, stream, parkedAt, behind, reason, eventId, revision }) => [
        consumer,
        target,
        stream,
        parkedAt,
        behind ? '(behind an earlier one)' : reason,
        eventId,
        String(revision),
      ]),
    }),
  );
};

/** False: something stays parked. */
export const retryParked = async (session: Session, reaction: string, target: string | undefined): Promise<boolean> => {
  const { body } = await naming(
    'There are',
    () => names(session),
    () =>
      session.client.put<Readonly<{ handled: number; remaining: number }>>(
        `/operations/reactions/${encodeURIComponent(reaction)}/retry`,
        target === undefined ? {} : { target },
      ),
  );
  session.result(body);
  session.print(`${count(body.handled, 'message')} handled; ${count(body.remaining, 'message')} parked.`);
  return body.remaining === 0;
};

export const drop = async (session: Session, reaction: string, eventId: string): Promise<void> => {
  const known = await names(session);
  if (!known.includes(reaction)) throw new Failed(`There is no reaction "${reaction}". There are: ${known.join(', ')}.`);
  await session.client.delete(`/operations/reactions/${encodeURIComponent(reaction)}/parked/${encodeURIComponent(eventId)}`);
  session.result({ dropped: eventId });
  session.print(`The event ${eventId} is given up for good; "retry --reaction ${reaction}" delivers those behind it.`);
};
