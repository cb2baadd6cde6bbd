import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { Answers } from '#libs/platform/answers';
import { type Health } from '#libs/platform/health';
import { page } from '#libs/platform/published-schemas';
import { Public } from '#libs/platform/requires';
import { choice, flag, list, object, saying, text } from '#libs/platform/schema';
import { type Page } from '#libs/read-models/read-model';
import { ServiceDirectory } from './service-directory.ts';

type Liveness = Readonly<{ status: 'live' }>;
type ServiceReadiness = Readonly<{ name: string; ready: boolean }>;

const health = object<Health>({
  status: choice('ready', 'not-ready'),
  reasons: saying('Why it is not ready, by service and process', list(text)),
  warnings: saying('What an operator should look at, although answers are right', list(text)),
});

/** What is told of the services as a whole; nothing of tenants. */
@Controller()
@ApiTags('operations')
export class GatewayController {
  readonly #directory: ServiceDirectory;

  constructor(@Inject(ServiceDirectory) directory: ServiceDirectory) {
    this.#directory = directory;
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
  @ApiOperation({ summary: 'Has every service a process whose answers are complete? Otherwise 503 and why' })
  @Answers(200, health)
  @Answers(503, health)
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Health> {
    const services = [...(await this.#directory.readiness()).values()];
    const status = services.every(({ ready }) => ready) ? 'ready' : 'not-ready';
    void reply.status(status === 'ready' ? 200 : 503);
    return {
      status,
      reasons: services.flatMap(({ reasons }) => reasons),
      warnings: services.flatMap(({ warnings }) => warnings),
    };
  }

  @Get('api/v1/services')
  @Public('names only, for tools of operators')
  @ApiOperation({ summary: 'The services behind this address', description: 'In the order of the configuration.' })
  @Answers(
    200,
    page(object<ServiceReadiness>({ name: text, ready: saying('Has it a process whose answers are complete?', flag) })),
  )
  async services(): Promise<Page<ServiceReadiness>> {
    const items = [...(await this.#directory.readiness())].map(([name, { ready }]) => ({ name, ready }));
    return { items, nextCursor: null, total: items.length };
  }
}
