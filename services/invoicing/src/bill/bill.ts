import { createHash } from 'node:crypto';
import { canonicalJson } from '#libs/canonical-json';
import { decider } from '#libs/event-sourcing/decider';
import { type TenantId } from '#libs/published/ids';
import { type Bill, type BillEvent } from '#libs/published/invoicing';
import { type Instant, type Month } from '#libs/time/time';

/** What a bill says at present; null before the first rating. */
export type BillState = Readonly<{ contentHash: string | null }>;

export type BillId = `${TenantId}~${Month}`;
export const billId = (tenantId: TenantId, month: Month): BillId => `${tenantId}~${month}`;

export const bill = decider<BillState, BillEvent, BillId>('invoicing.bill', { contentHash: null }, (_before, { data }) => ({
  contentHash: data.contentHash,
}));

/** Of bills that were hashed before: a bill that a rating leaves as it was is the same object. */
const hashes = new WeakMap<Bill, string>();

/** The same text for the same bill, whatever the order in which its fields were set. */
export const contentHashOf = (content: Bill): string => {
  const known = hashes.get(content);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(canonicalJson(content)).digest('hex');
  hashes.set(content, hash);
  return hash;
};

/** Says what the month comes to now. A rating that finds nothing else than before changes nothing. */
export const revise =
  (content: Bill, inputDigest: string, revisedAt: Instant) =>
  ({ contentHash: present }: BillState): readonly BillEvent[] => {
    const contentHash = contentHashOf(content);
    return contentHash === present ? [] : [{ type: 'BillRevised', data: { ...content, contentHash, inputDigest, revisedAt } }];
  };
