import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Decimal } from '#libs/money/decimal';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { type BillAnswer, type LineAnswer, type MonthBill, type Source, tenantBill, tieOutFaults } from './bill.ts';
import { writeGeneratedUsage } from './generated-usage.ts';
import { type Json, type PlatformClient } from './platform-client.ts';
import { type Delivery, type ExpectedTotal, type Scenario, type ScenarioContract } from './scenario.ts';

export type Say = (text: string) => void;

/** What the platform answered about one import, as far as it is shown. */
type ImportAnswer = Readonly<{
  id: string;
  status: 'requested' | 'running' | 'finished' | 'failed' | 'cancelled';
  progress: Readonly<{ bytes: number; totalBytes: number; rows: number; rowsPerSecond: number }> | null;
  problems: readonly Readonly<{ message: string }>[];
  slices: readonly Readonly<{
    managementAccountId: string;
    month: string;
    rows: number;
    billedCost: readonly Readonly<{ currency: string; amount: string }>[];
  }>[];
}>;

type Unassigned = Readonly<{ accountId: string; managementAccountId: string; currency: string; amount: string }>;

export type ExplainedStep = Readonly<
  | { step: 'unbilled'; tenantId: string }
  | {
      step: 'price';
      tenantId: string;
      version: number;
      rule: Readonly<{ name: string; pricing: Readonly<Record<string, string>> | null }> | null;
      before: string | null;
      after: string;
    }
>;

/** What `GET …/explanation` answers, as far as it is shown. */
type ExplanationAnswer = Readonly<{
  paths: readonly Readonly<{ lines: number; start: string | null; steps: readonly ExplainedStep[]; amount: string }>[];
  removed: readonly Readonly<{
    tenantId: string;
    rule: Readonly<{ name: string }>;
    chargeCategory: string;
    lines: number;
    amount: string;
  }>[];
  item: Readonly<{ name: string; how: unknown }> | null;
}>;

/** One printed line and how it came about. */
type Explained = Readonly<{ tenant: string; month: string; line: LineAnswer; explanation: ExplanationAnswer }>;

export type Played = Readonly<{
  months: readonly MonthBill[];
  imports: readonly ImportAnswer[];
  unassigned: readonly Readonly<{ month: string; root: string; accounts: readonly Unassigned[] }>[];
  explained: Explained | null;
  /** Of the tenants, by id. */
  names: ReadonlyMap<string, string>;
  run: Readonly<{ lines: number; importSeconds: number; ratingSeconds: number; totalSeconds: number }>;
}>;

/** The scenario could not be played to its end; the message says where. */
export class PlayFailed extends Error {
  override readonly name = 'PlayFailed';
}

const POLL_MS = 250;
/** Without any progress for so long, waiting ends. */
const PATIENCE_MS = 15 * 60_000;

const seconds = (): number => performance.now() / 1000;

/**
 * Plays a scenario through the public HTTP API and collects the bills. Every step is a keyed command derived from the scenario's
 * text: playing it again on the same platform changes nothing.
 */
export const play = async (
  scenario: Scenario,
  client: PlatformClient,
  duckDb: DuckDb,
  folder: string,
  say: Say,
): Promise<Played> => {
  const started = seconds();
  const tenants = await registerTenants(scenario, client);
  say(`${String(tenants.size)} tenants`);
  const sources = await registerSources(scenario, client, tenants);
  say(`${String(sources.size)} data sources`);
  await link(scenario, client, tenants, sources);
  say(`${String(scenario.links?.length ?? 0)} linked accounts, ${String(scenario.autoAssignments?.length ?? 0)} automatic`);
  for (const contract of scenario.contracts ?? [])
    await makeContract(contract, client, idOf(tenants, contract.tenant), scenario.name);
  say(`${String(scenario.contracts?.length ?? 0)} contracts`);

  const prepared: Prepared[] = [];
  for (const [index, delivery] of (scenario.usage ?? []).entries())
    prepared.push(await prepare(delivery, index, duckDb, folder, say));
  const importing = seconds();
  const imports: ImportAnswer[] = [];
  for (const delivery of prepared) imports.push(await deliver(delivery, client, idOf(tenants, delivery.owner), say));
  const imported = seconds();

  const months = [...new Set(imports.flatMap(({ slices }) => slices.map(({ month }) => month)))].sort();
  const roots = scenario.tenants.filter(({ parent }) => parent === undefined).map(({ name }) => name);
  const bills: MonthBill[] = [];
  const unassigned: Played['unassigned'][number][] = [];
  let explained: Explained | null = null;
  for (const month of months) {
    const tenantBills: MonthBill['tenants'][number][] = [];
    const faults: string[] = [];
    for (const root of roots) {
      const rootId = idOf(tenants, root);
      const delivered = deliveredTo(root, scenario, imports, month);
      const rated = await waitUntilCurrent(client, rootId, month, say);
      if (rated.length === 0) continue;
      const inTree = fromTheTop(scenario.tenants).filter(({ name }) =>
        rated.some(({ tenantId }) => tenantId === idOf(tenants, name)),
      );
      const found: Source[] = [];
      for (const { name } of inTree) {
        const source = await readBill(client, idOf(tenants, name), month, currencyOf(scenario, name));
        found.push(source);
        tenantBills.push(tenantBill(source, scenario.tenants.find((tenant) => tenant.name === name)?.parent ?? null));
        explained ??= await explain(scenario, client, { name, month, source });
      }
      faults.push(...tieOutFaults(found, rootId, delivered));
      const accounts = await client.list<Unassigned>(`/tenants/${rootId}/unassigned?month=${month}`);
      if (accounts.length > 0) unassigned.push({ month, root, accounts });
    }
    bills.push({ month, tieOut: faults.length === 0 ? true : faults, tenants: tenantBills });
  }
  const ended = seconds();
  return {
    months: bills,
    imports,
    unassigned,
    explained,
    names: new Map([...tenants].map(([name, id]) => [id, name])),
    run: {
      lines: imports.flatMap(({ slices }) => slices).reduce((count, { rows }) => count + rows, 0),
      importSeconds: imported - importing,
      ratingSeconds: ended - imported,
      totalSeconds: ended - started,
    },
  };
};

const idOf = (tenants: ReadonlyMap<string, string>, name: string): string => {
  const id = tenants.get(name);
  if (id === undefined) throw new PlayFailed(`"${name}" was not registered`);
  return id;
};

/** Each tenant followed by everything below it, siblings as the scenario lists them. */
const fromTheTop = (tenants: Scenario['tenants'], parent?: string): Scenario['tenants'] =>
  tenants.filter((tenant) => tenant.parent === parent).flatMap((tenant) => [tenant, ...fromTheTop(tenants, tenant.name)]);

/** A tenant's currency is its own, its nearest ancestor's or USD. */
const currencyOf = (scenario: Scenario, name: string): string => {
  const tenant = scenario.tenants.find((candidate) => candidate.name === name);
  return tenant?.currency ?? (tenant?.parent === undefined ? 'USD' : currencyOf(scenario, tenant.parent));
};

const registerTenants = async (scenario: Scenario, client: PlatformClient): Promise<ReadonlyMap<string, string>> => {
  const ids = new Map<string, string>();
  for (const { name, tier, parent, code } of scenario.tenants) {
    const body = { tier, name, currency: currencyOf(scenario, name), ...(code === undefined ? {} : { customerCode: code }) };
    const path = parent === undefined ? '/tenants' : `/tenants/${idOf(ids, parent)}/customers`;
    const { body: tenant } = await client.post<{ id: string }>(path, body, scenario.name);
    ids.set(name, tenant.id);
  }
  return ids;
};

const registerSources = async (
  scenario: Scenario,
  client: PlatformClient,
  tenants: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> => {
  const ids = new Map<string, string>();
  for (const { managementAccount, owner, name, ownPublishers } of scenario.dataSources ?? []) {
    const { body } = await client.post<{ id: string }>(`/tenants/${idOf(tenants, owner)}/data-sources`, {
      managementAccountId: managementAccount,
      name: name ?? managementAccount,
      ...(ownPublishers ? { ownPublishers } : {}),
    });
    ids.set(managementAccount, body.id);
  }
  return ids;
};

const link = async (
  scenario: Scenario,
  client: PlatformClient,
  tenants: ReadonlyMap<string, string>,
  sources: ReadonlyMap<string, string>,
): Promise<void> => {
  for (const { tenant, managementAccount, account, from, to } of scenario.links ?? []) {
    await client.post(`/tenants/${idOf(tenants, tenant)}/linked-accounts`, {
      dataSourceId: sources.get(managementAccount),
      accountId: account,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    });
  }
  for (const { tenant, managementAccount, from, exclude } of scenario.autoAssignments ?? []) {
    await client.put(`/tenants/${idOf(tenants, tenant)}/auto-assignments/${String(sources.get(managementAccount))}`, {
      ...(from === undefined ? {} : { from }),
      exclude: exclude ?? [],
    });
  }
};

type Named = Readonly<{ id?: string; name?: string; rules?: readonly Named[] }>;

/** Rules and items keep their id from version to version: the same name in the same list is the same rule. */
const withIds = (next: unknown, former: unknown): unknown => {
  if (!Array.isArray(next) || !Array.isArray(former)) return next;
  const known = former as readonly Named[];
  return (next as readonly Named[]).map((entry) => {
    const same = known.find(({ name }) => name === entry.name);
    if (!same) return entry;
    return {
      ...entry,
      ...(same.id === undefined ? {} : { id: same.id }),
      ...(entry.rules === undefined ? {} : { rules: withIds(entry.rules, same.rules) }),
    };
  });
};

const LISTS = ['billingRules', 'priceBooks', 'customLineItems'] as const;

const makeContract = async (contract: ScenarioContract, client: PlatformClient, tenantId: string, key: string): Promise<void> => {
  const contracts = `/tenants/${tenantId}/contracts`;
  const drafted = await client.post<{ id: string }>(contracts, contract.terms, key);
  const path = `${contracts}/${drafted.body.id}`;
  let etag = drafted.etag;
  for (const [index, { effectiveFrom, terms }] of (contract.versions ?? []).entries()) {
    const former = await client.get<{ terms: Json }>(`${path}/versions/${String(index + 1)}`);
    const lists = Object.fromEntries(LISTS.map((list) => [list, withIds(terms[list], former.body.terms[list])]));
    const saved = await client.put(path, { ...terms, ...lists, effectiveFrom }, { 'if-match': etag ?? '*' });
    etag = saved.etag;
  }
  if (contract.activate !== false) await client.post(`${path}/status`, { to: 'active', reason: 'Signed' });
  if (contract.end) {
    const { status, effectiveFrom, reason } = contract.end;
    await client.post(`${path}/status`, { to: status, reason: reason ?? 'As the scenario says', effectiveFrom });
  }
};

const csv = (rows: readonly Readonly<Record<string, string>>[]): string => {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  return [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))]
    .map((cells) => `${cells.map(quoted).join(',')}\n`)
    .join('');
};

/** A delivery whose files are on disk, with the totals that they must come to. */
type Prepared = Readonly<Pick<Delivery, 'owner' | 'format'> & { files: readonly string[]; totals: readonly ExpectedTotal[] }>;

const prepare = async (delivery: Delivery, index: number, duckDb: DuckDb, folder: string, say: Say): Promise<Prepared> => {
  const { owner, format = 'auto', expectedTotals: totals = [] } = delivery;
  if (delivery.files) return { owner, format, files: delivery.files, totals };
  if (delivery.generate) {
    say(`writing ${delivery.generate.rows.toLocaleString('en')} generated CUR lines`);
    const generated = await writeGeneratedUsage(duckDb, delivery.generate, folder);
    return { owner, format, files: generated.files, totals: [...totals, generated.totals] };
  }
  const file = join(folder, `rows-${String(index)}.csv`);
  await writeFile(file, csv((delivery.rows ?? []).map((row) => ({ ...delivery.defaults, ...row }))));
  return { owner, format, files: [file], totals };
};

const digestOf = async (files: readonly string[]): Promise<string> => {
  const digest = createHash('sha256');
  for (const file of files) for await (const chunk of createReadStream(file)) digest.update(chunk as Buffer);
  return digest.digest('hex');
};

const deliver = async (
  { files, totals, format = 'auto' }: Prepared,
  client: PlatformClient,
  tenantId: string,
  say: Say,
): Promise<ImportAnswer> => {
  const expected = totals.map(({ managementAccount, ...rest }) => ({ managementAccountId: managementAccount, ...rest }));
  const sizes = await Promise.all(files.map((file) => stat(file)));
  say(`uploading ${(sizes.reduce((sum, { size }) => sum + size, 0) / 1_048_576).toFixed(1)} MiB`);
  const fields = { format, ...(expected.length === 0 ? {} : { expected: JSON.stringify(expected) }) };
  const imports = `/tenants/${tenantId}/imports`;
  const accepted = await client.upload<ImportAnswer>(`${imports}/upload`, fields, files, await digestOf(files));
  let answer = accepted.body;
  let said = -1;
  for (let idle = 0, last = ''; answer.status === 'requested' || answer.status === 'running'; idle += POLL_MS) {
    if (idle > PATIENCE_MS) throw new PlayFailed(`the import ${answer.id} makes no progress`);
    await sleep(POLL_MS);
    answer = (await client.get<ImportAnswer>(`${imports}/${answer.id}`)).body;
    const now = JSON.stringify(answer.progress);
    if (now !== last) idle = 0;
    last = now;
    const percent =
      answer.progress && answer.progress.totalBytes > 0
        ? Math.floor((10 * answer.progress.bytes) / answer.progress.totalBytes) * 10
        : 0;
    if (answer.progress && percent > said) {
      said = percent;
      say(
        `importing: ${String(percent)} %, ${answer.progress.rows.toLocaleString('en')} rows, ${Math.round(answer.progress.rowsPerSecond).toLocaleString('en')} rows/s`,
      );
    }
  }
  if (answer.status !== 'finished') {
    const problems = answer.problems.map(({ message }) => `\n    ${message}`).join('');
    throw new PlayFailed(`the import of ${files.join(', ')} ended ${answer.status}${problems}`);
  }
  for (const { managementAccountId, month, rows, billedCost } of answer.slices) {
    const amounts = billedCost.map(({ amount, currency }) => `${amount} ${currency}`).join(', ');
    say(`imported ${managementAccountId} ${month}: ${rows.toLocaleString('en')} rows, ${amounts}`);
  }
  return answer;
};

/** Source totals of one root's tree, from the imports' control totals: of each slice the delivery that came last. */
const deliveredTo = (
  root: string,
  scenario: Scenario,
  imports: readonly ImportAnswer[],
  month: string,
): ReadonlyMap<string, Decimal> => {
  const rootOf = (name: string): string => {
    const parent = scenario.tenants.find((tenant) => tenant.name === name)?.parent;
    return parent === undefined ? name : rootOf(parent);
  };
  const serving = new Map<string, ImportAnswer['slices'][number]>();
  for (const [index, delivery] of (scenario.usage ?? []).entries()) {
    if (rootOf(delivery.owner) !== root) continue;
    for (const slice of imports[index]?.slices ?? []) if (slice.month === month) serving.set(slice.managementAccountId, slice);
  }
  const totals = new Map<string, Decimal>();
  for (const { billedCost } of serving.values())
    for (const { currency, amount } of billedCost)
      totals.set(currency, (totals.get(currency) ?? Decimal.zero).plus(Decimal.of(amount)));
  return totals;
};

const waitUntilCurrent = async (
  client: PlatformClient,
  rootId: string,
  month: string,
  say: Say,
): Promise<readonly BillAnswer[]> => {
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    const bills = await client.list<BillAnswer>(`/tenants/${rootId}/bills?month=${month}&scope=subtree`);
    if (bills.length > 0 && bills.every(({ state }) => state === 'current')) {
      say(`rated ${month}: ${String(bills.length)} bills`);
      return bills;
    }
    if (waited === 0) say(`rating ${month}`);
    await sleep(POLL_MS);
  }
  throw new PlayFailed(`the bills of ${month} do not become current`);
};

const readBill = async (client: PlatformClient, tenantId: string, month: string, currency: string): Promise<Source> => {
  const { body: bill } = await client.get<BillAnswer>(`/tenants/${tenantId}/bills/${month}`);
  const lines = bill.proforma ? await client.list<LineAnswer>(`/tenants/${tenantId}/bills/${month}/lines`) : [];
  return { bill, currency, lines };
};

const explain = async (
  scenario: Scenario,
  client: PlatformClient,
  { name, month, source: { bill, lines } }: Readonly<{ name: string; month: string; source: Source }>,
): Promise<Explained | null> => {
  const wish = scenario.explain;
  if (wish ? wish.tenant !== name || wish.month !== month : bill.tier !== 'endCustomer') return null;
  const largest = lines.toSorted((a, b) => Decimal.of(b.unrounded).compare(Decimal.of(a.unrounded)));
  const line = largest.find(({ text }) => text.includes(wish?.line ?? ''));
  if (!line) {
    if (!wish) return null;
    throw new PlayFailed(`${name} has no line in ${month} whose text holds "${wish.line ?? ''}"`);
  }
  const path = `/tenants/${bill.tenantId}/bills/${month}/lines/${line.id}/explanation?revision=${String(bill.revision)}`;
  const { body } = await client.get<ExplanationAnswer>(path);
  return { tenant: name, month, line, explanation: body };
};
