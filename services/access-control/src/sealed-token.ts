import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Text that only we can have written: the fields as they are, and a seal. Nothing of it has to be kept, so nothing that is kept opens
 * anything; what it is still good for is told by the state of what it names.
 */
export const sealed = (secret: Buffer, fields: readonly (string | number)[]): string => {
  const content = Buffer.from(JSON.stringify(fields)).toString('base64url');
  return `${content}.${sealOf(secret, content).toString('base64url')}`;
};

/** The fields of a text that was sealed with this secret; undefined for any other. */
export const unsealed = (secret: Buffer, text: string): readonly unknown[] | undefined => {
  const [, content, seal] = /^([\w-]{1,4000})\.([\w-]{43})$/.exec(text) ?? [];
  if (content === undefined || seal === undefined) return undefined;
  const given = Buffer.from(seal, 'base64url');
  const expected = sealOf(secret, content);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return JSON.parse(Buffer.from(content, 'base64url').toString()) as readonly unknown[];
};

const sealOf = (secret: Buffer, content: string): Buffer => createHmac('sha256', secret).update(content).digest();
