import { type FastifyRequest } from 'fastify';
import { instant } from '#libs/platform/published-schemas';
import { named, object, saying, schema, text } from '#libs/platform/schema';
import { type Profile, profile } from './profile.ts';
import { type IssuedSession } from './sessions.ts';

export type LoginAnswer = IssuedSession & Readonly<{ user: Profile }>;

export const loginAnswer = named(
  'Login',
  object<LoginAnswer>({
    accessToken: saying('Goes into `Authorization: Bearer …`', text),
    expiresAt: schema({ type: 'string', format: 'date-time' }),
    refreshToken: saying('Good for one refresh: it ends the session when it is used again', text),
    refreshableUntil: saying('The session ends then, unless it is refreshed; at last it ends all the same', instant),
    user: profile,
  }),
);

const LONGEST_DEVICE = 200;

/** As much as is worth showing. */
export const deviceOf = ({ headers }: FastifyRequest): string | null =>
  headers['user-agent']?.replaceAll(/[^\x20-\x7e]/g, '').slice(0, LONGEST_DEVICE) ?? null;
