import { v5 as uuidv5 } from 'uuid';
import { type Recorded } from '#libs/event-sourcing/event';
import { type Letter, type Mail } from '#libs/mail/mail';
import { type Consumer } from '#libs/messaging/consumer';
import { type Platform } from '#libs/platform/service';
import { type ImpersonationEvent } from '#libs/published/acting';
import { type Clock, systemClock } from '#libs/time/time';
import { impersonation } from '../impersonation/impersonation.ts';
import { type UserRow } from '../user-list/user-list.projection.ts';
import { adminsOf, personOf, tenantOf } from './addressees.ts';

type Started = Extract<ImpersonationEvent, { type: 'ImpersonationStarted' }>['data'];

/** What began longer ago is no news: it stands in the log. */
const NEWS_MS = 86_400_000;

/**
 * Tells the customer that somebody acts as one of its users: the user, and the tenant's own Admins, who can end it. A redelivered
 * event sends the same letters again. @param clock of the wall
 */
export const onImpersonationStarted = (
  { readModels }: Pick<Platform, 'readModels'>,
  mail: Mail,
  clock: Clock = systemClock,
): Consumer => ({
  name: 'access-control.on-impersonation-started',
  categories: [impersonation.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isStarted(event)) return;
    const { tenantId, userId, actorId, startedAt } = event.data;
    if (Date.parse(clock.now()) - Date.parse(startedAt) > NEWS_MS) return;
    const tenant = await tenantOf(readModels, tenantId);
    const told = new Set([userId, ...(await adminsOf(readModels, tenantId))].filter((id) => id !== actorId));
    const about = { tenant: tenant.name, user: await personOf(readModels, userId), actor: await personOf(readModels, actorId) };
    for (const id of told)
      await mail.send(letterOf(uuidv5(id, event.eventId), await personOf(readModels, id), about, event.data));
  },
});

const isStarted = (event: Recorded): event is Recorded & Readonly<{ type: 'ImpersonationStarted'; data: Started }> =>
  event.type === 'ImpersonationStarted';

type About = Readonly<{ tenant: string; user: UserRow; actor: UserRow }>;

const letterOf = (id: string, to: UserRow, { tenant, user, actor }: About, { reason, startedAt, until }: Started): Letter => ({
  id,
  to: to.email,
  subject: `Somebody acts as ${to.id === user.id ? 'you' : user.name} at ${tenant}`,
  text: `Hello ${to.name},

${actor.name} (${actor.email}) acts as ${to.id === user.id ? 'you' : `${user.name} (${user.email})`} at ${tenant}
from ${minuteOf(startedAt)} to ${minuteOf(until)} UTC at the latest. The reason given is:

${reason}

Whatever is done stands in the activity log of ${tenant} with both names. An Admin of ${tenant} can end it at any time.
`,
});

const minuteOf = (instant: string): string => instant.slice(0, 16).replace('T', ' ');
