import { describe, expect, it } from '@jest/globals';
import { type DomainEvent, type Metadata, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { project } from '#libs/read-models/fold';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, recorded } from '#libs/read-models/testing/rows';
import { type Instant } from '#libs/time/time';
import { activityLog, type ActivityRow } from './activity-log.projection.ts';

const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const renamed: DomainEvent = {
  type: 'TenantProfileChanged',
  data: { tenantId: 'c', path: ['r', 'c'], name: 'After', customerCode: null, primaryDomain: 'after.example' },
};
const opened: DomainEvent = { type: 'AccessOpened', data: { userId: 'ada' } };

projectionTwins(activityLog, [
  history('tenants.tenant-c', renamed, { type: 'CommandAccepted', data: {} }, renamed),
  history('access-control.membership-c~ada', { type: 'MembershipRevoked', data: { tenantId: 'c', userId: 'ada' } }),
]);

/** What the log has after one event, by whoever did it. */
const logged = (event: DomainEvent, metadata: Partial<Metadata>, stream = 'tenants.tenant-c'): readonly ActivityRow[] => {
  const [one] = recorded([history(stream as StreamName, event)]);
  if (!one) throw new Error('no event');
  const done: Recorded = { ...one, metadata: { ...one.metadata, time: NOON, ...metadata } };
  const { documents } = project(activityLog, [done], { documents: new Map(), heads: new Map() });
  return documents.flatMap(({ row }) => (row === null ? [] : [JSON.parse(row) as ActivityRow]));
};

describe('the log of a tenant', () => {
  it('says who did what and when, and what it is since', () => {
    expect(logged(renamed, { tenant: 'c', principal: { id: 'ada' } })).toEqual([
      {
        id: 'tenants.tenant-c/0',
        tenantId: 'c',
        logs: ['c'],
        at: NOON,
        category: 'tenants',
        level: 'info',
        event: 'TenantProfileChanged',
        source: 'tenants.tenant',
        message: 'Changed the profile',
        changes: { tenantId: 'c', name: 'After', customerCode: null, primaryDomain: 'after.example' },
        person: 'ada',
        as: null,
        via: null,
        home: null,
        reason: null,
      },
    ]);
  });

  it('is that of the customer, though somebody of the reseller did it; the reseller’s may refer to it', () => {
    expect(logged(renamed, { tenant: 'c', principal: { id: 'ada', home: 'r' } })).toMatchObject([
      { tenantId: 'c', logs: ['c', 'r'], person: 'ada', home: 'r' },
    ]);
  });

  it('names the person behind an impersonation, and the user whose powers were used', () => {
    const principal = { id: 'cleo', actor: { id: 'ada', reason: 'Ticket 7' }, via: 'impersonation', home: 'r' } as const;
    expect(logged(renamed, { tenant: 'c', principal })).toMatchObject([
      { person: 'ada', as: 'cleo', via: 'impersonation', reason: 'Ticket 7' },
    ]);
  });

  it('is that of the tenant which the event names, where the command was about none', () => {
    expect(logged(renamed, { tenant: null, principal: { id: 'ada', home: 'platform' } })).toMatchObject([
      { tenantId: 'c', logs: ['c'], home: 'platform' },
    ]);
  });

  it('leaves out what only follows from something else', () => {
    expect(logged(opened, { tenant: 'c' }, 'access-control.membership-c~ada')).toEqual([]);
  });

  it('holds no amount of money: a contract is told by its version', () => {
    const saved: DomainEvent = {
      type: 'ContractVersionSaved',
      data: {
        tenantId: 'c',
        contractId: 'k',
        version: 2,
        effectiveFrom: '2026-02-01',
        reason: 'saved',
        terms: { amount: '12.5' },
      },
    };
    const [entry] = logged(saved, { tenant: 'c' }, 'contracts.tenantContracts-c');
    expect(entry?.changes).toEqual({ tenantId: 'c', contractId: 'k', version: 2, effectiveFrom: '2026-02-01', reason: 'saved' });
  });
});
