import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tokenOf, writtenIn } from '#libs/messaging/consistency-token';

/** A refusal of the platform, with its problem+json as it came. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** When to try again, as the platform says. */
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

/** No answer at all: nobody listens at the address, or it is none. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** The connection could not be made or broke: the process at its other end may have gone, and another one be there soon. */
class Disconnected extends Unreachable {}

export type Json = Readonly<Record<string, unknown>>;

/** `body` is read once. */
export type Streamed = Readonly<{ headers: Headers; body: AsyncIterable<Uint8Array> }>;

type Answer<T> = Readonly<{ body: T; etag: string | null }>;

const TIMEOUT_MS = 60_000;
const UPLOAD_TIMEOUT_MS = 30 * 60_000;
/** So long a process that was killed may take to come back. */
const PERSISTENCE_MS = 20_000;
const RETRY_AFTER_SECONDS = 0.5;
const CONSISTENCY_TOKEN = 'consistency-token';

/**
 * The public HTTP API as one signed-in user. Every command's `Idempotency-Key` is derived from what it says, so saying the same again
 * changes nothing; it and every question are said again while the platform is away for a moment. What was written is seen by whatever
 * is asked afterwards, whichever process answers.
 */
export class PlatformClient {
  readonly #address: string;
  readonly #patienceMs: number;
  readonly #persistenceMs: number;
  #consistency = '';
  #credentials: Readonly<{ email: string; password: string }> | undefined;
  #token = '';
  #tokenEnds = 0;

  /**
   * `patienceMs`: how long an answer, or a piece of a long one, may take. `persistenceMs`: for how long what may be said again is
   * said again.
   */
  constructor(address: string, patienceMs = TIMEOUT_MS, persistenceMs = PERSISTENCE_MS) {
    this.#address = address.replace(/\/+$/, '');
    this.#patienceMs = patienceMs;
    this.#persistenceMs = persistenceMs;
  }

  async login(email: string, password: string): Promise<void> {
    this.#credentials = { email, password };
    this.#token = '';
    const { body } = await this.#request<{ accessToken: string; expiresAt: string }>(
      'POST',
      '/auth/login',
      this.#credentials,
      {},
    );
    this.#token = body.accessToken;
    this.#tokenEnds = Date.parse(body.expiresAt);
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.#request<T>('GET', path, undefined, {});
  }

  /** `key` names the wish beside its path and body, where two equal ones may be meant. */
  post<T>(path: string, body: Json, key = ''): Promise<Answer<T>> {
    return this.#request<T>('POST', path, body, { 'idempotency-key': keyOf(path, JSON.stringify(body), key) });
  }

  put<T>(path: string, body: Json, headers: Readonly<Record<string, string>> = {}): Promise<Answer<T>> {
    return this.#request<T>('PUT', path, body, { 'idempotency-key': keyOf(path, JSON.stringify(body), ''), ...headers });
  }

  async delete(path: string): Promise<void> {
    await this.#request('DELETE', path, undefined, {});
  }

  /**
   * An answer that is too long for memory. Its body may take as long as it takes, but never longer from one piece to the next than
   * an answer may: then reading it throws. @throws Refused, Unreachable
   */
  async stream(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Streamed> {
    const stalled = new AbortController();
    const stall = (): void => {
      const seconds = String(Math.round(this.#patienceMs / 1_000));
      stalled.abort(
        new Unreachable(`${this.#address} has sent nothing more for ${seconds} s. Repeat the command: it goes on from there.`),
      );
    };
    let timer = setTimeout(stall, this.#patienceMs);
    try {
      const response = await this.#persistently(true, async () => {
        const begun = await this.#send('GET', path, undefined, headers, stalled.signal);
        if (!begun.ok) throw refusalOf('GET', path, begun, await begun.text());
        return begun;
      });
      const pieces = async function* (patienceMs: number): AsyncGenerator<Uint8Array> {
        try {
          for await (const piece of response.body ?? []) {
            clearTimeout(timer);
            yield piece;
            timer = setTimeout(stall, patienceMs);
          }
        } catch (error) {
          throw stalled.signal.aborted ? stalled.signal.reason : error;
        } finally {
          clearTimeout(timer);
        }
      };
      return { headers: response.headers, body: pieces(this.#patienceMs) };
    } catch (error) {
      clearTimeout(timer);
      throw stalled.signal.aborted ? stalled.signal.reason : error;
    }
  }

  async upload<T>(
    path: string,
    fields: Readonly<Record<string, string>>,
    files: readonly string[],
    key: string,
  ): Promise<Answer<T>> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    for (const file of files) form.append('files', await openAsBlob(file), basename(file));
    return this.#request<T>('POST', path, form, { 'idempotency-key': keyOf(path, JSON.stringify(fields), key) });
  }

  /** Every item of a paged list. */
  async list<T>(path: string): Promise<readonly T[]> {
    const items: T[] = [];
    const separator = path.includes('?') ? '&' : '?';
    for (let cursor: string | null = ''; cursor !== null;) {
      const next = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Answer<{ items: readonly T[]; nextCursor: string | null }> = await this.get(
        `${path}${separator}limit=500${next}`,
      );
      items.push(...page.body.items);
      cursor = page.body.nextCursor;
    }
    return items;
  }

  async #request<T>(
    method: string,
    path: string,
    body: Json | FormData | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer<T>> {
    const patience = body instanceof FormData ? UPLOAD_TIMEOUT_MS : this.#patienceMs;
    return this.#persistently(method === 'GET' || 'idempotency-key' in headers, async () => {
      const response = await this.#send(method, path, body, headers, AbortSignal.timeout(patience));
      const text = await response.text().catch((error: unknown) => {
        throw this.#silence(error);
      });
      if (!response.ok) throw refusalOf(method, path, response, text);
      return { body: (text === '' ? {} : JSON.parse(text)) as T, etag: response.headers.get('etag') };
    });
  }

  /** Again and again while the platform is away for a moment, where that does no harm. */
  async #persistently<T>(harmless: boolean, request: () => Promise<T>): Promise<T> {
    const until = performance.now() + this.#persistenceMs;
    for (;;) {
      try {
        return await request();
      } catch (error) {
        const away = error instanceof Disconnected || (error instanceof Refused && [502, 503].includes(error.status));
        const seconds = (error instanceof Refused ? error.retryAfterSeconds : undefined) ?? RETRY_AFTER_SECONDS;
        if (!away || !harmless || performance.now() + seconds * 1_000 > until) throw error;
        await sleep(seconds * 1_000);
      }
    }
  }

  async #send(
    method: string,
    path: string,
    body: Json | FormData | undefined,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    if (this.#credentials && this.#token !== '' && this.#tokenEnds - Date.parse(new Date().toISOString()) < TIMEOUT_MS) {
      await this.login(this.#credentials.email, this.#credentials.password);
    }
    const upload = body instanceof FormData;
    const response = await fetch(`${this.#address}/api/v1${path}`, {
      method,
      headers: {
        ...headers,
        ...(this.#token === '' ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(this.#consistency === '' ? {} : { [CONSISTENCY_TOKEN]: this.#consistency }),
        ...(body === undefined || upload ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: upload ? body : JSON.stringify(body) }),
      signal,
    }).catch((error: unknown) => {
      throw this.#silence(error);
    });
    this.#remember(response.headers.get(CONSISTENCY_TOKEN));
    return response;
  }

  /** Of answers that came at the same time none knows what the other wrote. */
  #remember(token: string | null): void {
    if (token === null || token === this.#consistency) return;
    this.#consistency = tokenOf(...(writtenIn(this.#consistency) ?? []), ...(writtenIn(token) ?? []));
  }

  #silence(error: unknown): Unreachable {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const message = `${this.#address} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`;
    // Whoever was waited for too long, and what is no address, will do no better the next time.
    return isLost(error) && URL.canParse(this.#address) ? new Disconnected(message) : new Unreachable(message);
  }
}

/** By its name: in tests `fetch` throws errors of another realm. */
const isLost = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'name' in error && error.name === 'TypeError';

const keyOf = (...parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

const refusalOf = (method: string, path: string, { status, headers }: Response, text: string): Refused => {
  let problem: { code?: string; detail?: string; title?: string; errors?: readonly { path: string; message: string }[] } = {};
  try {
    problem = JSON.parse(text) as typeof problem;
  } catch {
    // Not a problem document: what came stands in the message.
  }
  const reason = problem.detail ?? problem.title ?? text.slice(0, 200);
  const fields = (problem.errors ?? [])
    .map((error) => `${error.path}: ${error.message}`)
    .filter((field) => !reason.includes(field))
    .map((field) => `\n    ${field}`)
    .join('');
  return new Refused(
    status,
    problem.code ?? '',
    `${reason}${fields}\n    (${method} ${path} → ${[String(status), problem.code ?? ''].join(' ').trim()})`,
    retryAfterIn(headers),
  );
};

const retryAfterIn = (headers: Headers): number | undefined => {
  const seconds = headers.get('retry-after') ?? '';
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) : undefined;
};
