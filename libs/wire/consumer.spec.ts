import { describe, expect, it } from '@jest/globals';
import { type Consumer, type ConsumerRunConfig, type EachMessagePayload } from 'kafkajs';
import { type CommandId, type DomainEvent, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';
import { followBills } from '../../docs/events/consumer.ts';
import { billOf, unbilled } from './testing/bills.ts';
import { encode } from './wire-message.ts';

const metadata = {
  commandId: 'c1' as CommandId,
  bodyHash: '',
  principal: { id: 'ada' },
  tenant: 't1',
  time: '2026-02-01T00:00:00.000Z' as Instant,
};

const event = (stream: string, revision: number, said: DomainEvent): Recorded => ({
  ...said,
  stream: stream as StreamName,
  revision,
  position: revision + 1,
  eventId: `${stream} ${String(revision)}`,
  metadata,
});

const BILL = 'invoicing.bill-t1~2026-01';

/** Runs the consumer of the docs over messages as a broker hands them over: headers are bytes. */
const told = async (events: readonly Recorded[], seen = new Map<string, number>()): Promise<readonly string[]> => {
  const lines: string[] = [];
  const subscribed: unknown[] = [];
  let config: ConsumerRunConfig | undefined;
  const consumer: Pick<Consumer, 'subscribe' | 'run'> = {
    subscribe: (topics) => Promise.resolve(void subscribed.push(topics)),
    run: (given) => Promise.resolve(void (config = given)),
  };
  await followBills(consumer as Consumer, seen, (line) => lines.push(line));
  expect(subscribed).toEqual([{ topic: 'tributary.invoicing.v1', fromBeginning: true }]);
  for (const [offset, one] of events.entries()) {
    const { key, headers, value } = encode(one, 'log-1');
    const bytes = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]));
    const message = { key: Buffer.from(key), headers: bytes, value, offset: String(offset), timestamp: '0', attributes: 0 };
    await config?.eachMessage?.({
      topic: 'tributary.invoicing.v1',
      partition: 0,
      message,
      heartbeat: () => Promise.resolve(),
      pause: () => () => undefined,
    } satisfies EachMessagePayload);
  }
  return lines;
};

describe('the consumer that the docs print', () => {
  const events = [
    event(BILL, 0, unbilled),
    event(BILL, 1, billOf('12.50')),
    event('invoicing.rating-t0~2026-01', 0, { type: 'CommandAccepted', data: {} }),
    event(BILL, 2, billOf('13.00')),
  ];

  it('says every revision of a bill', async () => {
    expect(await told(events)).toEqual([
      'Acme, 2026-01: No contract covers a day of this month.',
      'Acme, 2026-01: 12.50 EUR',
      'Acme, 2026-01: 13.00 EUR',
    ]);
  });

  it('says it once, however often it is delivered', async () => {
    expect(await told([...events, ...events])).toEqual(await told(events));
  });

  it('goes on after what it has seen', async () => {
    expect(await told(events, new Map([[BILL, 1]]))).toEqual(['Acme, 2026-01: 13.00 EUR']);
  });
});
