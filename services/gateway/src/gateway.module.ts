import { type IncomingMessage, type Server } from 'node:http';
import { type BeforeApplicationShutdown, type DynamicModule, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import replyFrom from '@fastify/reply-from';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { type Logger } from 'pino';
import { type Configuration, HttpConfiguration, LoggingConfiguration, readConfiguration } from '#libs/platform/configuration';
import { createLog, NestLog } from '#libs/platform/logging';
import { type ProblemAnswer, problemBody, problemOf } from '#libs/platform/problem';
import { ProblemFilter } from '#libs/platform/problem-filter';
import { securityHeaders } from '#libs/platform/security-headers';
import { formatTraceparent, type Trace, traceOf, withinTrace } from '#libs/platform/trace';
import { refusalOfUnreadable } from '#libs/platform/unreadable-request';
import { bodyOf, forward, type Patience } from './forward.ts';
import { addressesIn, GatewayConfiguration } from './gateway-configuration.ts';
import { GatewayController } from './gateway.controller.ts';
import { Instances } from './instances.ts';
import { joinedApiDocs } from './joined-api-docs.ts';
import { ServiceDirectory } from './service-directory.ts';

export const GATEWAY_CONCERNS = [HttpConfiguration, GatewayConfiguration, LoggingConfiguration];

export type StartOptions = Readonly<{
  environment: Readonly<Record<string, string | undefined>>;
  log?: Logger;
}>;

export type RunningGateway = Readonly<{ url: string; log: Logger; stop: () => Promise<void> }>;

/** A service says itself that it takes too long; only one that says nothing is cut off from here, a little later. */
const GRACE_MS = 5_000;
const CONNECT_MS = 2_000;
const CONNECTIONS = 256;
const LOOKED_EVERY_MS = 100;

/** @throws ConfigurationFault with every fault */
export const startGateway = async ({ environment, log: given }: StartOptions): Promise<RunningGateway> => {
  const configuration = readConfiguration(GATEWAY_CONCERNS, environment);
  const { host, port, requestTimeoutSeconds, uploadTimeoutSeconds } = configuration(HttpConfiguration);
  const log = given ?? createLog(configuration(LoggingConfiguration).level);
  const services = [...addressesIn(configuration(GatewayConfiguration))].map(([name, urls]) => new Instances(name, urls));
  const directory = new ServiceDirectory(services, log);
  const app = await createGateway(directory, configuration, log, {
    usualMs: requestTimeoutSeconds * 1_000 + GRACE_MS,
    longMs: uploadTimeoutSeconds * 1_000 + GRACE_MS,
  });
  try {
    await app.listen(port, host);
  } catch (error) {
    await app.close();
    throw error;
  }
  const url = (await app.getUrl()).replace('[::1]', 'localhost').replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
  return { url, log, stop: () => app.close() };
};

const createGateway = async (
  directory: ServiceDirectory,
  configuration: Configuration,
  log: Logger,
  patience: Patience,
): Promise<NestFastifyApplication> => {
  const { uploadTimeoutSeconds, shutdownSeconds, trustedProxies } = configuration(HttpConfiguration);
  const filter = new ProblemFilter(log);
  const adapter = new FastifyAdapter({
    trustProxy: trustedProxies.length > 0 && trustedProxies,
    requestTimeout: uploadTimeoutSeconds * 1_000,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 16_384 },
    skipMiddie: true,
    frameworkErrors: (error: unknown, { url }: FastifyRequest, reply: FastifyReply) => {
      filter.answer(error, reply.headers(securityHeaders(url)));
    },
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.end(refusalOfUnreadable(error.code));
    },
  });
  serveForwarding(adapter, directory, configuration, log, patience);
  const shutdown = new Shutdown(directory, shutdownSeconds * 1_000, log);
  const app = await NestFactory.create<NestFastifyApplication>(gatewayModule(directory, shutdown), adapter, {
    logger: new NestLog(log),
    abortOnError: false,
    bodyParser: false,
  });
  shutdown.server = app.getHttpServer();
  app.useGlobalFilters(filter);
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  serveJoinedApiDocs(app, directory);
  return app;
};

const serveForwarding = (
  adapter: FastifyAdapter,
  directory: ServiceDirectory,
  configuration: Configuration,
  log: Logger,
  patience: Patience,
): void => {
  const fastify = adapter.getInstance();
  const { requests: logged } = configuration(LoggingConfiguration);
  const traces = new WeakMap<FastifyRequest, Trace>();
  const traceFor = (request: FastifyRequest): Trace => traces.get(request) ?? traceOf(undefined);

  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (request: FastifyRequest, body: IncomingMessage) => bodyOf(request, body));
  void fastify.register(replyFrom, {
    undici: { connect: { timeout: CONNECT_MS }, connections: CONNECTIONS, pipelining: 1 },
    disableRequestLogging: true,
    disableCache: true,
    destroyAgent: true,
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    const { traceparent } = request.headers;
    const trace = traceOf(typeof traceparent === 'string' ? traceparent : undefined);
    traces.set(request, trace);
    void reply.headers(securityHeaders(request.url)).header('traceparent', formatTraceparent(trace));
    withinTrace(trace, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    if (logged)
      log.info(
        {
          method: request.method,
          path: pathOf(request),
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime),
          traceId: traceFor(request).traceId,
        },
        'answered',
      );
    done();
  });

  const refuse = (request: FastifyRequest, reply: FastifyReply, problem: ProblemAnswer): void => {
    if (reply.sent || reply.raw.headersSent) return;
    const { traceId } = traceFor(request);
    if (problem.ours) log.warn({ traceId, path: pathOf(request), code: problem.code }, problem.detail);
    // What has not been read of a body cannot be told from the next request.
    if (request.body !== undefined && !request.raw.complete) void reply.header('connection', 'close');
    void reply
      .status(problem.status)
      .headers(problem.headers ?? {})
      .type('application/problem+json; charset=utf-8')
      .send(problemBody(problem, traceId));
  };
  const pass = (request: FastifyRequest, reply: FastifyReply, instances: Instances, path: string): FastifyReply => {
    forward(request, reply, {
      instances,
      path,
      trace: traceFor(request),
      patience,
      refuse: (problem) => {
        refuse(request, reply, problem);
      },
    });
    return reply;
  };

  const errorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    refuse(request, reply, problemOf(error));
  };
  const method = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
  fastify.route<{ Params: { service: string } }>({
    method,
    errorHandler,
    url: '/api/v1/services/:service/operations/*',
    handler: (request, reply) => {
      const instances = directory.services.get(request.params.service);
      if (instances) return pass(request, reply, instances, pathOf(request).replace(/^\/api\/v1\/services\/[^/]+/, '/api/v1'));
      refuse(request, reply, unknownService([...directory.services.keys()]));
      return reply;
    },
  });
  fastify.route({
    method,
    errorHandler,
    url: '/api/v1/*',
    handler: (request, reply) => {
      const path = pathOf(request);
      const instances = directory.serving(path);
      if (instances) return pass(request, reply, instances, path);
      const { unknown } = directory;
      refuse(request, reply, unknown.length > 0 ? starting(unknown) : noRoute(request));
      return reply;
    },
  });
};

/** Without the query, which may hold what people searched for. */
const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

const starting = (services: readonly string[]): ProblemAnswer => ({
  status: 503,
  code: 'service-unavailable',
  detail: `Not all services have started yet (${services.join(', ')}): whether one of them serves this is not known. Try again.`,
  headers: { 'retry-after': '1' },
  ours: true,
});

const noRoute = (request: FastifyRequest): ProblemAnswer => ({
  status: 404,
  code: 'route-not-found',
  detail: ofEachService(pathOf(request)) ?? `Cannot ${request.method} ${pathOf(request)}`,
  ours: false,
});

/** Where the services have it, of what one process that runs all of them has once. */
const ofEachService = (path: string): string | undefined => {
  if (path.startsWith('/api/v1/operations/'))
    return 'Every service has operators’ routes of its own: /api/v1/services/SERVICE/operations/… (GET /api/v1/services names them).';
  if (path === '/api/v1/events')
    return 'Every service has a feed of its own: /api/v1/services/SERVICE/events (GET /api/v1/services names them).';
  return undefined;
};

const unknownService = (services: readonly string[]): ProblemAnswer => ({
  status: 404,
  code: 'unknown-service',
  detail: `There is no such service. There are: ${services.join(', ')}.`,
  ours: false,
});

const serveJoinedApiDocs = (app: NestFastifyApplication, directory: ServiceDirectory): void => {
  const outline = new DocumentBuilder().setTitle('Tributary').setVersion('1').build();
  let own: OpenAPIObject | undefined;
  SwaggerModule.setup('api/docs', app, () => (own ??= SwaggerModule.createDocument(app, outline)), {
    jsonDocumentUrl: 'api/docs-json',
    customSiteTitle: 'Tributary API',
    swaggerOptions: { persistAuthorization: true, tagsSorter: 'alpha' },
    // Services that start later, or anew, are in the next answer.
    patchDocumentOnRequest: (_request, _reply, document) => joinedApiDocs(document, directory.documents),
  });
};

const gatewayModule = (directory: ServiceDirectory, shutdown: Shutdown): DynamicModule => ({
  module: GatewayModule,
  controllers: [GatewayController],
  providers: [
    { provide: ServiceDirectory, useValue: directory },
    { provide: Shutdown, useValue: shutdown },
  ],
});

@Module({})
class GatewayModule {}

/** No new requests, those under way may finish for a while. Nest closes the server between the two hooks. */
class Shutdown implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #following = new AbortController();
  readonly #followed: Promise<void>;
  readonly #patienceMs: number;
  readonly #log: Logger;
  #impatience: NodeJS.Timeout | undefined;
  #closing: NodeJS.Timeout | undefined;
  server: Pick<Server, 'closeIdleConnections' | 'closeAllConnections'> | undefined;

  constructor(directory: ServiceDirectory, patienceMs: number, log: Logger) {
    this.#followed = directory.run(this.#following.signal);
    this.#patienceMs = patienceMs;
    this.#log = log;
  }

  beforeApplicationShutdown(): void {
    this.#impatience = setTimeout(() => {
      this.#log.warn('requests did not end in time; their connections are closed');
      this.server?.closeAllConnections();
    }, this.#patienceMs);
    // Those that were promised to be kept open before the end began.
    this.#closing = setInterval(() => this.server?.closeIdleConnections(), LOOKED_EVERY_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.#impatience);
    clearInterval(this.#closing);
    this.#following.abort();
    await this.#followed;
    this.#log.info('stopped');
  }
}
