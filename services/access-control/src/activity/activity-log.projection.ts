import { type Instant } from '#libs/time/time';
import {
  type Category,
  categoryOf,
  personOf,
  type JsonValue,
  type Principal,
  type Recorded,
  type WayOfActing,
} from '#libs/event-sourcing/event';
import { part, projection } from '#libs/read-models/projection';
import { activityOf, type ActivityCategory, type ActivityLevel, isTold, tenantIn, TOLD_CATEGORIES } from './activities.ts';

/** One thing that somebody did. */
export type ActivityRow = Readonly<{
  id: string;
  /** In whose log it stands. */
  tenantId: string;
  /** That tenant, and the one as whose user the person acted: whose log may refer to it. */
  logs: readonly string[];
  at: Instant;
  category: ActivityCategory;
  level: ActivityLevel;
  event: string;
  /** The kind of stream that it is in. */
  source: Category;
  message: string;
  changes: Readonly<Record<string, JsonValue>>;
  /** Who did it, in person. */
  person: string;
  /** As whom, where it was not as themselves. */
  as: string | null;
  via: WayOfActing | null;
  /** The tenant as whose user they acted, where it is another one; `platform` for whoever runs it. */
  home: string | null;
  reason: string | null;
}>;

type Entry = Omit<ActivityRow, 'id'>;

/** About no tenant at all: nobody's log. */
const tenantOf = ({ metadata, data }: Recorded): string | undefined => metadata.tenant ?? tenantIn(data);

const entryOf = (event: Recorded): Entry => {
  const { principal, time } = event.metadata;
  const tenantId = tenantOf(event) ?? 'platform';
  const home = homeOf(principal, tenantId);
  return {
    tenantId,
    logs: home === null || home === 'platform' ? [tenantId] : [tenantId, home],
    at: time,
    event: event.type,
    source: categoryOf(event.stream),
    ...activityOf(event),
    person: personOf(principal),
    as: principal.actor ? principal.id : null,
    via: principal.via ?? null,
    home,
    reason: principal.actor?.reason ?? null,
  };
};

const homeOf = ({ home }: Principal, tenantId: string): string | null => (home === undefined || home === tenantId ? null : home);

/** A document for each event that is told: nothing of what was done is ever written over. */
const told = (category: Category) =>
  part<Recorded, Entry>(category, {
    document: (event) => (isTold(event) && tenantOf(event) !== undefined ? event.eventId : undefined),
    evolve: (_nothing, event) => entryOf(event),
  });

export const activityLog = projection({
  name: 'activity-log',
  version: 5,
  parts: Object.fromEntries(TOLD_CATEGORIES.map((category) => [category.replace('.', '-'), told(category)])),
  row: (parts, id): ActivityRow | undefined => {
    const entry = Object.values(parts).find((each) => each !== undefined);
    return entry && { id, ...entry };
  },
  indexes: [['tenantId', 'at'], ['at']],
  elements: ['logs'],
});
