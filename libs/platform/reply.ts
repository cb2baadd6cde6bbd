import { type FastifyReply } from 'fastify';
import { type Revision } from '#libs/event-sourcing/event';

/** An entity's own revision as a strong entity tag; `If-Match` brings it back. */
const entityTag = (revision: Revision): string => `"${String(revision)}"`;

export const withETag = (reply: FastifyReply, revision: Revision): void => {
  void reply.header('etag', entityTag(revision));
};

/** 201 with where the new thing is (a path, `/api/v1/…`) and, where it has one, its entity tag. */
export const created = (reply: FastifyReply, location: string, revision?: Revision): void => {
  void reply.status(201).header('location', location);
  if (revision !== undefined) withETag(reply, revision);
};
