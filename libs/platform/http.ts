import { type DynamicModule, ServiceUnavailableException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { type Logger } from 'pino';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { serveApiDocs } from './api-docs.ts';
import { HttpConfiguration, IngestionConfiguration, LoggingConfiguration, type Configuration } from './configuration.ts';
import { type Consistency, keepConsistent } from './consistency.ts';
import { Deadlines } from './deadlines.ts';
import { InputPipe } from './input-pipe.ts';
import { isTooDeep, MOST_LEVELS } from './json-depth.ts';
import { KnownMethods } from './known-methods.ts';
import { NestLog } from './logging.ts';
import { type Metrics } from './metrics.ts';
import { MethodNotAllowed } from './problem.ts';
import { ProblemFilter } from './problem-filter.ts';
import { routesWithoutRule } from './routes.ts';
import { securityHeaders } from './security-headers.ts';
import { formatTraceparent, traceOf, withinTrace, type Trace } from './trace.ts';
import { refusalOfUnreadable } from './unreadable-request.ts';

const API_PREFIX = 'api/v1';
/** Not under the prefix: what runs the platform has its own conventions. */
const UNPREFIXED = ['health/live', 'health/ready', 'metrics'];

const MIB = 1_048_576;

/** For pages of other addresses that are let in: tokens go in a header, so no cookie ever has to. */
const CORS = {
  methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  exposedHeaders: ['etag', 'location', 'retry-after', 'consistency-token', 'traceparent', 'content-disposition'],
  credentials: false,
  maxAge: 600,
};

/**
 * The Nest application on Fastify. What every request needs (trace, headers, log line, metrics) is Fastify hooks: Nest's interceptors
 * and middleware cost several times the CPU of a small request. @throws Error when a route declares no access rule
 */
export const createHttpApplication = async (
  root: DynamicModule,
  configuration: Configuration,
  log: Logger,
  metrics: Metrics,
  consistency?: Consistency,
): Promise<NestFastifyApplication> => {
  const filter = new ProblemFilter(log);
  const adapter = fastifyAdapter(configuration, filter, log, metrics);
  if (consistency)
    keepConsistent(adapter.getInstance(), consistency, configuration(HttpConfiguration).consistencySeconds * 1_000);
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: new NestLog(log),
    abortOnError: false,
    bodyParser: false,
  });
  const { corsOrigins } = configuration(HttpConfiguration);
  if (corsOrigins.length > 0) app.enableCors({ ...CORS, origin: corsOrigins });
  app.setGlobalPrefix(API_PREFIX, { exclude: UNPREFIXED });
  app.useGlobalFilters(filter);
  app.useGlobalPipes(new InputPipe());
  const open = routesWithoutRule(app);
  if (open.length > 0) throw new Error(`These routes declare neither @Requires nor @AnyUser nor @Public: ${open.join(', ')}`);
  serveApiDocs(app);
  return app;
};

const fastifyAdapter = (configuration: Configuration, filter: ProblemFilter, log: Logger, metrics: Metrics): FastifyAdapter => {
  const http = configuration(HttpConfiguration);
  const ingestion = configuration(IngestionConfiguration);
  const adapter = new FastifyAdapter({
    bodyLimit: http.bodyLimitKb * 1_024,
    trustProxy: http.trustedProxies.length > 0 && http.trustedProxies,
    requestTimeout: http.uploadTimeoutSeconds * 1_000,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    // Such fields are refused by their names where input is checked; nothing before that copies a body.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    routerOptions: { maxParamLength: 300 },
    skipMiddie: true,
    frameworkErrors: (error: unknown, { url }: FastifyRequest, reply: FastifyReply) => {
      filter.answer(error, reply.headers(securityHeaders(url)));
    },
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.end(refusalOfUnreadable(error.code));
    },
    // Files go to the disk as they arrive; the fields beside them are small.
    multipart: { limits: { fileSize: ingestion.uploadLimitMb * MIB, files: ingestion.uploadFiles, fields: 20, fieldSize: MIB } },
  });
  const traces = new WeakMap<FastifyRequest, Trace>();
  const fastify = adapter.getInstance();

  // Fastify's own JSON parser stays; anything else but a multipart upload is a 415.
  fastify.removeContentTypeParser('text/plain');
  const deadlines = new Deadlines((reply) => {
    filter.answer(new ServiceUnavailableException(), reply);
  });
  fastify.addHook('onClose', (_fastify, done) => {
    deadlines.close();
    done();
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    const { traceparent } = request.headers;
    const trace = traceOf(typeof traceparent === 'string' ? traceparent : undefined);
    traces.set(request, trace);
    const seconds = 'longRunning' in request.routeOptions.config ? http.uploadTimeoutSeconds : http.requestTimeoutSeconds;
    deadlines.begin(reply, seconds * 1_000);
    void reply.headers(securityHeaders(request.url)).header('traceparent', formatTraceparent(trace));
    withinTrace(trace, done);
  });
  const methods = new KnownMethods();
  fastify.addHook('onRoute', ({ url, method }) => {
    methods.add(url, method);
  });
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    const allowed = request.is404 ? methods.of(pathOf(request)) : [];
    const refused = allowed.length > 0 && !allowed.includes(request.method);
    done(refused ? new MethodNotAllowed(request.method, allowed) : null, payload);
  });
  // Once the body has been read, Node calls back in the socket's context instead of the request's.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const trace = traces.get(request);
    if (trace) withinTrace(trace, done);
    else done();
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    done(isTooDeep(request.body) ? tooDeep() : undefined);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    deadlines.end(reply);
    observe(request, reply, traces.get(request));
    done();
  });
  const { requests: logged } = configuration(LoggingConfiguration);
  const observe = (request: FastifyRequest, reply: FastifyReply, trace: Trace | undefined): void => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime);
    if (!logged) return;
    const line = {
      method: request.method,
      route,
      path: pathOf(request),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    };
    log.info({ ...line, traceId: trace?.traceId }, 'answered');
  };
  return adapter;
};

const tooDeep = (): DomainError => {
  const message = `objects and lists stand in each other at most ${String(MOST_LEVELS)} deep`;
  return new DomainError('invalid', 'body-too-deep', `The request is not valid: ${message}.`, [{ path: '', message }]);
};

/** Without the query, which may hold what people searched for. */
const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';
