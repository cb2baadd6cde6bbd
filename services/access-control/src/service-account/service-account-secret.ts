import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { decider } from '#libs/event-sourcing/decider';
import { type CommandId, type DomainEvent } from '#libs/event-sourcing/event';
import { type ServiceAccountId } from '#libs/published/ids';

/** Private to this service: never published, in no read model. */
export type ServiceAccountSecretEvent = DomainEvent<
  'ServiceAccountSecretKept',
  {
    serviceAccountId: ServiceAccountId;
    number: number;
    hash: string;
    /** Keys issued before that still counted then; one that did not never will again. Absent in older logs: any may. */
    counting?: readonly number[];
  }
>;

/**
 * SHA-256 by the number of the key: a secret of 256 random bits needs no slow hash. Where two keys were asked
 * for at the same time, older logs hold two for a number, of which only one was ever shown to anybody.
 */
export type ServiceAccountSecrets = ReadonlyMap<number, readonly string[]>;

export const serviceAccountSecrets = decider<ServiceAccountSecrets, ServiceAccountSecretEvent, ServiceAccountId>(
  'access-control.serviceAccountSecret',
  new Map(),
  (secrets, { data: { number, hash, counting } }) => {
    // Of two keys issued at the same time the earlier one may come here later: it knows nothing of the other.
    const kept = [...secrets].filter(([of]) => of >= number || counting === undefined || counting.includes(of));
    return new Map([...kept, [number, [...(secrets.get(number) ?? []), hash]]]);
  },
);

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** @param counting numbers of the keys that count beside it */
export const keepSecret =
  (serviceAccountId: ServiceAccountId, number: number, secret: string, counting: readonly number[]) =>
  (): ServiceAccountSecretEvent[] => [
    { type: 'ServiceAccountSecretKept', data: { serviceAccountId, number, hash: hashOf(secret), counting } },
  ];

/** Of the command alone, so that a repetition of it shows the same one. @param master known to this platform only */
export const secretOf = (master: Buffer, command: CommandId): string =>
  createHmac('sha256', master).update(command).digest('base64url');

export const matches = (secrets: ServiceAccountSecrets, number: number, secret: string): boolean => {
  const shown = Buffer.from(hashOf(secret));
  return (secrets.get(number) ?? []).some((kept) => timingSafeEqual(Buffer.from(kept), shown));
};

/** A key as another system holds it. */
export type KeyParts = Readonly<{ serviceAccountId: ServiceAccountId; number: number; secret: string }>;

/** The beginning tells scanners of source code what they have found. */
const KEY = /^tributary_([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})_([1-9]\d{0,5})_([\w-]{43})$/;

export const keyText = ({ serviceAccountId, number, secret }: KeyParts): string =>
  `tributary_${serviceAccountId}_${String(number)}_${secret}`;

export const keyIn = (text: string): KeyParts | undefined => {
  const [, id = '', number = '', secret = ''] = KEY.exec(text) ?? [];
  return secret === '' ? undefined : { serviceAccountId: id as ServiceAccountId, number: Number(number), secret };
};
