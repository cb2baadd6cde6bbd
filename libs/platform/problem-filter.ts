import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { type FastifyReply } from 'fastify';
import { type Logger } from 'pino';
import { problemBody, problemOf } from './problem.ts';
import { currentTrace } from './trace.ts';

/** The one way out for everything thrown on behalf of a request. The cause goes to the log, never to the caller. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    this.answer(error, host.switchToHttp().getResponse<FastifyReply>());
  }

  answer(error: unknown, reply: FastifyReply): void {
    const problem = problemOf(error);
    if (problem.ours) this.#log.error({ err: error, code: problem.code }, 'request failed');
    if (reply.sent || reply.raw.headersSent) return;
    void reply
      .status(problem.status)
      .headers(problem.headers ?? {})
      .type('application/problem+json; charset=utf-8')
      .send(problemBody(problem, currentTrace()?.traceId ?? ''));
  }
}
