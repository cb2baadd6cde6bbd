import { describe, expect, it } from '@jest/globals';
import { type CommandId, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';
import { reactionCommand } from './reaction.ts';

const event: Recorded = {
  type: 'Ordered',
  data: {},
  stream: 'test.order-1' as StreamName,
  revision: 3,
  position: 9,
  eventId: '5f0c7f9e-3f5c-5e0c-8d8f-0d1d0f0a0b0c',
  metadata: {
    commandId: '00000000-0000-4000-8000-000000000000' as CommandId,
    bodyHash: 'a'.repeat(64),
    principal: { id: 'sue', onBehalfOf: 't1' },
    tenant: 't2',
    time: '2025-01-15T12:00:00.000Z' as Instant,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  },
};
const bill = 'test.bill-1' as StreamName;

describe("a reaction's command", () => {
  it('is the same for the same consumer, event and target stream, and another for any other', () => {
    const { id } = reactionCommand('billing', event, bill);
    expect(reactionCommand('billing', { ...event }, bill).id).toBe(id);
    const others = [
      reactionCommand('shipping', event, bill),
      reactionCommand('billing', { ...event, eventId: '6f0c7f9e-3f5c-5e0c-8d8f-0d1d0f0a0b0c' }, bill),
      reactionCommand('billing', event, 'test.bill-2' as StreamName),
    ];
    expect(new Set([id, ...others.map((other) => other.id)]).size).toBe(4);
  });

  it('acts for whoever caused the event, at its time and in its trace, and is remembered', () => {
    const { principal, tenant, time, traceparent } = event.metadata;
    expect(reactionCommand('billing', event, bill)).toMatchObject({ principal, tenant, time, traceparent, keyed: true });
  });

  it('has no trace where the event has none', () => {
    const { traceparent: _, ...metadata } = event.metadata;
    expect(reactionCommand('billing', { ...event, metadata }, bill)).not.toHaveProperty('traceparent');
  });
});
