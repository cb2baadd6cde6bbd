import { type Answer } from '../platform-process.ts';

/** An answer as it is compared: every byte of it, but for what is another at any other time. */
export type Comparable = Readonly<{ asked: string; status: number; headers: Readonly<Record<string, string>>; text: string }>;

/** Of the moment, or of the one connection. */
const OF_THE_MOMENT: ReadonlySet<string> = new Set(['date', 'traceparent', 'connection', 'keep-alive']);

/** To the millisecond: what a request named itself is coarser, and stays. */
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const TRACE = /"traceId":"[\da-f]{32}"/g;
/** That of a rating counts what the platform has rated; it says nothing of anybody. */
const RATING = /"id":"[\da-f-]{36}"(,"type":"BillRevised",)/g;
const CURSOR = /"nextCursor":"([\w-]+)"/g;

/**
 * What may differ between two runs of one script on two copies of the same data, and nothing else: instants of the wall clock, traces,
 * in cursors instants and how far a log has been read, which counts what everybody did, and ids of the events of ratings, whose order
 * is the platform's, and of `logins`, each of which is a new one. All other ids follow from Idempotency-Keys.
 */
export const comparable = (
  asked: string,
  { status, headers, text }: Pick<Answer, 'status' | 'headers' | 'text'>,
  logins: readonly string[] = [],
): Comparable => {
  const alike = (of: string): string => logins.reduce((found, id) => found.replaceAll(id, '<login>'), of);
  const kept = Object.entries(headers).filter(([name]) => !OF_THE_MOMENT.has(name));
  return {
    asked,
    status,
    headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
    text: alike(text)
      .replace(INSTANT, '<instant>')
      .replace(TRACE, '"traceId":"<trace>"')
      .replace(RATING, '"id":"<rating>"$1')
      .replace(CURSOR, (_, cursor: string) => `"nextCursor":${alike(placeIn(cursor))}`),
  };
};

/** A cursor of a log is its id and the position, which is a number; one of a list is where the list is. */
const placeIn = (cursor: string): string => {
  const place = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown;
  const isOfLog = Array.isArray(place) && typeof place[1] === 'number' && /^[\da-f-]{36}$/.test(String(place[0]));
  return JSON.stringify(isOfLog ? [place[0], '<position>', ...place.slice(2)] : place).replace(INSTANT, '<instant>');
};

const SHOWN = 300;

/** Where two runs differ, in words. */
export const differences = (alone: readonly Comparable[], beside: readonly Comparable[]): readonly string[] => {
  const faults: string[] = [];
  for (let at = 0; at < Math.max(alone.length, beside.length); at++) {
    const [one, other] = [alone[at], beside[at]];
    if (one === undefined || other === undefined || one.asked !== other.asked) {
      faults.push(`request ${String(at + 1)} is ${one?.asked ?? 'none'} alone, and ${other?.asked ?? 'none'} beside the others`);
      break;
    }
    const [left, right] = [told(one), told(other)];
    if (left === right) continue;
    const from = Math.max(0, firstDifference(left, right) - SHOWN / 3);
    faults.push(`${one.asked}\n    alone:  ${left.slice(from, from + SHOWN)}\n    beside: ${right.slice(from, from + SHOWN)}`);
  }
  return faults;
};

const told = ({ status, headers, text }: Comparable): string => `${String(status)} ${JSON.stringify(headers)} ${text}`;

const firstDifference = (left: string, right: string): number => {
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  return at;
};
