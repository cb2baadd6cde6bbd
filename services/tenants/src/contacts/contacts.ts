import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type ContactId, type TenantId } from '#libs/published/ids';
import { type ContactEvent, type ContactType } from '#libs/published/tenants';

/** What somebody says about a contact. `billingAccount` is for billing contacts only; null: for every account. */
export type ContactDetails = Readonly<{
  type: ContactType;
  name: string;
  email: string;
  phone: string | null;
  billingAccount: string | null;
}>;

/** `revision` is the contact's own: that of the last event that changed it, its ETag. */
export type Contact = ContactDetails & Readonly<{ id: ContactId; revision: Revision }>;

/** All contacts of one company, in the order in which they were added. A removed one's id is never given again. */
export type Contacts = Readonly<{ contacts: readonly Contact[]; removed: readonly ContactId[] }>;

export const CONTACT_TYPES = ['admin', 'technical', 'billing', 'requestAlias'] as const satisfies readonly ContactType[];

/** So that a company's contacts stay one small stream. */
const MOST = 200;

export const contacts = decider<Contacts, ContactEvent, TenantId>(
  'tenants.contacts',
  { contacts: [], removed: [] },
  (state, event, revision) => {
    switch (event.type) {
      case 'ContactAdded':
      case 'ContactChanged': {
        const { contactId: id, contactType: type, name, email, phone, billingAccount } = event.data;
        const contact = { id, type, name, email, phone, billingAccount, revision };
        return event.type === 'ContactAdded'
          ? { ...state, contacts: [...state.contacts, contact] }
          : { ...state, contacts: state.contacts.map((one) => (one.id === id ? contact : one)) };
      }
      case 'ContactRemoved': {
        const { contactId } = event.data;
        return {
          contacts: state.contacts.filter(({ id }) => id !== contactId),
          removed: [...state.removed, contactId],
        };
      }
    }
  },
);

type Owner = Readonly<{ id: TenantId; path: readonly TenantId[] }>;

export const add =
  ({ id: tenantId, path }: Owner, contactId: ContactId, details: ContactDetails) =>
  ({ contacts: present, removed }: Contacts): ContactEvent[] => {
    if (removed.includes(contactId) || present.some(({ id }) => id === contactId)) return [];
    if (present.length >= MOST)
      throw new DomainError('rejected', 'too-many-contacts', `A company has at most ${String(MOST)} contacts.`);
    refuseTwin(present, details);
    const { type: contactType, ...rest } = sound(details);
    return [{ type: 'ContactAdded', data: { tenantId, path, contactId, contactType, ...rest } }];
  };

/** Several at once, all or none. @throws DomainError whose fields name the place in the list: `contacts[1].email` */
export const addAll =
  (owner: Owner, added: readonly Readonly<{ id: ContactId; details: ContactDetails }>[]) =>
  (state: Contacts): ContactEvent[] => {
    const events: ContactEvent[] = [];
    let reached = state;
    for (const [index, { id, details }] of added.entries())
      for (const event of within(`contacts[${String(index)}]`, () => add(owner, id, details)(reached))) {
        events.push(event);
        reached = contacts.evolve(reached, event, 0);
      }
    return events;
  };

const within = <T>(place: string, decide: () => T): T => {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const fields = error.errors.map(({ path, message }) => ({ path: `${place}.${path}`, message }));
    throw new DomainError(error.refusal, error.code, error.message, fields);
  }
};

/** What is left out stays; null takes a phone number or an account away. */
export const change =
  ({ id: tenantId, path }: Owner, contactId: ContactId, changed: Partial<ContactDetails>) =>
  (state: Contacts): ContactEvent[] => {
    const { id: _id, revision: _revision, ...before } = existing(state, contactId);
    const type = changed.type ?? before.type;
    // A contact that is no longer for billing is for no account.
    const kept = type === 'billing' ? before : { ...before, billingAccount: null };
    const after = sound({ ...kept, ...changed });
    if (JSON.stringify(sorted(before)) === JSON.stringify(sorted(after))) return [];
    refuseTwin(
      state.contacts.filter(({ id }) => id !== contactId),
      after,
    );
    const { type: contactType, ...rest } = after;
    return [{ type: 'ContactChanged', data: { tenantId, path, contactId, contactType, ...rest } }];
  };

export const remove =
  ({ id: tenantId, path }: Owner, contactId: ContactId) =>
  (state: Contacts): ContactEvent[] => {
    if (state.removed.includes(contactId)) return [];
    existing(state, contactId);
    return [{ type: 'ContactRemoved', data: { tenantId, path, contactId } }];
  };

/** @throws DomainError `not-found` */
export const existing = ({ contacts: present }: Contacts, contactId: ContactId): Contact => {
  const contact = present.find(({ id }) => id === contactId);
  if (!contact) throw new DomainError('not-found', 'contact-not-found', 'There is no such contact in this company.');
  return contact;
};

const sound = (details: ContactDetails): ContactDetails => {
  if (details.type !== 'billing' && details.billingAccount !== null)
    throw new DomainError('rejected', 'billing-account-not-allowed', 'Only a billing contact is for a billing account.', [
      { path: 'billingAccount', message: 'is for contacts of type billing only' },
    ]);
  return details;
};

/** The same address twice for the same thing would be told everything twice. */
const refuseTwin = (others: readonly Contact[], { type, email, billingAccount }: ContactDetails): void => {
  const isTwin = (one: Contact): boolean =>
    one.type === type && one.email.toLowerCase() === email.toLowerCase() && one.billingAccount === billingAccount;
  if (others.some(isTwin))
    throw new DomainError('conflict', 'contact-exists', 'The company has a contact of this type with this address already.', [
      { path: 'email', message: 'is the address of another contact of this type' },
    ]);
};

const sorted = ({ type, name, email, phone, billingAccount }: ContactDetails): ContactDetails => ({
  type,
  name,
  email,
  phone,
  billingAccount,
});
