import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Decimal } from '#libs/money/decimal';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { Agreements } from './agreements.ts';
import { type BillAnswer, type LineAnswer, type MonthBill, type Source, tenantBill, tieOutFaults } from './bill.ts';
import { count } from '../count.ts';
import { writeGeneratedUsage } from './generated-usage.ts';
import { type Json, type PlatformClient, Refused } from '../platform-client.ts';
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

/** Usage of one account that is on nobody's bill. */
export type Unpriced = Readonly<{
  name: string;
  managementAccountId: string;
  accountId: string;
  currency: string;
  amount: string;
  lines: number;
  firstDay: string;
  lastDay: string;
  reason: Readonly<{ message: string }>;
}>;

const UNPRICED = ['unbilled', 'unassigned'] as const;

export type ExplainedPricing = Readonly<
  | { type: 'percentageDiscount' | 'percentageCharge'; percentage: string }
  | { type: 'unitRate'; rate: string }
  | { type: 'fixedRate'; amount: string }
>;

export type ExplainedStep = Readonly<
  | { step: 'unbilled'; tenantId: string }
  | {
      step: 'price';
      tenantId: string;
      version: number;
      rule: Readonly<{ name: string; pricing: ExplainedPricing | null }> | null;
      before: string | null;
      after: string;
    }
>;

type ExplainedBase = Readonly<{ managementAccountId: string; lines: number; amount: string; fixedRates: string }>;

export type ExplainedItem = Readonly<
  | { of: 'fixed'; amount: string; prorated: Readonly<{ coveredDays: number; days: number }> | null }
  | { of: 'percentage'; percentage: string; bases: readonly ExplainedBase[] }
  | {
      of: 'bands';
      bases: readonly ExplainedBase[];
      bands: readonly Readonly<{ percentage: string; part: string; amount: string }>[];
      minimumApplied: string | null;
    }
  | { of: 'fixedRate'; amount: string; lines: number; lastDay: string }
  | { of: 'tax'; percentage: string; net: string }
>;

/** What `GET …/explanation` answers, as far as it is shown. */
type ExplanationAnswer = Readonly<{
  paths: readonly Readonly<{ lines: number; start: string | null; steps: readonly ExplainedStep[]; amount: string }>[];
  removed: readonly Readonly<{
    tenantId: string;
    version: number;
    rule: Readonly<{ name: string }>;
    chargeCategory: string;
    lines: number;
    amount: string;
  }>[];
  item: Readonly<{ name: string; how: ExplainedItem }> | null;
}>;

/** One printed line and how it came about. */
type Explained = Readonly<{ tenant: string; month: string; line: LineAnswer; explanation: ExplanationAnswer }>;

export type Played = Readonly<{
  months: readonly MonthBill[];
  imports: readonly ImportAnswer[];
  /** The platform's answers behind the months' tenants, by `answerKey`. */
  answers: ReadonlyMap<string, Source>;
  agreements: Agreements;
  unpriced: readonly Readonly<{ month: string; kind: (typeof UNPRICED)[number]; usage: readonly Unpriced[] }>[];
  explained: Explained | null;
  /** Of the tenants, by id. */
  names: ReadonlyMap<string, string>;
  run: Readonly<{ lines: number; importSeconds: number; ratingSeconds: number; totalSeconds: number }>;
}>;

export const answerKey = (month: string, tenant: string): string => `${month} ${tenant}`;

/** The scenario could not be played to its end; the message says where. */
export class PlayFailed extends Error {
  override readonly name = 'PlayFailed';
}

const POLL_MS = 250;
/** Without any progress for so long, waiting ends. */
const PATIENCE_MS = 15 * 60_000;

/** Says which part of the scenario a refusal is about. */
const inPart = async <T>(part: string, step: Promise<T>): Promise<T> =>
  step.catch((error: unknown) => {
    throw error instanceof Refused ? new PlayFailed(`${part}: ${error.message}`) : error;
  });

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
  say(count(tenants.size, 'tenant'));
  const sources = await registerSources(scenario, client, tenants);
  say(count(sources.size, 'data source'));
  await link(scenario, client, tenants, sources);
  say(
    `${count(scenario.links?.length ?? 0, 'linked account')}, ${count(scenario.autoAssignments?.length ?? 0, 'automatic assignment')}`,
  );
  for (const [index, contract] of (scenario.contracts ?? []).entries())
    await makeContract(
      contract,
      index,
      client,
      idOf(tenants, contract.tenant),
      `${scenario.name}/${String(twinsBefore(scenario, index))}`,
    );
  say(count(scenario.contracts?.length ?? 0, 'contract'));

  const prepared: Prepared[] = [];
  for (const [index, delivery] of (scenario.usage ?? []).entries())
    prepared.push(await prepare(delivery, index, duckDb, folder, say));
  const importing = seconds();
  const imports: ImportAnswer[] = [];
  for (const [index, delivery] of prepared.entries()) {
    const part = `usage.${String(index)}`;
    imports.push(await inPart(part, deliver(delivery, part, client, idOf(tenants, delivery.owner), say)));
  }
  const imported = seconds();

  const months = [...new Set(imports.flatMap(({ slices }) => slices.map(({ month }) => month)))].sort();
  const roots = scenario.tenants.filter(({ parent }) => parent === undefined).map(({ name }) => name);
  const bills: MonthBill[] = [];
  const answers = new Map<string, Source>();
  const unpriced: Played['unpriced'][number][] = [];
  let explained: Explained | null = null;
  for (const month of months) {
    const tenantBills: MonthBill['tenants'][number][] = [];
    const faults: string[] = [];
    for (const root of roots) {
      const rootId = idOf(tenants, root);
      const serving = servingFor(root, scenario, imports, month);
      const delivered = totalsOf(serving);
      const wanted = serving.flatMap(({ importId, slice }) => (slice.rows > 0 ? [importId] : []));
      const rated = await waitUntilCurrent(client, rootId, `${month} of ${root}`, month, wanted, say);
      if (rated.length === 0) continue;
      const inTree = fromTheTop(scenario.tenants).filter(({ name }) =>
        rated.some(({ tenantId }) => tenantId === idOf(tenants, name)),
      );
      const found: Source[] = [];
      for (const { name } of inTree) {
        const source = await readBill(client, idOf(tenants, name), month, currencyOf(scenario, name));
        found.push(source);
        answers.set(answerKey(month, name), source);
        tenantBills.push(tenantBill(source, scenario.tenants.find((tenant) => tenant.name === name)?.parent ?? null));
        explained ??= await explain(scenario, client, { name, month, source });
      }
      faults.push(...tieOutFaults(found, rootId, delivered));
      for (const kind of UNPRICED) {
        const usage = await client.list<Unpriced>(`/tenants/${rootId}/${kind}?month=${month}`);
        unpriced.push({ month, kind, usage });
      }
    }
    bills.push({ month, tieOut: faults.length === 0 ? true : faults, tenants: tenantBills });
  }
  const ended = seconds();
  if (scenario.explain && !explained)
    throw new PlayFailed(`explain: ${scenario.explain.tenant} has no bill in ${scenario.explain.month}`);
  const agreements = await Agreements.of(
    [...answers.values()].map(({ bill }) => bill),
    client,
  );
  return {
    months: bills,
    imports,
    answers,
    agreements,
    unpriced,
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
  for (const [index, { name, tier, parent, code }] of scenario.tenants.entries()) {
    const body = { tier, name, currency: currencyOf(scenario, name), ...(code === undefined ? {} : { customerCode: code }) };
    const path = parent === undefined ? '/tenants' : `/tenants/${idOf(ids, parent)}/customers`;
    const registered = client.post<{ id: string }>(path, body, scenario.name);
    const { body: tenant } = await inPart(`tenants.${String(index)}, "${name}"`, registered);
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
  for (const [index, { managementAccount, owner, name, ownPublishers }] of (scenario.dataSources ?? []).entries()) {
    const registered = client.post<{ id: string }>(`/tenants/${idOf(tenants, owner)}/data-sources`, {
      managementAccountId: managementAccount,
      name: name ?? managementAccount,
      ...(ownPublishers ? { ownPublishers } : {}),
    });
    const { body } = await inPart(`dataSources.${String(index)}, "${managementAccount}"`, registered);
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
  for (const [index, { tenant, managementAccount, account, from, to }] of (scenario.links ?? []).entries()) {
    const linked = client.post(`/tenants/${idOf(tenants, tenant)}/linked-accounts`, {
      dataSourceId: sources.get(managementAccount),
      accountId: account,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    });
    await inPart(`links.${String(index)}, account ${account}`, linked);
  }
  for (const [index, { tenant, managementAccount, from, exclude }] of (scenario.autoAssignments ?? []).entries()) {
    const assigned = client.put(`/tenants/${idOf(tenants, tenant)}/auto-assignments/${String(sources.get(managementAccount))}`, {
      ...(from === undefined ? {} : { from }),
      exclude: exclude ?? [],
    });
    await inPart(`autoAssignments.${String(index)}, ${managementAccount}`, assigned);
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

/** How many contracts further up are word for word the same: two equal ones are two commands, not one said twice. */
const twinsBefore = ({ contracts = [] }: Scenario, index: number): number => {
  const wish = (contract: ScenarioContract | undefined): string => JSON.stringify([contract?.tenant, contract?.terms]);
  return contracts.slice(0, index).filter((other) => wish(other) === wish(contracts[index])).length;
};

const makeContract = async (
  contract: ScenarioContract,
  index: number,
  client: PlatformClient,
  tenantId: string,
  key: string,
): Promise<void> => {
  const contracts = `/tenants/${tenantId}/contracts`;
  const part = `contracts.${String(index)} of ${contract.tenant}`;
  const drafted = await inPart(`${part}, terms`, client.post<{ id: string }>(contracts, contract.terms, key));
  const path = `${contracts}/${drafted.body.id}`;
  let etag = drafted.etag;
  for (const [at, { effectiveFrom, terms }] of (contract.versions ?? []).entries()) {
    const former = await client.get<{ terms: Json }>(`${path}/versions/${String(at + 1)}`);
    const lists = Object.fromEntries(LISTS.map((list) => [list, withIds(terms[list], former.body.terms[list])]));
    const saved = client.put(path, { ...terms, ...lists, effectiveFrom }, { 'if-match': etag ?? '*' });
    etag = (await inPart(`${part}, versions.${String(at)}`, saved)).etag;
  }
  if (contract.activate !== false)
    await inPart(`${part}, activating it`, client.post(`${path}/status`, { to: 'active', reason: 'Signed' }));
  if (contract.end) {
    const { status, effectiveFrom, reason } = contract.end;
    const ended = client.post(`${path}/status`, { to: status, reason: reason ?? 'As the scenario says', effectiveFrom });
    await inPart(`${part}, end`, ended);
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
  const file = join(folder, `usage.${String(index)}.csv`);
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
  part: string,
  client: PlatformClient,
  tenantId: string,
  say: Say,
): Promise<ImportAnswer> => {
  const expected = totals.map(({ managementAccount, ...rest }) => ({ managementAccountId: managementAccount, ...rest }));
  const sizes = await Promise.all(files.map((file) => stat(file)));
  say(`uploading ${part}, ${Math.ceil(sizes.reduce((sum, { size }) => sum + size, 0) / 1024).toLocaleString('en')} KiB`);
  const fields = { format, ...(expected.length === 0 ? {} : { expected: JSON.stringify(expected) }) };
  const imports = `/tenants/${tenantId}/imports`;
  const accepted = await client.upload<ImportAnswer>(`${imports}/upload`, fields, files, await digestOf(files));
  let answer = accepted.body;
  let said = -1;
  for (let idle = 0, last = ''; answer.status === 'requested' || answer.status === 'running'; idle += POLL_MS) {
    if (idle > PATIENCE_MS) throw new PlayFailed(`${part}: the import makes no progress`);
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
    throw new PlayFailed(
      `${part}: the import of ${files.map((file) => basename(file)).join(', ')} ended ${answer.status}${problems}`,
    );
  }
  for (const { managementAccountId, month, rows, billedCost } of answer.slices) {
    const amounts = billedCost.map(({ amount, currency }) => `${amount} ${currency}`).join(', ');
    say(`imported ${managementAccountId} ${month}: ${count(rows, 'row')}, ${amounts}`);
  }
  return answer;
};

type Serving = Readonly<{ importId: string; slice: ImportAnswer['slices'][number] }>;

/** What was imported into one root's tree: of each slice the delivery that came last. */
const servingFor = (root: string, scenario: Scenario, imports: readonly ImportAnswer[], month: string): readonly Serving[] => {
  const rootOf = (name: string): string => {
    const parent = scenario.tenants.find((tenant) => tenant.name === name)?.parent;
    return parent === undefined ? name : rootOf(parent);
  };
  const serving = new Map<string, Serving>();
  for (const [index, delivery] of (scenario.usage ?? []).entries()) {
    const delivered = imports[index];
    if (!delivered || rootOf(delivery.owner) !== root) continue;
    for (const slice of delivered.slices)
      if (slice.month === month) serving.set(slice.managementAccountId, { importId: delivered.id, slice });
  }
  return [...serving.values()];
};

/** Source totals by currency, from the imports' control totals. */
const totalsOf = (serving: readonly Serving[]): ReadonlyMap<string, Decimal> => {
  const totals = new Map<string, Decimal>();
  for (const { slice } of serving)
    for (const { currency, amount } of slice.billedCost)
      totals.set(currency, (totals.get(currency) ?? Decimal.zero).plus(Decimal.of(amount)));
  return totals;
};

/** Where the services are processes of their own, one that rates may not have heard yet of an import that has finished. */
const waitUntilCurrent = async (
  client: PlatformClient,
  rootId: string,
  what: string,
  month: string,
  wanted: readonly string[],
  say: Say,
): Promise<readonly BillAnswer[]> => {
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    const bills = await client.list<BillAnswer>(`/tenants/${rootId}/bills?month=${month}&scope=subtree`);
    const rated = new Set(bills.flatMap(({ imports }) => imports.map(({ importId }) => importId)));
    if (bills.length > 0 && bills.every(({ state }) => state === 'current') && wanted.every((id) => rated.has(id))) {
      say(`rated ${what}: ${count(bills.length, 'bill')}`);
      return bills;
    }
    if (waited === 0) say(`rating ${what}`);
    await sleep(POLL_MS);
  }
  throw new PlayFailed(`the bills of ${what} do not become current`);
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
