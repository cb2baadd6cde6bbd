import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type ContactId, type TenantId } from '#libs/published/ids';
import { type ContactEvent } from '#libs/published/tenants';
import { add, change, type ContactDetails, contacts, remove } from './contacts.ts';

const R = 'r' as TenantId;
const owner = { id: R, path: ['d', 'r'] as TenantId[] };
const ONE = 'one' as ContactId;
const TWO = 'two' as ContactId;

const billing: ContactDetails = { type: 'billing', name: 'Bea', email: 'bea@rho.example', phone: null, billingAccount: 'A-1' };
const said = (contactId: ContactId, { type: contactType, ...rest }: ContactDetails) => ({
  tenantId: R,
  path: owner.path,
  contactId,
  contactType,
  ...rest,
});
const added: ContactEvent = { type: 'ContactAdded', data: said(ONE, billing) };
const removed: ContactEvent = { type: 'ContactRemoved', data: { tenantId: R, path: owner.path, contactId: ONE } };

describe('adding a contact', () => {
  it('keeps what it is for', () => {
    given(contacts)
      .when(add(owner, ONE, billing))
      .then(added);
  });

  it('does nothing for one that is there already, or was and is gone', () => {
    given(contacts, added)
      .when(add(owner, ONE, billing))
      .thenNothing();
    given(contacts, added, removed)
      .when(add(owner, ONE, billing))
      .thenNothing();
  });

  it('refuses the same address for the same thing, in any case of its letters', () => {
    given(contacts, added)
      .when(add(owner, TWO, { ...billing, email: 'BEA@rho.example' }))
      .thenRejected('contact-exists', 'email');
  });

  it('lets one address be of several types and for several accounts', () => {
    for (const details of [
      { ...billing, billingAccount: 'A-2' },
      { ...billing, type: 'technical', billingAccount: null },
    ] as const)
      given(contacts, added)
        .when(add(owner, TWO, details))
        .then({ type: 'ContactAdded', data: said(TWO, details) });
  });

  it('binds billing contacts only to an account', () => {
    given(contacts)
      .when(add(owner, ONE, { ...billing, type: 'technical' }))
      .thenRejected('billing-account-not-allowed', 'billingAccount');
  });

  it('ends at two hundred', () => {
    const many = Array.from({ length: 200 }, (_, index): ContactEvent => ({
      type: 'ContactAdded',
      data: said(`c${String(index)}` as ContactId, { ...billing, email: `${String(index)}@rho.example` }),
    }));
    given(contacts, ...many)
      .when(add(owner, TWO, billing))
      .thenRejected('too-many-contacts');
  });
});

describe('changing a contact', () => {
  it('keeps what is left out', () => {
    given(contacts, added)
      .when(change(owner, ONE, { phone: '+1 555' }))
      .then({ type: 'ContactChanged', data: said(ONE, { ...billing, phone: '+1 555' }) });
  });

  it('does nothing where nothing changes', () => {
    given(contacts, added)
      .when(change(owner, ONE, { name: 'Bea' }))
      .thenNothing();
  });

  it('takes the account away from one that is no longer for billing', () => {
    given(contacts, added)
      .when(change(owner, ONE, { type: 'admin' }))
      .then({ type: 'ContactChanged', data: said(ONE, { ...billing, type: 'admin', billingAccount: null }) });
  });

  it('refuses what another contact is, and one that is not there', () => {
    const other: ContactEvent = { type: 'ContactAdded', data: said(TWO, { ...billing, billingAccount: null }) };
    given(contacts, added, other)
      .when(change(owner, TWO, { billingAccount: 'A-1' }))
      .thenRejected('contact-exists', 'email');
    given(contacts, added, removed)
      .when(change(owner, ONE, { name: 'B' }))
      .thenRejected('contact-not-found');
  });
});

describe('removing a contact', () => {
  it('takes it off the list', () => {
    given(contacts, added).when(remove(owner, ONE)).then(removed);
    expect(given(contacts, added, removed).state.contacts).toEqual([]);
  });

  it('does nothing the second time, and knows no stranger', () => {
    given(contacts, added, removed).when(remove(owner, ONE)).thenNothing();
    given(contacts, added).when(remove(owner, TWO)).thenRejected('contact-not-found');
  });
});
