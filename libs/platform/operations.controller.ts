import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { type Health } from './health.ts';
import { type Metrics } from './metrics.ts';
import { Public } from './requires.ts';

export const METRICS = Symbol('Metrics');
/** `() => Promise<Health>`. */
export const HEALTH = Symbol('health');

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
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('health/ready')
  @Public('for load balancers')
  @ApiOperation({ summary: 'Are answers complete? Otherwise 503 and why' })
  @ApiOkResponse({ description: '`status` ready, `reasons`, `warnings`' })
  @ApiServiceUnavailableResponse({ description: '`status` not-ready with its `reasons`' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Health> {
    const health = await this.#health();
    void reply.status(health.status === 'ready' ? 200 : 503);
    return health;
  }

  @Get('metrics')
  @Public('for Prometheus; numbers without names')
  @ApiOperation({ summary: 'Prometheus metrics' })
  @ApiProduces('text/plain')
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.type(this.#metrics.contentType);
    return this.#metrics.text();
  }
}
