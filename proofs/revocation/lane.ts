import { setTimeout as sleep } from 'node:timers/promises';
import { BUNDLES } from '#libs/access-policy/roles';
import { type Answer, type LoadClient } from '../platform-process.ts';

/** Ways to be let in that somebody can take away. */
export const WAYS = ['link', 'role', 'membership', 'key', 'impersonation', 'delegated access', 'switch', 'session'] as const;
export type Way = (typeof WAYS)[number];

type Id = Readonly<{ id: string }>;
type Issued = Readonly<{ accessToken: string }>;
type Sessions = Readonly<{ items: readonly Readonly<{ id: string; isCurrent: boolean }>[] }>;
type Ask = Readonly<{ method?: string; body?: object; as?: string }>;

/** Somebody let in: with which token, and what takes it away again. */
type Grant = Readonly<{ token: string; revoke: (trial: Trial) => Promise<unknown> }>;

/** Nothing in `fault`: whoever was let in was refused as soon as it was to be. `afterMs`: how long they still got in, without a token. */
export type Tried = Readonly<{ fault: string | undefined; afterMs: number }>;

/** What a trial asks of each service in turn, below the customer. */
const PLACES = ['', '/contracts', '/bills?month=2026-01', '/data-sources', '/access'];
/** With amounts, which Support does not see. */
const AMOUNTS = '/bills?month=2026-01';
const REFUSED: ReadonlySet<number> = new Set([401, 403, 404]);

const POLL_MS = 5;
/** As long as a process waits for what a token names. */
const LONGEST_MS = 5_000;
const PATIENCE_MS = 10_000;

/** Requests that follow each other: what one has written the next one knows of, wherever it is answered. */
class Trial {
  readonly #client: LoadClient;
  readonly #operator: string;
  /** Of all answers so far; where all is one process there is none. */
  token = '';

  constructor(client: LoadClient, operator: string) {
    this.#client = client;
    this.#operator = operator;
  }

  /** As the operator, unless said otherwise. */
  async ask<Body>(path: string, { method = 'GET', body, as = this.#operator }: Ask = {}): Promise<Answer<Body>> {
    const answer = await this.#client.send<Body>({
      method,
      path: `/api/v1${path}`,
      ...(body === undefined ? {} : { body }),
      headers: { authorization: `Bearer ${as}`, ...(this.token === '' ? {} : { 'consistency-token': this.token }) },
    });
    this.token = String(answer.headers['consistency-token'] ?? this.token);
    return answer;
  }

  /** @throws Error when it is refused for good: who has not heard of somebody yet refuses them, too */
  async done<Body>(path: string, ask: Ask): Promise<Body> {
    for (const until = performance.now() + PATIENCE_MS; ; await sleep(POLL_MS)) {
      const { status, text, body } = await this.ask<Body>(path, ask);
      if (status < 300) return body;
      if ((status !== 503 && !REFUSED.has(status)) || performance.now() > until)
        throw new Error(`${ask.method ?? 'GET'} ${path}: ${String(status)} ${text}`);
    }
  }

  post<Body = Id>(path: string, body: object = {}, as?: string): Promise<Body> {
    return this.done<Body>(path, { method: 'POST', body, ...(as === undefined ? {} : { as }) });
  }
}

const passwordOf = (email: string): string => `the password of ${email}`;

/** A customer and those who come and go there, one trial after the other; lanes run beside each other. */
export class Lane {
  readonly #client: LoadClient;
  readonly #operator: string;
  #at = '';
  #accountId = '';
  /** Of the tenant above: comes in by a link, a switch or delegated access. */
  #guest = { id: '', token: '', email: '' };
  /** Of the customer, whose role and membership change. */
  #member = { id: '', token: '', email: '' };
  /** The customer's administrator. */
  #owner = { id: '', token: '', email: '' };
  /** Of the customer, who logs in and out. */
  #leaver = { id: '', token: '', email: '' };
  /** Of all that the lane consists of. */
  #consistency = '';
  #turn = 0;
  #logins = 0;

  private constructor(client: LoadClient, operator: string) {
    this.#client = client;
    this.#operator = operator;
  }

  /** @param operator access token */
  static async open(
    client: LoadClient,
    operator: string,
    {
      resellerId,
      name,
      consistency,
    }: Readonly<{ resellerId: string; name: string; /** Of the reseller. */ consistency: string }>,
  ): Promise<Lane> {
    const lane = new Lane(client, operator);
    const trial = new Trial(client, operator);
    trial.token = consistency;
    const customer = { tier: 'endCustomer', name: `Customer ${name}` };
    const { id } = await trial.post(`/tenants/${resellerId}/customers`, customer);
    lane.#at = `/tenants/${id}`;
    const user = async (below: string, who: string, role: string) => {
      const email = `${who}-${name}@example.com`;
      const added = await trial.post(`${below}/users`, { email, name: who, password: passwordOf(email), role });
      const { accessToken } = await trial.post<Issued>('/auth/login', { email, password: passwordOf(email) });
      return { id: added.id, token: accessToken, email };
    };
    lane.#guest = await user(`/tenants/${resellerId}`, 'guest', 'regular');
    lane.#member = await user(lane.#at, 'member', 'readOnly');
    lane.#owner = await user(lane.#at, 'owner', 'admin');
    lane.#leaver = await user(lane.#at, 'leaver', 'readOnly');
    const account = { name: 'System', permissions: [...BUNDLES.readOnly] };
    ({ id: lane.#accountId } = await trial.post(`${lane.#at}/service-accounts`, account));
    lane.#consistency = trial.token;
    return lane;
  }

  /**
   * Lets somebody in, sees that they get in, takes it away, and asks the very next thing as them. `tokened`: with the token of the
   * revoking answer, which every process has to have heard of before it answers; else over and over for as long as that may take.
   */
  async try(way: Way, tokened: boolean): Promise<Tried> {
    const place = way === 'role' ? AMOUNTS : (PLACES[this.#turn++ % PLACES.length] ?? '');
    const trial = new Trial(this.#client, this.#operator);
    trial.token = this.#consistency;
    const { token, revoke } = await this.#granted(way, trial);
    const asked = { as: token };
    await trial.done(this.#at + place, asked);
    await revoke(trial);
    if (!tokened) trial.token = '';
    const told = performance.now();
    for (;;) {
      const sent = performance.now() - told;
      const { status, text } = await trial.ask(this.#at + place, asked);
      if (REFUSED.has(status)) return { fault: undefined, afterMs: sent };
      const unknown = tokened && status === 503;
      if (!unknown && (tokened || sent > LONGEST_MS))
        return {
          fault: `${way}: GET ${place} was answered ${String(status)} ${sent.toFixed(0)} ms after it: ${text}`,
          afterMs: sent,
        };
      await sleep(POLL_MS);
    }
  }

  async #granted(way: Way, trial: Trial): Promise<Grant> {
    const member = `${this.#at}/users/${this.#member.id}`;
    switch (way) {
      case 'link':
        return { token: this.#guest.token, revoke: await this.#linked(trial) };
      case 'switch': {
        const revoke = await this.#linked(trial);
        const { accessToken } = await trial.done<Issued>(`${this.#at}/switch`, { method: 'PUT', as: this.#guest.token });
        return { token: accessToken, revoke };
      }
      case 'role':
        await this.#belongs(trial, member);
        return {
          token: this.#member.token,
          revoke: (then) => then.done(member, { method: 'PATCH', body: { role: 'support' } }),
        };
      case 'membership':
        await this.#belongs(trial, member);
        return { token: this.#member.token, revoke: (then) => then.post(`${member}/disable`) };
      case 'key':
        return this.#keyed(trial);
      case 'impersonation':
        return this.#impersonated(trial);
      case 'delegated access':
        return this.#delegated(trial);
      case 'session':
        return this.#loggedIn(trial);
    }
  }

  /** Whatever an earlier trial has taken from them. */
  async #belongs(trial: Trial, member: string): Promise<void> {
    await trial.post(`${member}/enable`);
    await trial.done(member, { method: 'PATCH', body: { role: 'readOnly' } });
  }

  /** Of a session of their own, or of all that they have. */
  async #loggedIn(trial: Trial): Promise<Grant> {
    const { email } = this.#leaver;
    const { accessToken } = await trial.post<Issued>('/auth/login', { email, password: passwordOf(email) });
    if (this.#logins++ % 2 === 0)
      return { token: accessToken, revoke: (then) => then.done('/auth/logout', { method: 'POST', as: accessToken }) };
    const { items } = await trial.done<Sessions>('/me/sessions', { as: accessToken });
    const { id = '' } = items.find(({ isCurrent }) => isCurrent) ?? {};
    return { token: accessToken, revoke: (then) => then.done(`/me/sessions/${id}`, { method: 'DELETE', as: accessToken }) };
  }

  async #linked(trial: Trial): Promise<Grant['revoke']> {
    const links = `${this.#at}/customer-links`;
    await trial.post(links, { userId: this.#guest.id, role: 'readOnly' });
    return (then) => then.done(`${links}/${this.#guest.id}`, { method: 'DELETE' });
  }

  async #keyed(trial: Trial): Promise<Grant> {
    const keys = `${this.#at}/service-accounts/${this.#accountId}/keys`;
    const { key, number } = await trial.post<Readonly<{ key: string; number: number }>>(keys);
    const { accessToken } = await trial.post<Issued>('/auth/service-token', { key });
    return { token: accessToken, revoke: (then) => then.done(`${keys}/${String(number)}`, { method: 'DELETE' }) };
  }

  async #impersonated(trial: Trial): Promise<Grant> {
    const begun = `${this.#at}/users/${this.#owner.id}/impersonation`;
    const { accessToken, impersonationId } = await trial.post<Issued & Readonly<{ impersonationId: string }>>(begun, {
      reason: 'A trial',
    });
    // By whoever acts, or by whoever watches over it.
    const byThemselves = this.#turn % 2 === 0;
    return {
      token: accessToken,
      revoke: (then) =>
        byThemselves
          ? then.post('/me/impersonation/end', {}, accessToken)
          : then.post(`${this.#at}/impersonations/${impersonationId}/end`),
    };
  }

  async #delegated(trial: Trial): Promise<Grant> {
    const accesses = `${this.#at}/delegated-accesses`;
    const asked = { userId: this.#guest.id, role: 'readOnly', hours: 1, reason: 'A trial' };
    const { id } = await trial.post(accesses, asked);
    await trial.post(`${accesses}/${id}/approve`, {}, this.#owner.token);
    return { token: this.#guest.token, revoke: (then) => then.post(`${accesses}/${id}/end`, {}, this.#owner.token) };
  }
}
