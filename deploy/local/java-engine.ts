import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as timeout } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const LOOK_AGAIN_MS = 100;

/** A server in a Java process of its own, which outlives the command that started it. */
export type JavaEngine = Readonly<{
  name: string;
  /** Its downloads, data, output and process id. */
  folder: string;
  /** Arguments of `java` behind the class path. */
  arguments: readonly string[];
  answers: () => Promise<boolean>;
}>;

const pidFile = ({ folder }: Pick<JavaEngine, 'folder'>): string => join(folder, 'pid');
const output = ({ folder }: Pick<JavaEngine, 'folder'>): string => join(folder, 'output.log');

/** Libraries named by `pom`, fetched by Maven once: a folder that is there is whole. */
export const fetchJars = async (pom: string, folder: string): Promise<string> => {
  const jars = join(folder, 'lib');
  if (existsSync(jars)) return jars;
  const begun = `${jars}.${String(process.pid)}`;
  await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${resolve(begun)}`]);
  renameSync(begun, jars);
  return jars;
};

/** Runs a Java class to its end and gives what it printed. */
export const runJava = async (jars: string, ...args: readonly string[]): Promise<string> =>
  (await run('java', ['-cp', join(jars, '*'), ...args])).stdout.trim();

/** The process id of the engine; undefined when it does not run. A process that took over its id is not taken for it. */
export const pidOf = (engine: Pick<JavaEngine, 'folder'>): number | undefined => {
  if (!existsSync(pidFile(engine))) return undefined;
  const pid = Number(readFileSync(pidFile(engine), 'utf8'));
  return commandOf(pid).includes(resolve(engine.folder)) ? pid : undefined;
};

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
  } catch {
    return '';
  }
};

/** Starts the engine detached and waits until it answers. @throws Error with the end of its output when it does not */
export const startJava = async (engine: JavaEngine, jars: string): Promise<void> => {
  mkdirSync(engine.folder, { recursive: true });
  const written = openSync(output(engine), 'w');
  const child = spawn('java', ['-cp', join(resolve(jars), '*'), ...engine.arguments], {
    detached: true,
    stdio: ['ignore', written, written],
  });
  closeSync(written);
  child.unref();
  writeFileSync(pidFile(engine), String(child.pid));
  const until = performance.now() + START_TIMEOUT_MS;
  while (!(await engine.answers())) {
    if (child.exitCode !== null || performance.now() > until)
      throw new Error(`${engine.name} does not answer:\n${readFileSync(output(engine), 'utf8').slice(-2_000)}`);
    await timeout(LOOK_AGAIN_MS);
  }
};

/** Ends the engine, if it runs. */
export const stopJava = async (engine: Pick<JavaEngine, 'folder'>): Promise<boolean> => {
  const pid = pidOf(engine);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGTERM');
  const until = performance.now() + STOP_TIMEOUT_MS;
  while (pidOf(engine) !== undefined) {
    if (performance.now() > until) process.kill(pid, 'SIGKILL');
    await timeout(LOOK_AGAIN_MS);
  }
  rmSync(pidFile(engine), { force: true });
  return true;
};

/** A port of this host that nobody listens on now. */
export const freePort = (): Promise<number> =>
  new Promise((found, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') failed(new Error('No port is free.'));
        else found(address.port);
      });
    });
  });

/** Whether somebody accepts connections there. */
export const listens = (port: number): Promise<boolean> =>
  new Promise((resolved) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolved(true);
    });
    socket.on('error', () => {
      resolved(false);
    });
  });
