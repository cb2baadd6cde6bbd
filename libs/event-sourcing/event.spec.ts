import { describe, expect, it } from '@jest/globals';
import { type Category, categoryOf, idOf, streamName } from './event.ts';

describe('the name of a stream', () => {
  it.each([
    ['tenants.tenant', '5c0e-11'],
    ['access-control.user', '5c0e-11'],
    ['access-control.membership', 'platform~5c0e-11'],
    ['ingestion.usageMonth', 'a-b~2026.01-x'],
  ])('tells %s and %s apart', (category, id) => {
    const stream = streamName(category as Category, id);
    expect([categoryOf(stream), idOf(stream)]).toEqual([category, id]);
  });
});
