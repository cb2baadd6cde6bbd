import { type LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { currentTrace } from './trace.ts';

const SECRETS = ['password', 'accessToken', 'refreshToken', 'token', 'secret', 'transaction', 'authorization', 'cookie'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
);

/** JSON lines, each with the trace under way; whatever is named like a secret is left out. */
export const createLog = (level: string, destination?: DestinationStream): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS, censor: '[redacted]' },
      mixin: () => {
        const trace = currentTrace();
        return trace ? { traceId: trace.traceId, spanId: trace.spanId } : {};
      },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );

/** What Nest itself says: its start-up chatter is for whoever debugs it. */
export class NestLog implements LoggerService {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log.child({ from: 'nest' });
  }

  log(message: unknown): void {
    this.#log.debug(String(message));
  }

  debug(message: unknown): void {
    this.#log.debug(String(message));
  }

  verbose(message: unknown): void {
    this.#log.trace(String(message));
  }

  warn(message: unknown): void {
    this.#log.warn(String(message));
  }

  error(message: unknown, ...details: readonly unknown[]): void {
    this.#log.error({ details: details.map(String) }, message instanceof Error ? message.message : String(message));
  }

  fatal(message: unknown): void {
    this.#log.fatal(String(message));
  }
}
