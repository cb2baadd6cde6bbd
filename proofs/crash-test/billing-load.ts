import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { FormData } from 'undici';
import { type LoadClient } from '../platform-process.ts';
import { type Random } from '../random.ts';
import { asked, etagAfter } from './customer.ts';
import { type Acknowledged, Contradiction, type Desk, type Witness } from './desk.ts';
import { focusFile, totalOf, usageOf } from './delivery.ts';
import { type Figures, type Inputs, isOneOf, type Role } from './expected-figures.ts';
import { termsOf } from './terms.ts';

export type BilledTree = Readonly<{
  managementAccountId: string;
  dataSourceId: string;
  tenants: Readonly<Record<Role, string>>;
  /** Of the first customer, at version 1. */
  contract: Readonly<{ id: string; etag: string }>;
  month: string;
}>;

type Bill = Readonly<{
  tenantId: string;
  revision: number;
  state: 'current' | 'applying';
  figures: readonly Figures[];
  contracts: readonly Readonly<{ tenantId: string; version: number }>[];
  imports: readonly Readonly<{ importId: string }>[];
}>;
type Bills = Readonly<{ items: readonly Bill[] }>;
type ImportPage = Readonly<{ body: Readonly<{ items: readonly ImportAnswer[]; total: number; nextCursor: string | null }> }>;
type ImportAnswer = Readonly<{
  id: string;
  tenantId: string;
  status: string;
  format: string;
  requestedAt: string;
  files: unknown;
  rows: number | null;
  problems: unknown;
  slices: readonly Readonly<{ billedCost: readonly Readonly<{ amount: string }>[] }>[];
}>;

/** What the load knew when it asked for bills: nothing older may be called current. */
type Known = Readonly<{ version: number; moves: number }>;
type Look = Readonly<{ bills: readonly Bill[]; before: Known; movesAfter: number }>;

const WATCH_EVERY_MS = 15;
const IMPORT_LOOK_MS = 10;

/** An import runs on, so only what was asked for stays as it was. */
const requestOf = (body: unknown): unknown => {
  const { id, tenantId, requestedAt, files } = body as ImportAnswer;
  return { id, tenantId, requestedAt, files };
};

/**
 * One tree's month, delivered again and again while a contract changes and an account moves: each delivery, version and move gives
 * totals of its own, and each bill names what it was made from, so every total seen must be exactly one of the known ones.
 */
export class BilledMonth implements Witness {
  /** Bills that were compared with what their inputs give. */
  compared = 0;
  deliveries = 0;
  readonly #imports = new Map<string, number>();
  readonly #looks: Look[] = [];
  readonly #reached = new Map<string, Readonly<{ revision: number; delivery: number; version: number }>>();
  #version = 1;
  #possibleVersion = 1;
  #etag: string;
  #moves = 0;
  #possibleMoves = 0;
  #possibleDeliveries = 0;

  constructor(
    private readonly desk: Desk,
    private readonly random: Random,
    private readonly tree: BilledTree,
  ) {
    this.#etag = tree.contract.etag;
  }

  /** Uploads the next delivery and waits until it is imported, whatever happens meanwhile. */
  async deliver(): Promise<void> {
    await this.#imported(await this.upload());
  }

  /** Uploads the next delivery; answers its import. */
  async upload(): Promise<string> {
    const { managementAccountId, month, tenants } = this.tree;
    const usage = usageOf(this.deliveries + 1);
    const form = new FormData();
    form.append('format', 'focus');
    const expected = [{ managementAccountId, month, billedCost: String(totalOf(usage)) }];
    form.append('expected', JSON.stringify(expected));
    form.append('files', new Blob([focusFile(usage, { managementAccountId, month }, this.random)]), 'usage.csv');
    this.#possibleDeliveries = this.deliveries + 1;
    const path = `/tenants/${tenants.distributor}/imports`;
    const order = { request: { method: 'POST', path: `/api/v1${path}/upload`, form }, accepts: [202], lasting: requestOf };
    const { body } = await this.desk.command([this], order);
    const { id } = body as ImportAnswer;
    this.deliveries += 1;
    this.#imports.set(id, this.deliveries);
    return id;
  }

  async #imported(id: string): Promise<void> {
    for (;;) {
      const path = `/tenants/${this.tree.tenants.distributor}/imports`;
      const { status, text, body: found } = await this.desk.ask<ImportAnswer>(`${path}/${id}`);
      if (status !== 200) throw new Contradiction(`acknowledged import ${id}: ${String(status)} ${text}`);
      if (found.status === 'finished') return;
      if (found.status === 'failed' || found.status === 'cancelled') throw new Contradiction(`import ${id} ended badly: ${text}`);
      await pause(IMPORT_LOOK_MS);
    }
  }

  async reprice(): Promise<void> {
    const { tenants, contract } = this.tree;
    this.#possibleVersion = this.#version + 1;
    const request = {
      method: 'PUT',
      path: `/api/v1/tenants/${tenants.first}/contracts/${contract.id}`,
      body: { ...termsOf(this.#possibleVersion), effectiveFrom: '2026-01-01' },
      headers: { 'if-match': this.#etag },
    };
    const answer = await this.desk.command([this], { request, accepts: [200] });
    if (answer.etag !== etagAfter(this.#etag))
      throw new Contradiction(`contract ${contract.id} is at ${answer.etag ?? ''} after ${this.#etag}`);
    this.#etag = answer.etag;
    this.#version = this.#possibleVersion;
  }

  async move(): Promise<void> {
    this.#possibleMoves = this.#moves + 1;
    await linked(this.desk, [this], this.tree, holderAfter(this.#possibleMoves), 'moving');
    this.#moves = this.#possibleMoves;
  }

  /** Looks at the bills of the whole tree once. */
  async watch(): Promise<void> {
    const before = this.#known();
    const { distributor } = this.tree.tenants;
    const { status, text, body } = await this.desk.ask<Bills>(
      `/tenants/${distributor}/bills?scope=subtree&month=${this.tree.month}`,
    );
    if (status !== 200) throw new Contradiction(`bills of ${distributor}: ${String(status)} ${text}`);
    this.#looks.push({ bills: body.items, before, movesAfter: this.#possibleMoves });
    await pause(WATCH_EVERY_MS);
  }

  /** How often the first customer's bill was made, as far as was seen and judged. */
  get ratings(): number {
    return (this.#reached.get(this.tree.tenants.first)?.revision ?? -1) + 1;
  }

  /** Judges what was seen; to be called while no command is under way or all imports under way are known. */
  judge(): readonly string[] {
    const faults: string[] = [];
    const left: Look[] = [];
    for (const look of this.#looks) {
      // The answer to an upload may be later than the bills that it gives.
      if (look.bills.some(({ imports }) => imports.some(({ importId }) => !this.#imports.has(importId)))) left.push(look);
      else faults.push(...look.bills.flatMap((bill) => this.#faultOf(bill, look) ?? []), ...mixed(look.bills));
    }
    const uploading = this.#possibleDeliveries > this.deliveries;
    if (left.length > 0 && !uploading)
      faults.push(`${String(left.length)} times bills came from an import that was never asked for`);
    this.#looks.splice(0, Infinity, ...(uploading ? left : []));
    return faults;
  }

  /** The contract and the imports, as acknowledged. */
  async faults(line: LoadClient): Promise<readonly string[]> {
    const { tenants, contract } = this.tree;
    const faults: string[] = [];
    const { body, etag } = await asked<{ version: number }>(line, `/tenants/${tenants.first}/contracts/${contract.id}`);
    const isSettled = body.version === this.#version && etag === this.#etag;
    const isPossible = body.version === this.#possibleVersion && etag === etagAfter(this.#etag);
    if (!isSettled && !(this.#possibleVersion > this.#version && isPossible))
      faults.push(
        `contract ${contract.id} is at version ${String(body.version)} ${etag}, acknowledged ${String(this.#version)} ${this.#etag}`,
      );
    const listed = new Map<string, ImportAnswer>();
    let total = 0;
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: ImportPage = await asked(line, `/tenants/${tenants.distributor}/imports?limit=500${cursor}`);
      for (const one of page.body.items) listed.set(one.id, one);
      total = page.body.total;
      cursor = page.body.nextCursor === null ? null : `&cursor=${encodeURIComponent(page.body.nextCursor)}`;
    }
    const missing = [...this.#imports.keys()].filter((id) => !listed.has(id));
    if (missing.length > 0) faults.push(`${String(missing.length)} acknowledged imports are not listed`);
    if (total < this.deliveries || total > this.#possibleDeliveries)
      faults.push(`${String(total)} imports are listed, ${String(this.deliveries)} were acknowledged`);
    for (const [id, n] of this.#imports) {
      const amount = listed.get(id)?.slices[0]?.billedCost[0]?.amount;
      if (amount !== undefined && amount !== String(totalOf(usageOf(n)))) faults.push(`import ${id} came to ${amount}`);
    }
    return faults;
  }

  /** At rest: the bills are current and those of the last acknowledged delivery, version and move. */
  async faultsAtRest(line: LoadClient): Promise<readonly string[]> {
    const { tenants, month } = this.tree;
    const { body } = await asked<Bills>(line, `/tenants/${tenants.distributor}/bills?scope=subtree&month=${month}`);
    const inputs = this.#inputs(this.deliveries, this.#version, this.#moves);
    return Object.entries(tenants).flatMap(([role, tenantId]) => {
      const bill = body.items.find((one) => one.tenantId === tenantId);
      const [figures] = bill?.figures ?? [];
      if (bill?.state === 'current' && figures && isOneOf(figures, role as Role, [inputs])) return [];
      return [`at rest the ${role}'s bill is ${JSON.stringify(bill)}, expected of ${JSON.stringify(inputs)}`];
    });
  }

  #known(): Known {
    return { version: this.#version, moves: this.#moves };
  }

  #inputs(delivery: number, version: number, moves: number): Inputs {
    return { usage: usageOf(delivery), version, movingIsWith: holderAfter(moves) };
  }

  #faultOf(bill: Bill, { before, movesAfter }: Look): string | undefined {
    this.compared += 1;
    const role = (Object.keys(this.tree.tenants) as Role[]).find((one) => this.tree.tenants[one] === bill.tenantId);
    const [figures, ...more] = bill.figures;
    const [imported, ...others] = bill.imports;
    const told = `the ${role ?? 'unknown'}'s bill ${JSON.stringify(bill)}`;
    if (!role || !figures || !imported || more.length > 0 || others.length > 0) return `${told} has other parts than were made`;
    const delivery = this.#imports.get(imported.importId) ?? 0;
    const named = bill.contracts.filter(({ tenantId }) => tenantId === this.tree.tenants.first).map((one) => one.version);
    const version = Math.max(...named, role === 'first' ? 0 : before.version);
    const isCurrent = bill.state === 'current';
    if (isCurrent && role === 'first' && version < before.version)
      return `${told} is called current, version ${String(before.version)} was saved before`;
    const reached = this.#reached.get(bill.tenantId);
    if (
      reached &&
      (bill.revision < reached.revision || delivery < reached.delivery || (version < reached.version && role === 'first'))
    )
      return `${told} is older than what was seen before: ${JSON.stringify(reached)}`;
    this.#reached.set(bill.tenantId, { revision: bill.revision, delivery, version });
    // The reseller's bill does not name the versions below it: any that was ever saved may be in it.
    const versions = role === 'reseller' ? from(isCurrent ? before.version : 1, this.#possibleVersion) : [version];
    const moves = isCurrent ? from(before.moves, movesAfter) : [0, 1];
    const possible = versions.flatMap((one) => moves.map((moved) => this.#inputs(delivery, one, moved)));
    return isOneOf(figures, role, possible) ? undefined : `${told} is nothing that its delivery ${String(delivery)} gives`;
  }
}

/** A month that is called current is one in all its bills. */
const mixed = (bills: readonly Bill[]): readonly string[] => {
  const deliveries = new Set(
    bills.filter(({ state }) => state === 'current').flatMap(({ imports }) => imports.map((one) => one.importId)),
  );
  return deliveries.size > 1 ? [`bills called current come from different deliveries: ${JSON.stringify(bills)}`] : [];
};

const from = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

const holderAfter = (moves: number): 'first' | 'second' => (moves % 2 === 0 ? 'first' : 'second');

/** Links an account for all time. */
export const linked = async (
  desk: Desk,
  about: readonly Witness[],
  { tenants, dataSourceId }: Pick<BilledTree, 'tenants' | 'dataSourceId'>,
  to: 'first' | 'second',
  accountId: string,
): Promise<Acknowledged> => {
  const answer = await desk.command(about, {
    request: {
      method: 'POST',
      path: `/api/v1/tenants/${tenants[to]}/linked-accounts`,
      body: { dataSourceId, accountId, from: null, move: true },
    },
    accepts: [200],
  });
  const { intervals } = answer.body as Readonly<{ intervals: unknown }>;
  if (!isDeepStrictEqual(intervals, [{ from: null, to: null }])) throw new Contradiction(`linking ${accountId}: ${answer.text}`);
  return answer;
};
