import { type ProjectionStatus, type Quarantined, type Retried } from '#libs/read-models/upkeep';
import { count } from '../count.ts';
import { Refused } from '../platform-client.ts';
import { table } from '../table.ts';
import { progressText } from './progress.ts';
import { Failed, naming, type Session } from './session.ts';

const POLL_MS = 250;

const statuses = ({ client }: Session): Promise<readonly ProjectionStatus[]> =>
  client.list<ProjectionStatus>('/operations/read-models');

const names = async (session: Session): Promise<readonly string[]> =>
  (await statuses(session)).map(({ projection }) => projection);

const building = ({ progress }: ProjectionStatus): string =>
  progress === null ? '' : progressText({ ...progress, perSecond: progress.eventsPerSecond }, 'event');

export const projections = async (session: Session): Promise<void> => {
  const found = await statuses(session);
  session.result(found);
  session.print(
    table({
      head: ['read model', 'state', 'replay, error', 'version', 'generation', 'position', 'behind', 'quarantined'],
      texts: 3,
      rows: found.map((status) => [
        status.projection,
        status.state,
        building(status) || (status.error ?? ''),
        String(status.version),
        String(status.generation ?? '–'),
        status.position.toLocaleString('en'),
        status.lag.toLocaleString('en'),
        status.quarantined.toLocaleString('en'),
      ]),
    }),
  );
};

/** Begins a replay of each, or joins one that runs, and follows it until it has ended. False: interrupted. */
export const replay = async (session: Session, wanted: string | 'all'): Promise<boolean> => {
  const replayed: ProjectionStatus[] = [];
  for (const name of wanted === 'all' ? await names(session) : [wanted]) {
    const status = await follow(session, name);
    if (!status) return false;
    replayed.push(status);
  }
  session.result(wanted === 'all' ? replayed : replayed[0]);
  return true;
};

const follow = async (session: Session, name: string): Promise<ProjectionStatus | undefined> => {
  const present = async (): Promise<ProjectionStatus | undefined> =>
    (await statuses(session)).find(({ projection }) => projection === name);
  const before = await present();
  const started = performance.now();
  await naming(
    'There are',
    () => names(session),
    async () => {
      try {
        await session.client.put(`/operations/read-models/${encodeURIComponent(name)}/replay`, {});
      } catch (error) {
        if (!(error instanceof Refused) || error.code !== 'replay-running') throw error;
        session.print(`${name} is being replayed already.`);
      }
    },
  );
  for (;;) {
    const status = await present();
    if (!status) throw new Failed(`The platform knows no ${name} any more.`);
    if (status.progress === null) {
      if (status.generation === before?.generation)
        throw new Failed(`${name} was not replayed: ${status.error ?? 'it ended early.'}`);
      const seconds = (performance.now() - started) / 1_000;
      session.print(
        `${name} replayed: ${count(status.position, 'event')} in ${seconds.toFixed(1)} s, generation ${String(status.generation)} serves.`,
      );
      return status;
    }
    session.progress.show(`${name}: ${building(status)}`);
    if (!(await session.pause(POLL_MS))) {
      session.print(
        `The replay of ${name} goes on without this command. Follow it again with "replay ${name}", end it with "cancel ${name}".`,
      );
      return undefined;
    }
  }
};

export const cancel = async (session: Session, name: string): Promise<void> => {
  await naming(
    'There are',
    () => names(session),
    () => session.client.delete(`/operations/read-models/${encodeURIComponent(name)}/replay`),
  );
  session.result({ cancelled: name });
  session.print(`The replay of ${name} is given up; the present one goes on answering.`);
};

export const quarantined = async (session: Session): Promise<void> => {
  const found = await session.client.list<Quarantined>('/operations/quarantine');
  session.result(found);
  if (found.length === 0) return session.print('Nothing is in quarantine.');
  session.print(
    table({
      head: ['read model', 'document', 'part', 'stream', 'error', 'revision'],
      texts: 5,
      rows: found.map(({ projection, document, part, stream, error, revision }) => [
        projection,
        document ?? '(the whole stream)',
        part ?? '',
        stream,
        error,
        String(revision),
      ]),
    }),
  );
};

/** False: something still waits. */
export const retryQuarantined = async (session: Session, readModel: string | undefined): Promise<boolean> => {
  const { body } = await naming(
    'There are',
    () => names(session),
    () => session.client.put<Retried>('/operations/quarantine/retry', readModel === undefined ? {} : { readModel }),
  );
  session.result(body);
  session.print(`${count(body.retried, 'part')} folded again; ${count(body.remaining, 'part')} in quarantine.`);
  return body.remaining === 0;
};
