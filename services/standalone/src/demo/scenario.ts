import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { LineCounter, parseDocument } from 'yaml';
import { type Tier } from '#libs/published/tenants';

type Text = Readonly<Record<string, string>>;

/** See `scenarios/scenario.schema.json`, which documents every field. */
export type Scenario = Readonly<{
  name: string;
  description?: string;
  tenants: readonly Readonly<{ name: string; tier: Tier; parent?: string; code?: string; currency?: string }>[];
  dataSources?: readonly Readonly<{
    managementAccount: string;
    owner: string;
    name?: string;
    ownPublishers?: readonly string[];
  }>[];
  links?: readonly Readonly<{ tenant: string; managementAccount: string; account: string; from?: string; to?: string }>[];
  autoAssignments?: readonly Readonly<{
    tenant: string;
    managementAccount: string;
    from?: string;
    exclude?: readonly string[];
  }>[];
  contracts?: readonly ScenarioContract[];
  usage?: readonly Delivery[];
  explain?: Readonly<{ tenant: string; month: string; line?: string }>;
  expected?: Readonly<{ months: readonly Readonly<Record<string, unknown> & { month: string }>[] }>;
}>;

export type ScenarioContract = Readonly<{
  tenant: string;
  terms: Readonly<Record<string, unknown>>;
  activate?: boolean;
  versions?: readonly Readonly<{ effectiveFrom: string; terms: Readonly<Record<string, unknown>> }>[];
  end?: Readonly<{ status: 'cancelled' | 'superseded'; effectiveFrom: string; reason?: string }>;
}>;

export type ExpectedTotal = Readonly<{ managementAccount: string; month: string; rows?: number; billedCost?: string }>;

export type GeneratedUsage = Readonly<{
  managementAccount: string;
  month: string;
  rows: number;
  accounts: readonly string[];
  seed: number;
}>;

export type Delivery = Readonly<{
  owner: string;
  format?: 'auto' | 'focus' | 'aws-cur';
  files?: readonly string[];
  defaults?: Text;
  rows?: readonly Text[];
  generate?: GeneratedUsage;
  expectedTotals?: readonly ExpectedTotal[];
}>;

/** What is wrong with a scenario file, one line per fault. */
export class InvalidScenario extends Error {
  override readonly name = 'InvalidScenario';
}

/** Reads and checks a scenario file; file paths in it come back absolute. @throws InvalidScenario with every fault found. */
export const readScenario = async (path: string, schemaPath: string): Promise<Scenario> => {
  const lines = new LineCounter();
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new InvalidScenario(`${path} cannot be read: ${String(error)}`);
  });
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  if (document.errors.length > 0)
    throw new InvalidScenario(document.errors.map(({ message }) => `${path}: ${message}`).join('\n'));

  const content: unknown = document.toJS({ maxAliasCount: 10_000 });
  const schema = JSON.parse(await readFile(schemaPath, 'utf8')) as object;
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile<Scenario>(schema);
  if (!validate(content)) {
    throw new InvalidScenario((validate.errors ?? []).map((fault) => `${path}: ${faultText(fault)}`).join('\n'));
  }

  const faults = unknownNames(content);
  if (faults.length > 0) throw new InvalidScenario(faults.map((fault) => `${path}: ${fault}`).join('\n'));
  const folder = dirname(resolve(path));
  return {
    ...content,
    usage: (content.usage ?? []).map((delivery) =>
      delivery.files ? { ...delivery, files: delivery.files.map((file) => resolve(folder, file)) } : delivery,
    ),
  };
};

const faultText = ({ instancePath, keyword, message, params }: ErrorObject): string => {
  const fields = instancePath.slice(1).split('/');
  const where =
    instancePath === '' ? 'the scenario' : fields.map((field) => field.replaceAll('~1', '/').replaceAll('~0', '~')).join('.');
  const given = params as Readonly<Record<string, unknown>>;
  switch (keyword) {
    case 'additionalProperties':
      return `${where} has no field "${String(given['additionalProperty'])}"`;
    case 'required':
      return `${where} needs the field "${String(given['missingProperty'])}"`;
    case 'type':
      return `${where} must be ${String(given['type'])}${given['type'] === 'string' ? ': put it in quotes' : ''}`;
    case 'enum':
      return `${where} must be one of ${[given['allowedValues']].flat().join(', ')}`;
    default:
      return `${where} ${message ?? 'is wrong'}`;
  }
};

/** References to tenants and management accounts that the scenario does not have. */
const unknownNames = (scenario: Scenario): readonly string[] => {
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const [index, { name, parent }] of scenario.tenants.entries()) {
    if (seen.has(name)) faults.push(`tenants.${String(index)}.name "${name}" is there twice`);
    if (parent !== undefined && !seen.has(parent))
      faults.push(`tenants.${String(index)}.parent "${parent}" is not a tenant further up`);
    seen.add(name);
  }
  const accounts = new Set((scenario.dataSources ?? []).map(({ managementAccount }) => managementAccount));
  const tenant = (path: string, name: string): void => {
    if (!seen.has(name)) faults.push(`${path} "${name}" is not a tenant of the scenario`);
  };
  const account = (path: string, id: string): void => {
    if (!accounts.has(id)) faults.push(`${path} "${id}" is not a management account of dataSources`);
  };
  for (const [index, source] of (scenario.dataSources ?? []).entries())
    tenant(`dataSources.${String(index)}.owner`, source.owner);
  for (const [index, link] of (scenario.links ?? []).entries()) {
    tenant(`links.${String(index)}.tenant`, link.tenant);
    account(`links.${String(index)}.managementAccount`, link.managementAccount);
  }
  for (const [index, auto] of (scenario.autoAssignments ?? []).entries()) {
    tenant(`autoAssignments.${String(index)}.tenant`, auto.tenant);
    account(`autoAssignments.${String(index)}.managementAccount`, auto.managementAccount);
  }
  for (const [index, contract] of (scenario.contracts ?? []).entries())
    tenant(`contracts.${String(index)}.tenant`, contract.tenant);
  for (const [index, delivery] of (scenario.usage ?? []).entries()) tenant(`usage.${String(index)}.owner`, delivery.owner);
  if (scenario.explain) tenant('explain.tenant', scenario.explain.tenant);
  return faults;
};
