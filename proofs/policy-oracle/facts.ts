/** A random world of one user, in plain words: what both the policy and the oracle are asked about. */
export type Facts = Readonly<{
  memberships: readonly Readonly<{
    tenant: string;
    role: string;
    extras: readonly ('billingUtilities' | 'contractTemplates')[];
    below?: 'admin' | 'sales' | 'none';
  }>[];
  links: readonly Readonly<{ tenant: string; role: string }>[];
  /** Tenants whose users keep their role in the tenants below. */
  carryOver: readonly string[];
  /** What the custom roles permit, as far as they are known. */
  custom: Readonly<Record<string, readonly string[]>>;
}>;

/** What may this user do to the tenant at the end of the path (none: no such tenant)? */
export type Question = Readonly<{ permission: string; path: readonly string[] | undefined }>;

export type Verdicts = Readonly<{ here: string; fromAbove: string; onPlatform: string; anywhere: string }>;
