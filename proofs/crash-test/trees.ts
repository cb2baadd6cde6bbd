import { type Acknowledged, Contradiction, type Desk } from './desk.ts';
import { type BilledTree, linked } from './billing-load.ts';
import { termsOf } from './terms.ts';

const MONTH = '2026-01';

const idOf = ({ body }: Acknowledged): string => (body as Readonly<{ id: string }>).id;

/** Makes what the load works on, through the API. */
export class Planting {
  constructor(private readonly desk: Desk) {}

  /** A distributor with a data source and some resellers, for customers to come and go. */
  async directory(resellers: number): Promise<Readonly<{ dataSourceId: string; resellerIds: readonly string[] }>> {
    const root = await this.#distributor('Directory');
    const dataSourceId = await this.#made(`/tenants/${root}/data-sources`, { managementAccountId: 'directory', name: 'AWS' });
    const resellerIds: string[] = [];
    for (let n = 0; n < resellers; n++)
      resellerIds.push(await this.#made(`/tenants/${root}/customers`, { tier: 'reseller', name: `Reseller ${String(n)}` }));
    return { dataSourceId, resellerIds };
  }

  /** A distributor, a reseller and two customers, with contracts, accounts and a source of usage. */
  async billedTree(name: string): Promise<BilledTree> {
    const distributor = await this.#distributor(name);
    const reseller = await this.#made(`/tenants/${distributor}/customers`, { tier: 'reseller', name: `${name} reseller` });
    const first = await this.#made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: `${name} first` });
    const second = await this.#made(`/tenants/${reseller}/customers`, { tier: 'endCustomer', name: `${name} second` });
    const managementAccountId = name.toLowerCase();
    const dataSourceId = await this.#made(`/tenants/${distributor}/data-sources`, { managementAccountId, name: 'AWS' });
    const list = { ...termsOf(1), priceBooks: [] };
    for (const [tenantId, terms] of [
      [distributor, list],
      [reseller, list],
      [second, list],
    ] as const)
      await this.#contract(tenantId, terms);
    const contract = await this.#contract(first, termsOf(1));
    const tenants = { distributor, reseller, first, second };
    const tree = { managementAccountId, dataSourceId, tenants, contract, month: MONTH };
    await linked(this.desk, [], tree, 'first', 'first');
    await linked(this.desk, [], tree, 'second', 'second');
    await linked(this.desk, [], tree, 'first', 'moving');
    return tree;
  }

  #distributor(name: string): Promise<string> {
    return this.#made('/tenants', { tier: 'distributor', name, currency: 'USD' });
  }

  async #contract(tenantId: string, terms: object): Promise<Readonly<{ id: string; etag: string }>> {
    const path = `/tenants/${tenantId}/contracts`;
    const id = await this.#made(path, terms);
    const request = { method: 'POST', path: `/api/v1${path}/${id}/status`, body: { to: 'active', reason: 'signed' } };
    const { etag, text } = await this.desk.command([], { request, accepts: [200] });
    if (etag === null) throw new Contradiction(`a contract without ETag: ${text}`);
    return { id, etag };
  }

  async #made(path: string, body: object): Promise<string> {
    return idOf(await this.desk.command([], { request: { method: 'POST', path: `/api/v1${path}`, body }, accepts: [201] }));
  }
}
