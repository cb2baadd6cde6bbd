import { Controller, Get, Inject, Query, type Type } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { maskedData, type Sight, sightOf } from '#libs/access-policy/masking';
import { decide, type Standing } from '#libs/access-policy/policy';
import { SHOWN_CATEGORIES, shownData } from '#libs/access-policy/shown-data';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import {
  type Category,
  categoryOf,
  personOf,
  type Position,
  type Recorded,
  type WayOfActing,
  WAYS_OF_ACTING,
} from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type TenantId } from '#libs/published/ids';
import { cursorTo, foreignCursor, placeOf } from '#libs/read-models/cursor';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';
import { Answers } from './answers.ts';
import { type Caller, CallerOf } from './caller.ts';
import { instant, tenantId } from './published-schemas.ts';
import { Requires } from './requires.ts';
import { choice, flag, list, named, nullable, object, saying, schema, text } from './schema.ts';
import { EVENT_STORE, READ_MODELS } from './tokens.ts';
import { Optional, QueryInteger } from './validation.ts';

class EventsQuery {
  @Optional()
  @QueryInteger(1, 500)
  @ApiPropertyOptional({ description: 'Most events of this answer', default: 100, minimum: 1, maximum: 500 })
  limit?: number;

  @Optional()
  @IsString()
  @MaxLength(2_000)
  @ApiPropertyOptional({ description: '`nextCursor` of the answer before; without it from the beginning' })
  cursor?: string;
}

type EventAnswer = Readonly<{
  id: string;
  type: string;
  source: string;
  at: Instant;
  tenantId: TenantId;
  by: string;
  via: WayOfActing | null;
  data: unknown;
}>;

type Feed = Readonly<{ items: readonly EventAnswer[]; nextCursor: string; caughtUp: boolean }>;

const feed = object<Feed>({
  items: list(
    named(
      'Event',
      object<EventAnswer>({
        id: saying('The same however often it is read', text),
        type: text,
        source: saying('The kind of thing that it happened to', text),
        at: instant,
        tenantId: saying('Whose thing that is', tenantId),
        by: saying('Who did it, in person: UUID of a user or a service account, or the name of a part of the platform', text),
        via: nullable(choice(...WAYS_OF_ACTING)),
        data: saying(
          'A field that you may not read from its own route is null',
          schema<unknown>({ type: 'object', additionalProperties: true }),
        ),
      }),
    ),
  ),
  nextCursor: saying('Ask with it next time, also when there was nothing: it never ends', text),
  caughtUp: saying('Nothing more has happened by now', flag),
});

const LIMIT = 100;
/** So many events are looked at for an answer, or one who reaches little of a long log would keep it for themselves. */
const LOOKED_AT = 5_000;

/** What a reader sees of a tenant's events; nothing at all: null. */
type SightOf = (tenantId: TenantId) => Promise<Sight | null>;

const camelCase = (name: string): string => name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * The feed for other systems: of everything, or of one service, which is there however the services run. Where each has a log of its
 * own, so have the cursors: none leads on in another feed.
 */
export const eventsControllerOf = (service?: string): Type => {
  const categories = SHOWN_CATEGORIES.filter((category) => service === undefined || category.startsWith(`${service}.`));
  const feedName = service === undefined ? [] : [service];

  @ApiTags('events')
  @Controller(service === undefined ? 'events' : `services/${service}/events`)
  class EventsController {
    readonly #store: EventStore;
    readonly #readModels: ReadModels;

    constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
      this.#store = store;
      this.#readModels = readModels;
    }

    @Get()
    @Requires('events:read', 'reach')
    @ApiOperation({
      ...(service === undefined ? {} : { operationId: `events${camelCase(service)}` }),
      summary:
        service === undefined ? 'What has happened, for other systems' : `What has happened in ${service}, for other systems`,
      description:
        'Events of all tenants within reach, in order, each one once, as the policy lets you see them. Ask again with `nextCursor`; an ' +
        'answer may hold fewer events than `limit`, or none, though `caughtUp` is false. They say what happened to what: amounts are ' +
        'read from the thing itself. ' +
        (service === undefined
          ? 'Only where all services are one process; `/services/{service}/events` is there always.'
          : 'In order within the service; a cursor leads on in this feed only.'),
    })
    @Answers(200, feed)
    async events(@Query() { limit = LIMIT, cursor }: EventsQuery, @CallerOf() { standing }: Caller): Promise<Feed> {
      const seenOf = this.#sight(standing);
      const items: EventAnswer[] = [];
      let position = cursor === undefined ? 0 : this.#positionIn(cursor);
      let caughtUp = false;
      let looked = 0;
      const enough = new AbortController();
      try {
        for await (const event of this.#store.subscribe(categories, position, enough.signal)) {
          if (event === 'caught-up') {
            caughtUp = true;
            break;
          }
          position = event.position;
          const shown = await shownTo(event, seenOf);
          if (shown) items.push(shown);
          looked += 1;
          if (items.length >= limit || looked >= LOOKED_AT) break;
        }
      } finally {
        enough.abort();
      }
      return { items, nextCursor: cursorTo([this.#store.logId, position, ...feedName]), caughtUp };
    }

    #positionIn(cursor: string): Position {
      const [logId, position, ...of] = placeOf(cursor);
      if (logId !== this.#store.logId || of.join() !== feedName.join()) throw foreignCursor();
      if (typeof position !== 'number' || !Number.isSafeInteger(position) || position < 0) throw foreignCursor();
      return position;
    }

    #sight(standing: Standing): SightOf {
      const known = new Map<TenantId, Sight | null>();
      return async (tenantId) => {
        const found = known.get(tenantId);
        if (found !== undefined) return found;
        const path = (await this.#readModels.of(tenantTree).get(tenantId))?.path;
        const sight = path && decide(standing, 'events:read', path) === 'allowed' ? sightOf(standing, path) : null;
        known.set(tenantId, sight);
        return sight;
      };
    }
  }
  return EventsController;
};

const shownTo = async (event: Recorded, seenOf: SightOf): Promise<EventAnswer | undefined> => {
  const source: Category = categoryOf(event.stream);
  const data = shownData(source, event.type, event.data);
  if (!data) return undefined;
  const { principal, tenant, time } = event.metadata;
  const owner = typeof data['tenantId'] === 'string' ? data['tenantId'] : tenant;
  if (owner === null) return undefined;
  const sight = await seenOf(owner as TenantId);
  if (!sight) return undefined;
  return {
    id: event.eventId,
    type: event.type,
    source,
    at: time,
    tenantId: owner as TenantId,
    by: personOf(principal),
    via: principal.via ?? null,
    data: maskedData(source, data, sight),
  };
};
