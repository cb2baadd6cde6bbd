import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

/** W3C Trace Context of the work under way. For logs and metadata only: nothing is decided by it. */
export type Trace = Readonly<{ traceId: string; spanId: string; parentId?: string; sampled: boolean }>;

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;

const traces = new AsyncLocalStorage<Trace>();

/** 32 digits; UUIDs come from a stock of random bytes, which costs a fraction of asking the system each time. */
const randomHex = (): string => randomUUID().replaceAll('-', '');

/** Continues the caller's trace; begins one when the header is absent or not well-formed. */
export const traceOf = (traceparent: string | undefined): Trace => {
  const spanId = randomHex().slice(16);
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  if (!match) return { traceId: randomHex(), spanId, sampled: true };
  const [, traceId = '', parentId = '', flags = '00'] = match;
  return { traceId, spanId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
};

export const formatTraceparent = ({ traceId, spanId, sampled }: Trace): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;

export const withinTrace = <Result>(trace: Trace, run: () => Result): Result => traces.run(trace, run);

export const currentTrace = (): Trace | undefined => traces.getStore();

export const currentTraceparent = (): string | undefined => {
  const trace = currentTrace();
  return trace && formatTraceparent(trace);
};
