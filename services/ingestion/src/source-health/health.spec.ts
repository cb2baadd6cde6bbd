import { describe, expect, it } from '@jest/globals';
import { type LinkedAccountId } from '#libs/published/ids';
import { type Instant, month } from '#libs/time/time';
import { type HealthStatus } from '#libs/published/ingestion';
import { healthOf, rollUp, type SourceFacts } from './health.ts';

const NOW = '2026-03-10T12:00:00.000Z' as Instant;
const LIMITS = { warningHours: 24, failedHours: 48 };

const ago = (hours: number, milliseconds = 0): Instant =>
  new Date(Date.parse(NOW) - hours * 3_600_000 - milliseconds).toISOString() as Instant;

/** A healthy source by hand; each case says what is different. */
const source = (different: Partial<SourceFacts>): SourceFacts => ({
  registeredAt: ago(1_000),
  scheduleHours: null,
  failure: null,
  lastSuccess: imported(1),
  unrecognisedFailure: false,
  unassignedAccounts: [],
  ...different,
});

const imported = (hours: number, milliseconds = 0): SourceFacts['lastSuccess'] & object => ({
  at: ago(hours, milliseconds),
  unknownColumns: [],
  restatedMonths: [],
});
const registered = (hours: number, milliseconds = 0): Partial<SourceFacts> => ({
  lastSuccess: null,
  registeredAt: ago(hours, milliseconds),
});
const accounts = (...ids: string[]) => ids as LinkedAccountId[];

type Case = readonly [what: string, different: Partial<SourceFacts>, status: HealthStatus, reasons: readonly string[]];

const CASES: readonly Case[] = [
  ['nothing delivered, just registered', registered(0), 'Not available', ['nothing-delivered']],
  ['nothing delivered, a moment before 24 hours', registered(24, -1), 'Not available', ['nothing-delivered']],
  ['nothing delivered for 24 hours', registered(24), 'Warning', ['nothing-delivered']],
  ['nothing delivered for 48 hours', registered(48), 'Warning', ['nothing-delivered']],
  ['nothing delivered for more than 48 hours', registered(48, 1), 'Failed', ['nothing-delivered']],
  ['nothing delivered, scheduled', { ...registered(49), scheduleHours: 24 }, 'Failed', ['nothing-delivered']],

  ['the last import complete', {}, 'Success', []],
  ['by hand, however old', { lastSuccess: imported(9_000) }, 'Success', []],
  ['scheduled, 24 hours old', { scheduleHours: 24, lastSuccess: imported(24) }, 'Success', []],
  ['scheduled, older than 24 hours', { scheduleHours: 24, lastSuccess: imported(24, 1) }, 'Warning', ['late']],
  ['scheduled, 48 hours old', { scheduleHours: 24, lastSuccess: imported(48) }, 'Warning', ['late']],
  ['scheduled, older than 48 hours', { scheduleHours: 24, lastSuccess: imported(48, 1) }, 'Failed', ['late']],
  ['scheduled every 6 hours, 20 hours old', { scheduleHours: 6, lastSuccess: imported(20) }, 'Success', []],
  ['scheduled once a week, 6 days old', { scheduleHours: 168, lastSuccess: imported(144) }, 'Success', []],
  ['scheduled once a week, 8 days old', { scheduleHours: 168, lastSuccess: imported(192) }, 'Warning', ['late']],
  ['scheduled once a week, 15 days old', { scheduleHours: 168, lastSuccess: imported(360) }, 'Failed', ['late']],

  ['unknown columns', { lastSuccess: { ...imported(1), unknownColumns: ['x_Odd'] } }, 'Warning', ['unknown-columns']],
  [
    'a restated closed month',
    { lastSuccess: { ...imported(1), restatedMonths: [month('2026-01')] } },
    'Warning',
    ['restated-closed-month'],
  ],
  ['unassigned accounts', { unassignedAccounts: accounts('1', '2') }, 'Warning', ['unassigned-accounts']],

  ['the last attempt failed', { failure: 'bad.csv, row 3' }, 'Failed', ['import-failed']],
  ['the first and only attempt failed', { ...registered(2), failure: 'bad.csv, row 3' }, 'Failed', ['import-failed']],
  [
    'failed, late and with unassigned accounts',
    { failure: 'bad.csv, row 3', scheduleHours: 24, lastSuccess: imported(30), unassignedAccounts: accounts('1') },
    'Failed',
    ['import-failed', 'late', 'unassigned-accounts'],
  ],
  ['an import of the owner that failed unrecognised', { unrecognisedFailure: true }, 'Warning', ['unrecognised-import-failed']],
];

describe('the health of a data source', () => {
  it.each(CASES)('%s', (_, different, status, reasons) => {
    const health = healthOf(source(different), LIMITS, NOW);
    expect([health.status, health.reasons.map(({ code }) => code)]).toEqual([status, reasons]);
  });

  it('follows the configured thresholds', () => {
    const facts = source({ scheduleHours: 1, lastSuccess: imported(3) });
    const statusBy = (warningHours: number, failedHours: number) => healthOf(facts, { warningHours, failedHours }, NOW).status;
    expect([statusBy(3, 4), statusBy(2, 3), statusBy(1, 2)]).toEqual(['Success', 'Warning', 'Failed']);
  });

  it('says what is wrong, and of many things the first ten', () => {
    const many = accounts(...Array.from({ length: 12 }, (_, index) => `a${String(index)}`));
    const { reasons } = healthOf(source({ failure: 'bad.csv, row 3', unassignedAccounts: many }), LIMITS, NOW);
    expect(reasons.map(({ message }) => message)).toEqual([
      'The last import failed: bad.csv, row 3',
      'Accounts are linked to nobody on days of their usage: a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 and 2 more.',
    ]);
  });
});

describe('the health of several data sources', () => {
  it.each<readonly [readonly HealthStatus[], HealthStatus]>([
    [['Success', 'Not available'], 'Success'],
    [['Success', 'Warning'], 'Warning'],
    [['Warning', 'Failed'], 'Failed'],
    [['Not available', 'Not available'], 'Not available'],
    [['Not available', 'Failed', 'Success'], 'Failed'],
    [['Warning', 'Not available'], 'Warning'],
    [[], 'Not available'],
  ])('%j rolls up to %s', (statuses, status) => {
    expect(rollUp(statuses)).toBe(status);
    expect(rollUp(statuses.toReversed())).toBe(status);
  });
});
