import { isDeepStrictEqual } from 'node:util';
import { type LoadClient } from '../platform-process.ts';
import { type Witness } from './desk.ts';

export type ContractState = Readonly<{ status: string; version: number; etag: string }>;

/** All that the load changes about a customer, as the API shows it. */
export type CustomerState = Readonly<{
  name: string;
  etag: string;
  contract: ContractState | null;
  accounts: readonly string[];
}>;

type TenantAnswer = Readonly<{ name: string; linkedAccounts: number; contracts: Readonly<Record<string, number>> }>;
type Page<Item> = Readonly<{ items: readonly Item[]; total: number }>;

/** @throws Error for an answer that is no 200 */
export const asked = async <Body>(line: LoadClient, path: string): Promise<Readonly<{ body: Body; etag: string }>> => {
  const { status, text, body, headers } = await line.send<Body>({ method: 'GET', path: `/api/v1${path}` });
  if (status !== 200) throw new Error(`GET ${path}: ${String(status)} ${text}`);
  return { body, etag: String(headers['etag'] ?? '') };
};

/** Of the same thing, one event later. */
export const etagAfter = (etag: string): string => `"${String(Number(JSON.parse(etag) as string) + 1)}"`;

/** A customer as the acknowledged commands left it, and as a command under way would leave it. */
export class Customer implements Witness {
  /** Once its draft is acknowledged. */
  contractId: string | undefined;
  #possible: CustomerState | undefined;

  constructor(
    readonly id: string,
    readonly code: string,
    private settled: CustomerState,
  ) {}

  get state(): CustomerState {
    return this.settled;
  }

  expect(change: Partial<CustomerState>): void {
    this.#possible = { ...this.settled, ...change };
  }

  /** What was expected is acknowledged. */
  happened(): void {
    this.settled = this.#possible ?? this.settled;
    this.#possible = undefined;
  }

  async faults(line: LoadClient): Promise<readonly string[]> {
    let seen: CustomerState;
    try {
      seen = await this.#seen(line);
    } catch (error) {
      return [`customer ${this.code}: ${error instanceof Error ? error.message : String(error)}`];
    }
    if ([this.settled, this.#possible].some((state) => state && isDeepStrictEqual(seen, state))) return [];
    const under = this.#possible ? ` or ${JSON.stringify(this.#possible)}` : '';
    return [`customer ${this.code} is ${JSON.stringify(seen)}, acknowledged ${JSON.stringify(this.settled)}${under}`];
  }

  async #seen(line: LoadClient): Promise<CustomerState> {
    const path = `/tenants/${this.id}`;
    const [tenant, contracts, accounts] = await Promise.all([
      asked<TenantAnswer>(line, path),
      asked<Page<{ id: string }>>(line, `${path}/contracts`),
      asked<Page<{ accountId: string }>>(line, `${path}/linked-accounts?limit=500`),
    ]);
    const { name, linkedAccounts, contracts: counts } = tenant.body;
    const accountIds = accounts.body.items.map(({ accountId }) => accountId).sort();
    if (linkedAccounts !== accountIds.length || accounts.body.total !== accountIds.length)
      throw new Error(`${String(linkedAccounts)} accounts counted, ${String(accountIds.length)} listed`);
    return { name, etag: tenant.etag, contract: await this.#contract(line, contracts.body, counts), accounts: accountIds };
  }

  async #contract(
    line: LoadClient,
    { items, total }: Page<{ id: string }>,
    counts: Readonly<Record<string, number>>,
  ): Promise<ContractState | null> {
    const [first] = items;
    const counted = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (total > 1 || total !== items.length || counted !== total)
      throw new Error(`${String(total)} contracts, ${String(counted)} counted`);
    if (!first) return null;
    if (this.contractId !== undefined && this.contractId !== first.id)
      throw new Error(`contract ${first.id}, acknowledged ${this.contractId}`);
    const { body, etag } = await asked<{ status: string; version: number }>(line, `/tenants/${this.id}/contracts/${first.id}`);
    if (counts[body.status] !== 1) throw new Error(`its contract is ${body.status}, counted ${JSON.stringify(counts)}`);
    return { status: body.status, version: body.version, etag };
  }
}
