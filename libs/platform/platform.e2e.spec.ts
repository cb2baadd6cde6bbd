import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Inject, Module, Param, Post, Res, type Type } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Command } from '#libs/event-sourcing/command';
import { decider } from '#libs/event-sourcing/decider';
import { type Category, type CommandId, type DomainEvent, NO_STREAM } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { reactionCommand } from '#libs/messaging/reaction';
import { part, projection } from '#libs/read-models/projection';
import { type ReadModels } from '#libs/read-models/read-model';
import { openSqlite } from '#libs/sqlite/database';
import { StorageError } from '#libs/sqlite/storage-error';
import { systemClock } from '#libs/time/time';
import { distinctProjections, run, start } from './bootstrap.ts';
import { CommandOf, IfMatch } from './caller.ts';
import { withETag } from './reply.ts';
import { AnyUser, Public } from './requires.ts';
import { type Background, type ServiceDefinition } from './service.ts';
import { type HttpClient, startPlatform, type TestPlatform } from './testing/platform.ts';
import { EVENT_STORE, READ_MODELS } from './tokens.ts';
import { IsName } from './validation.ts';

type NoteEvent = DomainEvent<'NoteTaken', { id: string; text: string }>;
const taken = (id: string, text: string) => (): NoteEvent[] => [{ type: 'NoteTaken', data: { id, text } }];
const note = decider<string, NoteEvent>('notes.note', '', (_before, { data }) => data.text);
const echo = decider<string, NoteEvent>('notes.echo', '', (_before, { data }) => data.text);
const notes = projection({
  name: 'notes',
  version: 1,
  parts: {
    note: part<NoteEvent, string>('notes.note', { document: ({ data }) => data.id, evolve: (_before, { data }) => data.text }),
    echo: part<NoteEvent, string>('notes.echo', { document: ({ data }) => data.id, evolve: (_before, { data }) => data.text }),
  },
  row: (parts, id): { id: string; text: string; echo: string | null } | undefined =>
    parts.note === undefined ? undefined : { id, text: parts.note, echo: parts.echo ?? null },
  indexes: [],
});

class NoteInput {
  @IsName()
  text!: string;
}

/** Lets a test hold a request, and see that it is being answered. */
const gate = new EventEmitter();

@Controller('notes')
class NotesController {
  constructor(
    @Inject(EVENT_STORE) readonly store: EventStore,
    @Inject(READ_MODELS) readonly readModels: ReadModels,
  ) {}

  @Post(':id')
  @AnyUser()
  @ApiOperation({ summary: 'Take a note' })
  async take(
    @Param('id') id: string,
    @Body() { text }: NoteInput,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: number | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const { revision } = await handle(this.store, note, id, taken(id, text), { command });
    withETag(reply, revision);
    return {
      row: await this.readModels.of(notes).get(id),
      ifMatch: ifMatch ?? null,
      traceparent: command.traceparent,
      principal: command.principal,
    };
  }

  @Get('slow')
  @Public('a test')
  async slow(): Promise<string> {
    gate.emit('entered');
    await once(gate, 'open');
    return 'done';
  }

  @Get('never')
  @Public('a test')
  never(): Promise<string> {
    gate.emit('entered');
    return new Promise(() => undefined);
  }

  @Get('broken')
  @Public('a test')
  broken(): string {
    throw new Error('the password is hunter2');
  }

  @Get('full')
  @Public('a test')
  full(): string {
    throw new StorageError('full', '/secret/file');
  }

  @Get(':id')
  @AnyUser()
  one(@Param('id') id: string): Promise<unknown> {
    return this.readModels.of(notes).get(id);
  }
}

@Module({ controllers: [NotesController] })
class NotesModule {}

const service = (parts: Partial<ServiceDefinition> = {}): ServiceDefinition => ({
  name: 'notes',
  module: NotesModule,
  projections: [notes],
  consumers: ({ store }) => [
    {
      name: 'echo',
      categories: ['notes.note' as Category],
      onFailure: 'park',
      target: ({ stream }) => stream,
      handle: async (event) => {
        const { id, text } = event.data as NoteEvent['data'];
        const command = reactionCommand('echo', event, echo.stream(id));
        await handle(store, echo, id, taken(id, text.toUpperCase()), { command });
      },
    },
  ],
  ...parts,
});

describe('the shell of every service', () => {
  let platform: TestPlatform;
  let user: HttpClient;

  beforeAll(async () => {
    platform = await startPlatform([service()], { environment: { REQUEST_TIMEOUT_SECONDS: '1', BODY_LIMIT_KB: '2' } });
    user = await platform.asOperator();
  });

  afterAll(() => platform.close());

  it('shows what a command did in the very next query', async () => {
    for (let n = 0; n < 20; n++) {
      const { body } = await user.post<{ row: object }>('/notes/same', { text: `text ${String(n)}` });
      expect(body.row).toMatchObject({ text: `text ${String(n)}` });
      expect((await user.get('/notes/same')).body).toMatchObject({ text: `text ${String(n)}` });
    }
  });

  it('settles once reactions have nothing left to do', async () => {
    await user.post('/notes/echoed', { text: 'hello' });
    await platform.settled();
    expect((await user.get('/notes/echoed')).body).toEqual({ id: 'echoed', text: 'hello', echo: 'HELLO' });
  });

  it('answers a repeated command as the first time and carries revision, principal and trace', async () => {
    const headers = {
      'idempotency-key': 'k',
      'if-match': '"7"',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    };
    const first = await user.post<Record<string, unknown>>('/notes/keyed', { text: 'a' }, headers);
    expect(first.body).toMatchObject({ ifMatch: 7, traceparent: expect.stringContaining('4bf92f3577b34da6a3ce929d0e0e4736') });
    expect(first.headers.get('traceparent')).toContain('4bf92f3577b34da6a3ce929d0e0e4736');
    await user.post('/notes/keyed', { text: 'b' });
    const again = await user.post('/notes/keyed', { text: 'a' }, headers);
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect((await user.get('/notes/keyed')).body).toMatchObject({ text: 'b' });
    const another = await platform.asOperator();
    expect((await another.post('/notes/keyed', { text: 'c' }, headers)).headers.get('etag')).toBe('"2"');
  });

  it('names the methods that a path takes to whoever comes with another one, whatever the path names', async () => {
    await user.post('/notes/known', { text: 'a' });
    for (const id of ['known', 'unknown'])
      for (const client of [user, platform.http]) {
        const { status, body, headers } = await client.put(`/notes/${id}`, { text: 'a' });
        expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
        expect(body).toMatchObject({ code: 'method-not-allowed', detail: 'There is no PUT here, but GET, HEAD, POST.' });
        expect(headers.get('content-type')).toContain('application/problem+json');
        expect(headers.get('x-content-type-options')).toBe('nosniff');
      }
    expect((await platform.http.delete('/health/live')).headers.get('allow')).toBe('GET, HEAD');
    const unknown = await user.put('/no-such-notes', { text: 'a' });
    expect([unknown.status, unknown.headers.get('allow')]).toEqual([404, null]);
    expect((await user.get(`/notes/${'x'.repeat(400)}`)).status).not.toBe(405);
  });

  it('never tells what broke', async () => {
    const { status, body } = await platform.http.get('/notes/broken');
    expect([status, body]).toEqual([500, expect.objectContaining({ code: 'internal-error' })]);
    expect(JSON.stringify(body)).not.toContain('hunter2');
    const full = await platform.http.get('/notes/full');
    expect([full.status, full.body]).toEqual([507, expect.objectContaining({ code: 'storage-full' })]);
    expect(JSON.stringify(full.body)).not.toContain('secret');
  });

  it('gives up on an answer that does not come', async () => {
    const { status, body, headers } = await platform.http.get('/notes/never');
    expect([status, body]).toEqual([503, expect.objectContaining({ code: 'timed-out' })]);
    expect(headers.get('retry-after')).toBe('1');
  });

  it('reads bodies up to the limit', async () => {
    expect((await user.post('/notes/long', { text: 'x'.repeat(200) })).status).toBe(201);
    expect((await user.post('/notes/long', { text: 'x'.repeat(3_000) })).status).toBe(413);
  });

  it('tells browsers to trust nothing', async () => {
    const { headers } = await platform.http.get('/notes/broken');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
    const docs = await platform.http.get<string>('/api/docs');
    expect(docs.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(docs.body).toContain('swagger-ui');
  });

  it('answers what is no HTTP without falling over', async () => {
    const malformed = await new Promise<number | undefined>((resolve, reject) => {
      const asked = request(platform.url, { method: 'GET', path: '/%zz' }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on('error', reject);
      asked.end();
    });
    expect(malformed).toBe(400);
    expect((await platform.http.get('/health/live')).status).toBe(200);
  });
});

describe('starting', () => {
  const environment = { EVENT_STORE_URL: 'sqlite::memory:', READ_MODELS_URL: 'sqlite::memory:', PORT: '0', LOG_LEVEL: 'silent' };
  const refusal = async (services: readonly ServiceDefinition[], changes: Record<string, string> = {}): Promise<string> => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-'));
    try {
      const running = await start(services, { environment: { ...environment, DATA_DIR: dataDir, ...changes } });
      await running.stop();
      return 'it started';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  };
  const withController = (controller: Type): ServiceDefinition => {
    @Module({ controllers: [controller] })
    class AnyModule {}
    return service({ module: AnyModule });
  };

  it('is refused for a route that does not say who may call it', async () => {
    @Controller('open')
    class Open {
      @Get()
      all(): string {
        return 'everything';
      }
    }
    expect(await refusal([withController(Open)])).toBe(
      'These routes declare neither @Requires nor @AnyUser nor @Public: Open.all (GET open)',
    );
  });

  it('is refused for two different read models of one name', async () => {
    expect(await refusal([service(), service({ projections: [{ ...notes }] })])).toBe(
      'Two different read models are called "notes".',
    );
    expect(distinctProjections([service(), service()]).filter(({ name }) => name === 'notes')).toEqual([notes]);
  });

  it.each([
    [{ EVENT_STORE_URL: 'postgres://localhost' }, 'EVENT_STORE_URL: there is no adapter for "postgres:"; known: sqlite:, esdb:'],
    [{ MESSAGING_URL: 'amqp://broker' }, 'MESSAGING_URL: there is no adapter for "amqp:"; known: embedded:, kafka:'],
    [{ EVENT_STORE_URL: 'esdb://localhost' }, 'EVENT_STORE_URL: with MESSAGING_URL embedded: the log is a file'],
    [{ MESSAGING_URL: 'kafka:broker' }, 'READ_MODELS_URL: with MESSAGING_URL kafka:'],
    [{ MESSAGING_URL: 'kafka:broker' }, 'EVENT_STORE_URL: memory is not shared'],
    [{ READ_MODELS_URL: 'sqlite:other.db' }, 'READ_MODELS_URL: must be the same file as EVENT_STORE_URL'],
  ])('is refused for %j', async (changes, reason) => {
    expect(await refusal([service()], changes)).toContain(reason);
  });

  it('ends with exit code 1 and a readable reason', async () => {
    const said: string[] = [];
    const { write } = process.stderr;
    process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
    try {
      expect(await run([service()], { environment: { PORT: 'eighty', LOG_LEVEL: 'loud' } })).toBeUndefined();
    } finally {
      process.stderr.write = write;
    }
    expect(process.exitCode).toBe(1);
    process.exitCode = 0;
    expect(said.join('')).toMatch(/^The configuration has \d faults:\n {2}- PORT: .*\n/);
  });

  it('is refused while another process has the data', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-'));
    const first = await startPlatform([service()], { dataDir });
    try {
      await expect(startPlatform([service()], { dataDir })).rejects.toThrow('in use by another process');
    } finally {
      await first.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('is refused when a reaction has seen more than the log holds: an older log was put in place', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-'));
    const first = await startPlatform([service()], { dataDir });
    await (await first.asOperator()).post('/notes/one', { text: 'a note' });
    await first.settled();
    await first.close();
    const database = openSqlite(`sqlite:${join(dataDir, 'tributary.db')}`);
    database.exec('UPDATE consumers SET position = position + 100');
    database.close();
    try {
      await expect(startPlatform([service()], { dataDir })).rejects.toThrow(
        /"echo" has reached position 1\d\d.*delete the row "echo"/,
      );
      await expect(startPlatform([service()], { dataDir })).rejects.toBeInstanceOf(StorageError);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('is refused when two services say how one retired event type reads today', async () => {
    const retired: ServiceDefinition = service({ upcasters: { NoteJotted: taken } as never });
    expect(await refusal([retired, { ...retired, name: 'diary' }])).toBe(
      'Both notes and diary say how the retired event type "NoteJotted" reads today.',
    );
  });

  it('reads a retired event type in today’s language everywhere: in read models, reactions and decisions', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-'));
    const database = openSqlite(`sqlite:${join(dataDir, 'tributary.db')}`);
    const old = new SqliteEventStore(database);
    const metadata = { commandId: randomUUID() as CommandId, bodyHash: '', principal: { id: 'test' }, tenant: null };
    const jotted = [{ type: 'NoteJotted', data: { key: 'kept', words: 'from long ago' } }];
    await old.append(note.stream('kept'), jotted, NO_STREAM, { ...metadata, time: systemClock.now() });
    old.close();
    const today = ({ key, words }: { key: string; words: string }) => ({ type: 'NoteTaken', data: { id: key, text: words } });
    const platform = await startPlatform([service({ upcasters: { NoteJotted: today } })], { dataDir });
    try {
      await platform.settled();
      const { body } = await (await platform.asOperator()).get('/notes/kept');
      expect(body).toEqual({ id: 'kept', text: 'from long ago', echo: 'FROM LONG AGO' });
      expect((await present(platform.running.platform.store, note, 'kept')).state).toBe('from long ago');
    } finally {
      await platform.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('finds what was there before', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-'));
    const first = await startPlatform([service()], { dataDir });
    const user = await first.asOperator();
    await user.post('/notes/kept', { text: 'still here' });
    await first.close();
    const second = await startPlatform([service()], { dataDir });
    try {
      await second.settled();
      const { body } = await (await second.asOperator()).get('/notes/kept');
      expect(body).toEqual({ id: 'kept', text: 'still here', echo: 'STILL HERE' });
    } finally {
      await second.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe('ending', () => {
  let platform: TestPlatform | undefined;
  afterEach(() => platform?.close());

  it('lets requests under way finish, then background work, and takes no new ones', async () => {
    const order: string[] = [];
    const background: Background = {
      name: 'worker',
      run: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            order.push('background');
            resolve();
          });
        }),
    };
    platform = await startPlatform([service({ background: () => [background] })]);
    const entered = once(gate, 'entered');
    const answer = platform.http.get('/notes/slow').then(({ status }) => {
      order.push('request');
      return status;
    });
    await entered;
    const stopped = platform.running.stop();
    await new Promise((resume) => setImmediate(resume));
    gate.emit('open');
    expect(await answer).toBe(200);
    await stopped;
    expect(order).toEqual(['request', 'background']);
    await expect(platform.http.get('/health/live')).rejects.toThrow();
  });

  it('does not wait for ever', async () => {
    const stubborn: Background = { name: 'stubborn', run: () => new Promise(() => undefined) };
    platform = await startPlatform([service({ background: () => [stubborn] })], { environment: { SHUTDOWN_SECONDS: '1' } });
    const entered = once(gate, 'entered');
    const hanging = platform.http.get('/notes/never').catch(() => 'cut off');
    await entered;
    await platform.running.stop();
    expect(await hanging).toBe('cut off');
  });
});

describe('background work that fails', () => {
  it('makes the process not ready, and says which', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
    const failing: Background = { name: 'scheduler', run: () => Promise.reject(new Error('no more')) };
    const dataDir = await mkdtemp(join(tmpdir(), 'tributary-'));
    const running = await start([service({ background: () => [failing] })], {
      environment: { EVENT_STORE_URL: 'sqlite::memory:', READ_MODELS_URL: 'sqlite::memory:', PORT: '0', DATA_DIR: dataDir },
      log,
    });
    try {
      const answer = await fetch(`${running.url}/health/ready`);
      expect([answer.status, await answer.json()]).toEqual([
        503,
        { status: 'not-ready', reasons: ['background work scheduler has failed'], warnings: [] },
      ]);
      expect(lines.join('')).toContain('no more');
    } finally {
      await running.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
