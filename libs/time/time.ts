/** Days, months and instants as the text that travels in events and JSON. Everything is UTC; a time without a zone is UTC. */

import { type Brand } from '#libs/brand';

/** A calendar day, `YYYY-MM-DD`. Compares as text. */
export type Day = Brand<string, 'Day'>;
/** A calendar month, `YYYY-MM`. Compares as text. */
export type Month = Brand<string, 'Month'>;
/** An RFC 3339 instant in UTC with milliseconds, `YYYY-MM-DDThh:mm:ss.sssZ`. Compares as text. */
export type Instant = Brand<string, 'Instant'>;

/** The business clock: injected everywhere, so that tests and timers decide what "now" is. */
export type Clock = Readonly<{ now: () => Instant }>;

export const systemClock: Clock = { now: () => new Date().toISOString() as Instant };

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const MS_PER_DAY = 86_400_000;

const utcMidnight = (day: Day): number => Date.parse(`${day}T00:00:00.000Z`);

/** So that the day after any day is one too, written with four digits of year and comparing as text. */
const LAST_YEAR = '9998';

export const isDay = (text: string): text is Day =>
  DAY.test(text) &&
  text.slice(0, 4) <= LAST_YEAR &&
  !Number.isNaN(Date.parse(`${text}T00:00:00.000Z`)) &&
  new Date(`${text}T00:00:00.000Z`).toISOString().startsWith(text);

export const isMonth = (text: string): text is Month => MONTH.test(text) && text.slice(0, 4) <= LAST_YEAR;

export const isInstant = (text: string): text is Instant =>
  INSTANT.test(text) && isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text));

/** @throws RangeError when the text is no calendar day. */
export const day = (text: string): Day => {
  if (!isDay(text)) throw new RangeError(`"${text}" is not a day (YYYY-MM-DD)`);
  return text;
};

/** @throws RangeError when the text is no calendar month. */
export const month = (text: string): Month => {
  if (!isMonth(text)) throw new RangeError(`"${text}" is not a month (YYYY-MM)`);
  return text;
};

export const dayOf = (instant: Instant): Day => instant.slice(0, 10) as Day;
export const monthOf = (of: Day): Month => of.slice(0, 7) as Month;
export const firstDay = (of: Month): Day => `${of}-01` as Day;
export const addDays = (to: Day, count: number): Day =>
  new Date(utcMidnight(to) + count * MS_PER_DAY).toISOString().slice(0, 10) as Day;
export const nextMonth = (of: Month): Month => monthOf(addDays(firstDay(of), 31));
export const lastDay = (of: Month): Day => addDays(firstDay(nextMonth(of)), -1);
/** Whole days from one day to another; negative when `to` is earlier. */
export const daysBetween = (from: Day, to: Day): number => Math.round((utcMidnight(to) - utcMidnight(from)) / MS_PER_DAY);
export const daysIn = (of: Month): number => daysBetween(firstDay(of), firstDay(nextMonth(of)));
/** Midnight UTC at which a day begins. */
export const startOf = (of: Day): Instant => `${of}T00:00:00.000Z` as Instant;
