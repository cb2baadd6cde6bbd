import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { Answers } from './answers.ts';
import { type Health } from './health.ts';
import { type Metrics } from './metrics.ts';
import { Public } from './requires.ts';
import { choice, list, named, object, saying, text } from './schema.ts';

export const METRICS = Symbol('Metrics');
/** `() => Promise<Health>`. */
export const HEALTH = Symbol('health');

type Liveness = Readonly<{ status: 'live' }>;

const healthSchema = named(
  'Health',
  object<Health>({
    status: choice('ready', 'not-ready'),
    reasons: saying('Why it is not ready', list(text)),
    warnings: saying('What an operator should look at, although answers are right', list(text)),
  }),
);

/** What runs the platform looks at these; they tell nothing about tenants. */
@Controller()
@ApiTags('operations')
export class OperationsController {
  readonly #metrics: Metrics;
  readonly #health: () => Promise<Health>;

  constructor(@Inject(METRICS) metrics: Metrics, @Inject(HEALTH) health: () => Promise<Health>) {
    this.#metrics = metrics;
    this.#health = health;
  }

  @Get('health/live')
  @Public('for whoever restarts the process')
  @ApiOperation({ summary: 'Does the process answer?' })
  @Answers(200, object<Liveness>({ status: choice('live') }))
  live(): Liveness {
    return { status: 'live' };
  }

  @Get('health/ready')
  @Public('for load balancers')
  @ApiOperation({ summary: 'Are answers complete? Otherwise 503 and why' })
  @Answers(200, healthSchema)
  @Answers(503, healthSchema)
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Health> {
    const health = await this.#health();
    void reply.status(health.status === 'ready' ? 200 : 503);
    return health;
  }

  @Get('metrics')
  @Public('for Prometheus; numbers without names')
  @ApiOperation({ summary: 'Prometheus metrics' })
  @Answers(200, text, { mediaType: 'text/plain' })
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.type(this.#metrics.contentType);
    return this.#metrics.text();
  }
}
