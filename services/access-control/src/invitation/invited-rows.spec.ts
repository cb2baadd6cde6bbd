import { describe, expect, it } from '@jest/globals';
import { judgeRows, type Row } from './invited-rows.ts';

const ROLE = '0b1c2d3e-0000-4000-8000-000000000001';
const row = (given: Partial<Row>): Row => ({
  place: 'invitations[0]',
  email: 'ada@example.com',
  name: '',
  jobFunction: '',
  role: 'support',
  extras: '',
  childTenantRole: '',
  misfit: null,
  ...given,
});
const faultsOf = (...rows: readonly Row[]): readonly string[] =>
  judgeRows(rows).flatMap(({ faults }) => faults.map(({ path, code }) => `${path} ${code}`));

describe('a row of people to invite', () => {
  it('says who, as what', () => {
    const given = { name: 'Ada', role: 'admin', extras: 'contractTemplates, billingUtilities', childTenantRole: 'none' };
    const [judged] = judgeRows([row(given)]);
    expect(judged).toMatchObject({
      faults: [],
      person: {
        email: 'ada@example.com',
        name: 'Ada',
        jobFunction: null,
        role: 'admin',
        extras: ['billingUtilities', 'contractTemplates'],
        childTenantRole: 'none',
      },
    });
  });

  it.each<[Partial<Row>, readonly string[]]>([
    [{}, []],
    [{ role: `custom:${ROLE}` }, []],
    [{ email: '' }, ['invitations[0].email invalid-email']],
    [{ email: 'ada@' }, ['invitations[0].email invalid-email']],
    [{ email: 'ada@xn--bücher.example' }, ['invitations[0].email invalid-email']],
    [{ email: 'a\u200bda@example.com' }, ['invitations[0].email invalid-email']],
    [{ email: `${'a'.repeat(320)}@example.com` }, ['invitations[0].email invalid-email']],
    [{ name: 'A\nda' }, ['invitations[0].name invalid-name']],
    [{ jobFunction: 'x'.repeat(201) }, ['invitations[0].jobFunction invalid-name']],
    [{ role: '' }, ['invitations[0].role unknown-role']],
    [{ role: 'operator' }, ['invitations[0].role unknown-role']],
    [{ role: 'custom:elsewhere' }, ['invitations[0].role unknown-role']],
    [{ role: 'constructor' }, ['invitations[0].role unknown-role']],
    [{ extras: 'billingUtilities' }, ['invitations[0].extras extras-not-available']],
    [{ extras: 'everything' }, ['invitations[0].extras unknown-extra']],
    [{ childTenantRole: 'operator' }, ['invitations[0].childTenantRole unknown-child-tenant-role']],
    [{ email: 'x', role: 'y' }, ['invitations[0].email invalid-email', 'invitations[0].role unknown-role']],
  ])('%j has these faults: %j', (given, faults) => {
    expect(faultsOf(row(given))).toEqual(faults);
  });

  it('of another number of cells than its headings says nothing else for certain', () => {
    const misfit = row({ place: 'lines[2]', role: '', misfit: 'has 1 cell, its headings are 2' });
    expect(judgeRows([misfit, row({ place: 'lines[3]' })])).toMatchObject([
      {
        person: null,
        faults: [{ path: 'lines[2]', code: 'wrong-number-of-cells', message: 'has 1 cell, its headings are 2' }],
      },
      { faults: [] },
    ]);
  });

  it('names an address that stands in another one, whatever its case and the letters of its domain', () => {
    expect(faultsOf(row({}), row({ place: 'invitations[1]', email: 'ADA@example.com' }))).toEqual([
      'invitations[1].email listed-twice',
    ]);
    const spelt = { place: 'invitations[1]', email: 'ada@xn--bcher-kva.example' };
    expect(faultsOf(row({ email: 'ada@bücher.example' }), row(spelt))).toEqual(['invitations[1].email listed-twice']);
  });
});
