import { FormData } from 'undici';

/** What the business calls a tenant's things by. */
export type Keys = Readonly<{
  /** Customer code, and part of every name. */
  code: string;
  company: string;
  /** Of a role, a contract, a service account. */
  name: string;
  /** Management account, and linked account, too. */
  account: string;
  /** Of a user, of somebody invited, and of a contact. */
  email: string;
  guest: string;
  contact: string;
}>;

export type Key = keyof Keys;

export const keysOf = (mark: string, account: number): Keys => ({
  code: mark,
  company: `Company ${mark}`,
  name: `${mark} 1`,
  account: String(account),
  email: `${mark}.user1@example.com`,
  guest: `${mark}.guest1@example.com`,
  contact: `${mark}.contact1@example.com`,
});

/** Keys of the same looks that nobody has; each tenant's are others, so that what is asked about both comes to the same. */
export const unusedLike = ({ code, account }: Keys): Keys => keysOf(`W${code.slice(1)}`, Number(account) + 800_000_000_000);

/** What is asked with a key in it. */
export type Asked = Readonly<{
  body?: unknown;
  form?: () => FormData;
  query?: Readonly<Record<string, string>>;
}>;

export type Place = Readonly<{
  route: string;
  keys: readonly Key[];
  asked: (key: string) => Asked;
  /** The answer names something that runs by itself: what comes of it counts, too. */
  goesOn?: true;
}>;

const at = (method: string, path: string): string => `${method} /api/v1/tenants/{tenantId}${path}`;

export const formOf = (files: Readonly<Record<string, string>>, fields: Readonly<Record<string, string>> = {}): FormData => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [name, content] of Object.entries(files)) form.append(name, new Blob([content]), 'file.csv');
  return form;
};

export const usageOf = (payer: string): string =>
  [
    'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SubAccountId',
    `1.5,${payer},USD,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-03T00:00:00Z,2026-01-04T00:00:00Z,Storage,${payer}`,
    '',
  ].join('\n');

export const invitedRows = (email: string, role: string): string => `email,name,role\n${email},X,${role}\n`;

const ADDRESSES = ['email', 'guest', 'contact'] as const;
const TEXTS: Readonly<Record<string, readonly Key[]>> = {
  user: ['email'],
  accountId: ['account'],
  customerCode: ['code'],
  name: ['company', 'name'],
};

/** For text in a query of which nothing more is known: any. */
export const keysFor = (parameter: string): readonly Key[] => TEXTS[parameter] ?? ['code', 'company', 'name', 'account', 'email'];

const MONTH = '2026-01';

/** Where bodies take keys. `own` says which of the caller's things they are about. */
export const placesIn = (own: Readonly<{ dataSourceId: string }>): readonly Place[] => [
  {
    route: at('POST', '/customers'),
    keys: ['code'],
    asked: (customerCode) => ({ body: { tier: 'endCustomer', name: 'X', customerCode } }),
  },
  { route: at('PATCH', ''), keys: ['code'], asked: (customerCode) => ({ body: { customerCode } }) },
  { route: at('POST', '/contacts'), keys: ADDRESSES, asked: (email) => ({ body: { type: 'technical', name: 'X', email } }) },
  {
    route: at('POST', '/users'),
    keys: ['email', 'guest'],
    asked: (email) => ({ body: { email, name: 'X', role: 'readOnly', password: 'a long enough password' } }),
  },
  { route: at('POST', '/invitations'), keys: ADDRESSES, asked: (email) => ({ body: { email, name: 'X', role: 'readOnly' } }) },
  {
    route: at('POST', '/invitations/bulk'),
    keys: ADDRESSES,
    asked: (email) => ({ body: { invitations: [{ email, name: 'X', role: 'readOnly' }], onFaults: 'others' } }),
  },
  {
    route: at('POST', '/invitations/upload'),
    keys: ADDRESSES,
    asked: (email) => ({ form: () => formOf({ file: invitedRows(email, 'readOnly') }), query: { onFaults: 'others' } }),
  },
  { route: at('POST', '/roles'), keys: ['name'], asked: (name) => ({ body: { name, permissions: ['tenants:read'] } }) },
  {
    route: at('POST', '/service-accounts'),
    keys: ['name'],
    asked: (name) => ({ body: { name, permissions: ['tenants:read'] } }),
  },
  {
    route: at('POST', '/data-sources'),
    keys: ['account'],
    asked: (managementAccountId) => ({ body: { managementAccountId, name: 'X' } }),
  },
  {
    route: at('POST', '/linked-accounts'),
    keys: ['account'],
    asked: (accountId) => ({ body: { dataSourceId: own.dataSourceId, accountId } }),
  },
  {
    route: at('POST', '/linked-accounts/unlink'),
    keys: ['account'],
    asked: (accountId) => ({ body: { dataSourceId: own.dataSourceId, accountId, from: `${MONTH}-01` } }),
  },
  {
    route: at('POST', '/contracts'),
    keys: ['account'],
    asked: (account) => ({ body: { name: 'X', start: '2031-01-01', managementAccounts: [account] } }),
  },
  { route: at('POST', '/contracts'), keys: ['name'], asked: (name) => ({ body: { name, start: '2031-01-01' } }) },
  {
    route: at('POST', '/imports/upload'),
    keys: ['account'],
    asked: (managementAccountId) => ({
      form: () =>
        formOf(
          { files: usageOf(managementAccountId) },
          { expected: JSON.stringify([{ managementAccountId, month: MONTH, rows: 2 }]) },
        ),
    }),
    goesOn: true,
  },
];
