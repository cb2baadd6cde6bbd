import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { notingWrites, type Write } from '#libs/event-sourcing/writes';
import { type ConsistencyToken, tokenOf, type Written, writtenIn } from '#libs/messaging/consistency-token';

/** How a process answers with what it wrote and waits for what the caller wrote, where read models follow later. */
export type Consistency = Readonly<{
  /** Streams that are not published give none. */
  written: (writes: readonly Write[]) => readonly Written[];
  /** False: not within `timeoutMs`. */
  reached: (written: readonly Written[], timeoutMs: number) => Promise<boolean>;
}>;

const CONSISTENCY_TOKEN = 'consistency-token';

/** As long as any header may be: some hundred logs with their partitions. */
const LONGEST = 8_192;

/**
 * A command's answer carries in `Consistency-Token` where its events stand, united with the token that the request brought; a request
 * that brings one is answered from read models that have these events, or with 503.
 */
export const keepConsistent = (fastify: FastifyInstance, { written, reached }: Consistency, timeoutMs: number): void => {
  const requests = new WeakMap<FastifyRequest, Readonly<{ brought: readonly Written[]; writes: Write[] }>>();

  fastify.addHook('onRequest', (request, _reply, done) => {
    let brought: readonly Written[];
    try {
      brought = broughtBy(request);
    } catch (error) {
      done(error as Error);
      return;
    }
    const writes: Write[] = [];
    requests.set(request, { brought, writes });
    const proceed = (): void => {
      notingWrites(writes, done);
    };
    if (brought.length === 0) proceed();
    else reached(brought, timeoutMs).then((level) => (level ? proceed() : done(notYet())), done);
  });
  // Once the body has been read, Node calls back in the socket's context instead of the request's.
  fastify.addHook('preValidation', (request, _reply, done) => {
    notingWrites(requests.get(request)?.writes ?? [], done);
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const { brought = [], writes = [] } = requests.get(request) ?? {};
    answerWith(reply, tokenOf(...brought, ...written(writes)));
    done(null, payload);
  });
};

const answerWith = (reply: FastifyReply, token: ConsistencyToken): void => {
  if (token !== '') void reply.header(CONSISTENCY_TOKEN, token);
};

const broughtBy = ({ headers }: FastifyRequest): readonly Written[] => {
  const token = headers[CONSISTENCY_TOKEN];
  if (token === undefined) return [];
  const brought = typeof token === 'string' && token.length <= LONGEST ? writtenIn(token) : undefined;
  if (brought) return brought;
  const message = 'must be a Consistency-Token as an answer gave it';
  throw new DomainError('invalid', 'invalid-consistency-token', `Consistency-Token ${message}.`, [
    { path: 'Consistency-Token', message },
  ]);
};

const notYet = (): DomainError =>
  new DomainError(
    'unavailable',
    'not-consistent-yet',
    'What the Consistency-Token names has not arrived here yet: try again, or leave the token out to read what there is.',
  );
