import { describe, expect, it } from '@jest/globals';
import { createLog, NestLog } from './logging.ts';
import { traceOf, withinTrace } from './trace.ts';

const logged = (level: string, write: (log: ReturnType<typeof createLog>) => void): readonly Record<string, unknown>[] => {
  const lines: Record<string, unknown>[] = [];
  write(createLog(level, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) }));
  return lines;
};

describe('the log', () => {
  it('is JSON with time, level and the trace under way', () => {
    const trace = traceOf(undefined);
    const [within, without] = logged('info', (log) => {
      withinTrace(trace, () => {
        log.info({ rows: 3 }, 'read');
      });
      log.warn('outside');
    });
    expect(within).toMatchObject({ level: 'info', msg: 'read', rows: 3, traceId: trace.traceId, spanId: trace.spanId });
    expect(String(within?.['time'])).toMatch(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/);
    expect(without).not.toHaveProperty('traceId');
  });

  it('leaves out what is named like a secret', () => {
    const lines = logged('info', (log) => {
      log.info(
        { password: 'hunter2', body: { password: 'hunter2' }, headers: { authorization: 'Bearer hunter2', cookie: 'hunter2' } },
        'x',
      );
      log.info({ answer: { user: { accessToken: 'hunter2' } }, body: { refreshToken: 'hunter2', token: 'hunter2' } }, 'y');
    });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines[0]).toMatchObject({ password: '[redacted]' });
  });

  it('takes Nest’s own words at a level that only its developers read', () => {
    const lines = logged('info', (log) => {
      const nest = new NestLog(log);
      nest.log('Mapped {/x}');
      nest.warn('careful');
      nest.error(new Error('broken'), 'Context');
    });
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'careful'],
      ['error', 'broken'],
    ]);
  });
});
