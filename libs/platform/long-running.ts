import { RouteConfig } from '@nestjs/platform-fastify';

/** For routes that take in files: they have UPLOAD_TIMEOUT_SECONDS instead of REQUEST_TIMEOUT_SECONDS. */
export const LongRunning = (): MethodDecorator => RouteConfig({ longRunning: true });
