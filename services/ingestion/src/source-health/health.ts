import { type LinkedAccountId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type Instant, type Month } from '#libs/time/time';

/** The worst first: what a roll-up shows as soon as one source has it. */
const STATUSES = ['Failed', 'Warning', 'Success', 'Not available'] as const satisfies readonly HealthStatus[];

type ReasonCode =
  | 'nothing-delivered'
  | 'import-failed'
  | 'unrecognised-import-failed'
  | 'late'
  | 'unknown-columns'
  | 'restated-closed-month'
  | 'unassigned-accounts';

export type Reason = Readonly<{ code: ReasonCode; message: string }>;

/** An age above `warningHours` is a warning, one above `failedHours` a failure. */
export type Thresholds = Readonly<{ warningHours: number; failedHours: number }>;

/** What is known of one data source. An import under way or cancelled is no attempt. */
export type SourceFacts = Readonly<{
  registeredAt: Instant;
  /** Hours between deliveries that the source promises; null: by hand, it does not age. */
  scheduleHours: number | null;
  /**
   * What was wrong with the last attempt; null: it succeeded, or there was none. Control totals that differ are such a failure,
   * however little they differ: nothing is imported then.
   */
  failure: string | null;
  lastSuccess: Readonly<{ at: Instant; unknownColumns: readonly string[]; restatedMonths: readonly Month[] }> | null;
  /** Since the last attempt an import of the owner failed before it showed which of several sources it was about. */
  unrecognisedFailure: boolean;
  /** Accounts that are nobody's on days of their usage. */
  unassignedAccounts: readonly LinkedAccountId[];
}>;

export type Health = Readonly<{ status: HealthStatus; reasons: readonly Reason[] }>;

type Finding = Reason & Readonly<{ status: HealthStatus }>;

/** The worst that is found decides; every finding is a reason, the worst first. */
export const healthOf = (facts: SourceFacts, thresholds: Thresholds, now: Instant): Health => {
  const findings = [...attempts(facts), ...age(facts, thresholds, now), ...softDefects(facts)].toSorted(
    (a, b) => STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status),
  );
  const worst = findings.find(({ status }) => status !== 'Not available')?.status;
  return {
    status: worst ?? (facts.lastSuccess ? 'Success' : 'Not available'),
    reasons: findings.map(({ code, message }) => ({ code, message })),
  };
};

/** A state that says something is never masked by one that is not available. Of nothing: not available. */
export const rollUp = (statuses: readonly HealthStatus[]): HealthStatus =>
  STATUSES.find((status) => statuses.includes(status)) ?? 'Not available';

const attempts = ({ failure, unrecognisedFailure }: SourceFacts): readonly Finding[] => {
  const found: Finding[] = [];
  if (failure !== null) found.push({ status: 'Failed', code: 'import-failed', message: `The last import failed: ${failure}` });
  if (unrecognisedFailure)
    found.push({
      status: 'Warning',
      code: 'unrecognised-import-failed',
      message: 'An import of the owner failed before it showed which data source it was about.',
    });
  return found;
};

const age = (facts: SourceFacts, thresholds: Thresholds, now: Instant): readonly Finding[] => {
  const { registeredAt, scheduleHours, failure, lastSuccess } = facts;
  if (lastSuccess) {
    if (scheduleHours === null) return [];
    const { warning, failed } = patience(scheduleHours, thresholds);
    const hours = hoursBetween(lastSuccess.at, now);
    if (hours <= warning) return [];
    const message = `The last successful import is ${inWords(hours)} old; one is promised every ${inWords(scheduleHours)}.`;
    return [{ status: hours > failed ? 'Failed' : 'Warning', code: 'late', message }];
  }
  if (failure !== null) return [];
  const { warning, failed } = patience(scheduleHours ?? 0, thresholds);
  const hours = hoursBetween(registeredAt, now);
  const status = hours > failed ? 'Failed' : hours >= warning ? 'Warning' : 'Not available';
  const message = `Nothing has been delivered since the data source was registered ${inWords(hours)} ago.`;
  return [{ status, code: 'nothing-delivered', message }];
};

/** A source that promises less often than the warning comes gets as much more time for both. */
const patience = (
  scheduleHours: number,
  { warningHours, failedHours }: Thresholds,
): Readonly<{ warning: number; failed: number }> => {
  const slower = Math.max(1, scheduleHours / warningHours);
  return { warning: warningHours * slower, failed: failedHours * slower };
};

const softDefects = ({ lastSuccess, unassignedAccounts }: SourceFacts): readonly Finding[] => {
  const found: Finding[] = [];
  const warn = (code: ReasonCode, names: readonly string[], message: string): void => {
    if (names.length > 0) found.push({ status: 'Warning', code, message: `${message}: ${listed(names)}.` });
  };
  warn('unknown-columns', lastSuccess?.unknownColumns ?? [], 'The last import left out unknown columns');
  warn('restated-closed-month', lastSuccess?.restatedMonths ?? [], 'The last import changed the usage of closed months');
  warn('unassigned-accounts', unassignedAccounts, 'Accounts are linked to nobody on days of their usage');
  return found;
};

const SHOWN = 10;

const listed = (names: readonly string[]): string =>
  names.length <= SHOWN ? names.join(', ') : `${names.slice(0, SHOWN).join(', ')} and ${String(names.length - SHOWN)} more`;

const MS_PER_HOUR = 3_600_000;
const hoursBetween = (from: Instant, to: Instant): number => (Date.parse(to) - Date.parse(from)) / MS_PER_HOUR;

const inWords = (hours: number): string => {
  const whole = Math.max(0, Math.floor(hours));
  return whole === 1 ? '1 hour' : `${String(whole)} hours`;
};
