import { describe, expect, it } from '@jest/globals';
import { currentTrace, formatTraceparent, traceOf, withinTrace } from './trace.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('a trace', () => {
  it('goes on with a span of its own', () => {
    const trace = traceOf(`00-${TRACE_ID}-00f067aa0ba902b7-01`);
    expect(trace).toMatchObject({ traceId: TRACE_ID, parentId: '00f067aa0ba902b7', sampled: true });
    expect(formatTraceparent(trace)).toBe(`00-${TRACE_ID}-${trace.spanId}-01`);
    expect(trace.spanId).not.toBe('00f067aa0ba902b7');
  });

  it.each([
    undefined,
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
    `ff-${TRACE_ID}-00f067aa0ba902b7-01`,
    `00-${TRACE_ID.toUpperCase()}-00f067aa0ba902b7-01`,
  ])('begins anew for %j', (header) => {
    const { traceId, parentId } = traceOf(header);
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(traceId).not.toBe(TRACE_ID);
    expect(parentId).toBeUndefined();
  });

  it('is known to what runs within it, also later, and to nothing else', async () => {
    const trace = traceOf(undefined);
    const later = withinTrace(trace, async () => {
      await new Promise((resume) => setImmediate(resume));
      return currentTrace();
    });
    expect(currentTrace()).toBeUndefined();
    expect(await later).toBe(trace);
  });
});
