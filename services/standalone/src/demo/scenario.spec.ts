import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readScenario } from './scenario.ts';

const scenarios = fileURLToPath(new URL('../../../../scenarios/', import.meta.url));
const schema = join(scenarios, 'scenario.schema.json');

describe('reading a scenario', () => {
  let folder: string;
  const reading = async (text: string): Promise<unknown> => {
    const file = join(folder, 'scenario.yaml');
    await writeFile(file, text);
    return readScenario(file, schema);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scenario-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it.each(['showcase.yaml', 'cost-plus.yaml', 'three-tiers.yaml', 'smallest.yaml'])('reads %s', async (name) => {
    expect((await readScenario(join(scenarios, name), schema)).tenants.length).toBeGreaterThan(1);
  });
  it('takes files from beside the scenario', async () => {
    const { usage } = await readScenario(join(scenarios, 'showcase.yaml'), schema);
    expect(usage?.flatMap(({ files = [] }) => files)).toContain(join(scenarios, 'data/focus_sample.csv'));
  });
  it('names every field that is wrong', async () => {
    const fault = await reading(
      "name: Two Words\ntenants: [{ name: A, tier: boss }, { tier: reseller }]\nextra: 1\nusage: [{ owner: A, rows: [{ 'a/b': 1 }] }]\n",
    ).catch(String);
    expect(fault).toMatch(/name must match pattern/);
    expect(fault).toMatch(/tenants\.0\.tier must be one of distributor, reseller, endCustomer/);
    expect(fault).toMatch(/tenants\.1 needs the field "name"/);
    expect(fault).toMatch(/usage\.0\.rows\.0\.a\/b must be string: put it in quotes/);
    expect(fault).toMatch(/the scenario has no field "extra"/);
  });
  it('says which file is not there', async () => {
    await expect(readScenario(join(folder, 'nothing.yaml'), schema)).rejects.toThrow(
      expect.objectContaining({ name: 'InvalidScenario', message: expect.stringMatching(/nothing\.yaml cannot be read/) }),
    );
  });
  it('says where the YAML ends to be YAML', async () => {
    await expect(reading('name: [x\n')).rejects.toThrow(/line 2/);
  });
  it('names references to tenants and accounts that are not there', async () => {
    const text = `name: x
tenants: [{ name: A, tier: reseller }, { name: B, tier: endCustomer, parent: Z }]
links: [{ tenant: B, managementAccount: '1', account: '1' }]
usage: [{ owner: Q, rows: [{ a: b }] }]
`;
    await expect(reading(text)).rejects.toThrow(/parent "Z"[\s\S]*managementAccount "1"[\s\S]*owner "Q"/);
  });
});
