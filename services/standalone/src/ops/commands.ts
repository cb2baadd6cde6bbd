import { parseArgs } from 'node:util';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { ConfigurationFault } from '#libs/platform/configuration';
import { StorageError } from '#libs/sqlite/storage-error';
import { givenCredentials, keptCredentials, NoCredentials, typed } from '../credentials.ts';
import { PlatformClient, Refused, Unreachable } from '../platform-client.ts';
import { backup, restore } from './backup.ts';
import { exportLog } from './export-log.ts';
import { drop, parked, reactions, retryParked } from './reactions.ts';
import { cancel, projections, quarantined, replay, retryQuarantined } from './read-models.ts';
import { republish } from './republish.ts';
import { Failed, Session } from './session.ts';

const USAGE = `What an operator does about a running platform.

  npm run ops -- COMMAND [--against URL] [--data DIR] [--service NAME] [--json]

  projections                 how far each read model is
  replay NAME | --all         builds a read model anew from the log, and follows it; the present one answers meanwhile
  cancel NAME                 gives a replay up
  quarantined                 events that a read model could not fold
  retry [READ-MODEL]          folds again what is in quarantine, of one read model or of all
  reactions                   how far each reaction is, and why one does not get on
  parked [REACTION]           messages that reactions have set aside
  retry --reaction NAME [--target TARGET]
                              delivers parked messages again, in order
  drop REACTION EVENT         gives a parked message up for good
  backup FILE [--keep]        takes a backup while the platform works, and downloads it; --keep leaves it there, too
  restore FILE [--replace]    puts a backup into the data directory while no platform runs on it; --replace moves aside what is there
  export-log FILE             writes the log as JSON lines, or goes on after the last one in FILE
  republish [--from POSITION] publishes the events of a service's log again; whoever had them passes them by

  --against URL  the platform; default: http://127.0.0.1:8080
  --data DIR     the data directory: credentials of create-admin, and where restore puts the data; default: DATA_DIR or ./data
  --service NAME where the services are processes of their own: the one that is meant. Needed for backup, restore, export-log and
                 republish; replay, cancel and retry take every service that has the read model, unless one is named
  --json         the result for programs

  The user is TRIBUTARY_USER with TRIBUTARY_PASSWORD, else the administrator of create-admin.
  Exit codes: 0 done, 1 failed, 2 not understood, 130 interrupted.
`;

/** Where results and refusals go, as text with its line ends. */
export type Streams = Readonly<{ out: (text: string) => void; err: (text: string) => void }>;

class Misunderstood extends Error {
  override readonly name = 'Misunderstood';
}

const OPTIONS = {
  against: { type: 'string' },
  data: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  all: { type: 'boolean' },
  reaction: { type: 'string' },
  target: { type: 'string' },
  keep: { type: 'boolean' },
  replace: { type: 'boolean' },
  service: { type: 'string' },
  from: { type: 'string' },
} as const;

type Values = ReturnType<typeof parsed>['values'];

/** False: it did not get to the end of it, since something remains or Ctrl-C came. */
type Command = Readonly<{
  /** Least and most arguments. */
  takes: readonly [number, number];
  options?: readonly (keyof Values)[];
  offline?: true;
  run: (session: Session, args: readonly string[], values: Values) => Promise<unknown>;
}>;

const text = (args: readonly string[], index: number): string => {
  const found = args[index];
  if (found === undefined) throw new Misunderstood('an argument is missing');
  return found;
};

const dataDirOf = (values: Values): string => typed(values.data ?? process.env['DATA_DIR'] ?? 'data');

const addressOf = ({ against = 'http://127.0.0.1:8080' }: Values): string => {
  if (!/^https?:\/\//i.test(against) || !URL.canParse(against))
    throw new Misunderstood(`"${against}" is no address (http://HOST:PORT)`);
  return against;
};

const COMMANDS: Readonly<Record<string, Command>> = {
  projections: { takes: [0, 0], run: projections },
  replay: {
    takes: [0, 1],
    options: ['all', 'service'],
    run: (session, args, { all = false, service }) => {
      if (all === args.length > 0) throw new Misunderstood('replay takes the name of one read model, or --all');
      return replay(session, all ? 'all' : text(args, 0), service);
    },
  },
  cancel: {
    takes: [1, 1],
    options: ['service'],
    run: (session, args, { service }) => cancel(session, text(args, 0), service),
  },
  quarantined: { takes: [0, 0], run: quarantined },
  retry: {
    takes: [0, 1],
    options: ['reaction', 'target', 'service'],
    run: (session, args, { reaction, target, service }) => {
      if (reaction === undefined && target !== undefined) throw new Misunderstood('--target belongs to a --reaction');
      if (reaction === undefined) return retryQuarantined(session, args[0], service);
      if (args.length > 0) throw new Misunderstood('retry takes the name of a read model or a --reaction, not both');
      return retryParked(session, reaction, target);
    },
  },
  reactions: { takes: [0, 0], run: reactions },
  parked: { takes: [0, 1], run: (session, args) => parked(session, args[0]) },
  drop: {
    takes: [2, 2],
    run: (session, args) => drop(session, text(args, 0), text(args, 1)),
  },
  backup: {
    takes: [1, 1],
    options: ['keep', 'service'],
    run: (session, args, { keep = false, service }) => backup(session, typed(text(args, 0)), keep, service),
  },
  restore: {
    takes: [1, 1],
    options: ['replace', 'service'],
    offline: true,
    run: (session, args, values) => {
      const { replace = false, service } = values;
      if (service !== undefined && !/^[a-z]+(-[a-z]+)*$/.test(service)) throw new Misunderstood(`"${service}" is no service`);
      if (service !== undefined && replace)
        throw new Misunderstood('--replace moves aside what all services share: not with --service');
      return restore(session, typed(text(args, 0)), { dataDir: dataDirOf(values), replace, service });
    },
  },
  'export-log': {
    takes: [1, 1],
    options: ['service'],
    run: (session, args, { service }) => exportLog(session, typed(text(args, 0)), service),
  },
  republish: {
    takes: [0, 0],
    options: ['service', 'from'],
    run: (session, _args, { service, from }) => {
      if (from !== undefined && !/^[1-9]\d{0,14}$/.test(from)) throw new Misunderstood(`"${from}" is no position`);
      return republish(session, service, from === undefined ? undefined : Number(from));
    },
  },
};

const EVERYWHERE: readonly (keyof Values)[] = ['against', 'data', 'json', 'help'];

const parsed = (argv: readonly string[]) => parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });

const ask = (argv: readonly string[]): ReturnType<typeof parsed> => {
  try {
    return parsed(argv);
  } catch (error) {
    throw new Misunderstood(error instanceof Error ? error.message : String(error));
  }
};

const run = async (argv: readonly string[], interrupted: AbortSignal, out: Streams['out']): Promise<number> => {
  const {
    values,
    positionals: [name, ...args],
  } = ask(argv);
  if (values.help) {
    out(USAGE);
    return 0;
  }
  if (name === undefined) throw new Misunderstood('a command is missing');
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new Misunderstood(`there is no command "${name}"`);
  const [least, most] = command.takes;
  if (args.length < least || args.length > most)
    throw new Misunderstood(
      `${name} takes ${least === most ? String(least) : `${String(least)} to ${String(most)}`} argument(s)`,
    );
  const [foreign] = Object.keys(values).filter(
    (option) => ![...EVERYWHERE, ...(command.options ?? [])].some((known) => known === option),
  );
  if (foreign !== undefined) throw new Misunderstood(`${name} has no option --${foreign}`);

  const client = new PlatformClient(addressOf(values));
  const session = new Session(client, values.json ?? false, interrupted, out);
  if (!command.offline) {
    const { user, password } = givenCredentials() ?? (await keptCredentials(dataDirOf(values)));
    await client.login(user, password);
  }
  try {
    const done = await command.run(session, args, values);
    if (interrupted.aborted && done === false) return 130;
    return done === false ? 1 : 0;
  } finally {
    session.progress.end();
  }
};

const EXPECTED = [ConfigurationFault, DomainError, Failed, NoCredentials, Refused, StorageError, Unreachable];

/** Runs one command; resolves with its exit code, whatever happens. */
export const ops = async (argv: readonly string[], interrupted: AbortSignal, { out, err }: Streams): Promise<number> => {
  try {
    return await run(argv, interrupted, out);
  } catch (error) {
    if (error instanceof Misunderstood) {
      err(`${error.message}\n\n${USAGE}`);
      return 2;
    }
    const expected = EXPECTED.some((kind) => error instanceof kind);
    err(`${error instanceof Error ? (expected ? error.message : (error.stack ?? error.message)) : String(error)}\n`);
    return 1;
  }
};
