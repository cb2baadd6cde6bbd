import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The folders whose `*.int.spec.ts` need an engine, and the variable that says where it is. */
const ENGINES = {
  'event-store': { variable: 'EVENT_STORE_URL', folders: ['libs/event-sourcing/'], schemes: ['esdb:', 'esdb+discover:'] },
  messaging: { variable: 'MESSAGING_URL', folders: ['libs/messaging/', 'libs/wire/'], schemes: ['kafka:'] },
  'read-models': {
    variable: 'READ_MODELS_URL',
    folders: ['libs/read-models/', 'libs/leases/'],
    schemes: ['mongodb:', 'mongodb+srv:'],
  },
} as const;
type Engine = keyof typeof ENGINES;

const USAGE = `Usage: npm run test:engines [-- ${Object.keys(ENGINES).join('|')}…] [-- --jest-option…]

Runs the suites that need an engine (*.int.spec.ts), one after another: of the engines named, or of all.
`;

const isEngine = (text: string): text is Engine => Object.hasOwn(ENGINES, text);

/** Why the engine cannot be tested; undefined when it is given. */
const missing = (engine: Engine): string | undefined => {
  const { variable, schemes } = ENGINES[engine];
  const url = process.env[variable] ?? '';
  if (url === '') return `${engine}: ${variable} is not set.`;
  if (!schemes.some((scheme) => url.startsWith(scheme)))
    return `${engine}: ${variable} must begin with ${schemes.join(' or ')}, not "${url}".`;
  return undefined;
};

const words = process.argv.slice(2);
const jestOptions = words.filter((word) => word.startsWith('-'));
const named = words.filter((word) => !word.startsWith('-'));
const unknown = named.filter((word) => !isEngine(word));
if (unknown.length > 0) {
  process.stderr.write(`There is no engine ${unknown.join(', ')}.\n\n${USAGE}`);
  process.exit(2);
}
const engines = named.length > 0 ? named.filter(isEngine) : (Object.keys(ENGINES) as Engine[]);
const faults = engines.map(missing).filter((fault) => fault !== undefined);
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n"npm run engines:up" starts what can be started here and prints the variables.\n`);
  process.exit(1);
}
const jest = spawn(
  process.execPath,
  [
    ...['--experimental-vm-modules', '--no-warnings', join('node_modules', 'jest', 'bin', 'jest.js')],
    ...['--config', 'jest.engines.config.js', '--runInBand', ...jestOptions],
    ...engines.flatMap((engine) => ENGINES[engine].folders),
  ],
  { stdio: 'inherit' },
);
const [code] = (await once(jest, 'exit')) as [number | null];
process.exit(code ?? 1);
