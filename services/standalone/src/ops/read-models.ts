import { type ProjectionStatus, type Quarantined, type Retried } from '#libs/read-models/upkeep';
import { count } from '../count.ts';
import { Refused } from '../platform-client.ts';
import { progressText } from './progress.ts';
import { everywhere, Failed, type Served, type Session, tableOf } from './session.ts';

const POLL_MS = 250;

type Status = ProjectionStatus & Readonly<{ service?: string }>;

const statuses = (session: Session): Promise<readonly Status[]> => everywhere<ProjectionStatus>(session, '/read-models');

type Owned = Readonly<{ name: string; served: Served }>;

/**
 * A read model of this name, or all, by the services that have it: each has those of the shell. @throws Failed with the names that
 * there are
 */
const having = async (session: Session, name: string | 'all', service: string | undefined): Promise<readonly Owned[]> => {
  const wanted = service === undefined ? undefined : await session.service(service);
  const [services, all] = [await session.services(), await statuses(session)];
  const found = all.flatMap(({ projection, service: owner }): readonly Owned[] => {
    const served = services.find((of) => of.name === owner);
    const isMeant = (name === 'all' || projection === name) && (wanted === undefined || served === wanted);
    return served && isMeant ? [{ name: projection, served }] : [];
  });
  if (found.length > 0) return found;
  const names = [...new Set(all.map(({ projection }) => projection))].toSorted();
  throw new Failed(`There is no projection "${name}". There are: ${names.join(', ')}.`);
};

const building = ({ progress }: ProjectionStatus): string =>
  progress === null ? '' : progressText({ ...progress, perSecond: progress.eventsPerSecond }, 'event');

export const projections = async (session: Session): Promise<void> => {
  const found = await statuses(session);
  session.result(found);
  session.print(
    tableOf(found, {
      head: ['read model', 'state', 'replay, error', 'version', 'generation', 'position', 'behind', 'quarantined'],
      texts: 3,
      row: (status) => [
        status.projection,
        status.state,
        building(status) || (status.error ?? ''),
        String(status.version),
        String(status.generation ?? '–'),
        status.position.toLocaleString('en'),
        status.lag.toLocaleString('en'),
        status.quarantined.toLocaleString('en'),
      ],
    }),
  );
};

/** Begins a replay of each, or joins one that runs, and follows it until it has ended. False: interrupted. */
export const replay = async (session: Session, wanted: string | 'all', service: string | undefined): Promise<boolean> => {
  const replayed: Status[] = [];
  for (const { name, served } of await having(session, wanted, service)) {
    const status = await follow(session, name, served);
    if (!status) return false;
    replayed.push(status);
  }
  session.result(wanted === 'all' || replayed.length > 1 ? replayed : replayed[0]);
  return true;
};

const follow = async (session: Session, name: string, served: Served): Promise<Status | undefined> => {
  const { operations } = served;
  const title = titleOf(name, served);
  const present = async (): Promise<ProjectionStatus | undefined> =>
    (await session.client.list<ProjectionStatus>(`${operations}/read-models`)).find(({ projection }) => projection === name);
  const before = await present();
  const started = performance.now();
  try {
    await session.client.put(`${operations}/read-models/${encodeURIComponent(name)}/replay`, {});
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'replay-running') throw error;
    session.print(`${title} is being replayed already.`);
  }
  for (;;) {
    const status = await present();
    if (!status) throw new Failed(`The platform knows no ${title} any more.`);
    if (status.progress === null) {
      if (status.generation === before?.generation)
        throw new Failed(`${title} was not replayed: ${status.error ?? 'it ended early.'}`);
      const seconds = (performance.now() - started) / 1_000;
      session.print(
        `${title} replayed: ${count(status.position, 'event')} in ${seconds.toFixed(1)} s, generation ${String(status.generation)} serves.`,
      );
      return served.name === undefined ? status : { ...status, service: served.name };
    }
    session.progress.show(`${title}: ${building(status)}`);
    if (!(await session.pause(POLL_MS))) {
      session.print(
        `The replay of ${title} goes on without this command. Follow it again with "replay ${name}", end it with "cancel ${name}".`,
      );
      return undefined;
    }
  }
};

const titleOf = (name: string, { name: service }: Served): string => (service === undefined ? name : `${name} of ${service}`);

export const cancel = async (session: Session, name: string, service: string | undefined): Promise<void> => {
  const owners = await having(session, name, service);
  let refused: unknown;
  const cancelled: Served[] = [];
  for (const { served } of owners) {
    try {
      await session.client.delete(`${served.operations}/read-models/${encodeURIComponent(name)}/replay`);
      cancelled.push(served);
    } catch (error) {
      refused = error;
    }
  }
  // Of several services that have it only some may be replaying it.
  if (cancelled.length === 0) throw refused;
  session.result({ cancelled: name });
  for (const served of cancelled)
    session.print(`The replay of ${titleOf(name, served)} is given up; the present one goes on answering.`);
};

export const quarantined = async (session: Session): Promise<void> => {
  const found = await everywhere<Quarantined>(session, '/quarantine');
  session.result(found);
  if (found.length === 0) return session.print('Nothing is in quarantine.');
  session.print(
    tableOf(found, {
      head: ['read model', 'document', 'part', 'stream', 'error', 'revision'],
      texts: 5,
      row: ({ projection, document, part, stream, error, revision }) => [
        projection,
        document ?? '(the whole stream)',
        part ?? '',
        stream,
        error,
        String(revision),
      ],
    }),
  );
};

/** False: something still waits. */
export const retryQuarantined = async (
  session: Session,
  readModel: string | undefined,
  service: string | undefined,
): Promise<boolean> => {
  const owners =
    readModel !== undefined
      ? (await having(session, readModel, service)).map(({ served }) => served)
      : service === undefined
        ? await session.services()
        : [await session.service(service)];
  let [retried, remaining] = [0, 0];
  for (const { operations } of owners) {
    const { body } = await session.client.put<Retried>(
      `${operations}/quarantine/retry`,
      readModel === undefined ? {} : { readModel },
    );
    retried += body.retried;
    remaining += body.remaining;
  }
  session.result({ retried, remaining });
  session.print(`${count(retried, 'part')} folded again; ${count(remaining, 'part')} in quarantine.`);
  return remaining === 0;
};
