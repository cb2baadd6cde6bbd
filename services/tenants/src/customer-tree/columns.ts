/** What may be left out; the place in the tree and the name are always there. */
export const COLUMNS = [
  'customerCode',
  'admin',
  'status',
  'sourceData',
  'contracts',
  'invoices',
  'mrr',
  'ports',
  'vcs',
  'cloud',
  'lastActivity',
  'lastOrder',
  'currency',
  'primaryDomain',
  'registeredAt',
] as const;
export type Column = (typeof COLUMNS)[number];
