import { describe, expect, it } from '@jest/globals';
import { addressForms, addressKey, isEmailAddress } from './email-address.ts';

describe('an e-mail address', () => {
  it.each([
    ['ada@example.com', 'Ada@EXAMPLE.com', ' ada@example.com '],
    [
      'ada@bücher.example',
      'ada@xn--bcher-kva.example',
      'ADA@Xn--Bcher-KVA.Example',
      'ada@BU\u0308CHER.example',
      ' ada@bücher.example ',
    ],
    ['ada@faß.example', 'ada@xn--fa-hia.example'],
    ['admin@localhost', 'Admin@LocalHost'],
  ])('is one in whatever letters it is written: %s', (...spellings) => {
    expect(new Set(spellings.map(addressKey))).toEqual(new Set([spellings[0]]));
    expect(addressKey(addressKey(spellings[0] ?? ''))).toBe(spellings[0]);
  });

  it.each([
    ['ada@faß.example', 'ada@fass.example'],
    ['ada@ıx.example', 'ada@ix.example'],
    ['ada@example.com', 'ada@ex%61mple.com'],
    ['ada@example.com', 'ada@exa\tmple.com'],
  ])('%s is another one than %j', (one, other) => {
    expect(addressKey(one)).not.toBe(addressKey(other));
  });

  it('is owned in both forms of its domain, as it may have been taken in either', () => {
    expect(addressForms('Ada@Example.com')).toEqual(['ada@example.com']);
    expect(addressForms('ada@Bücher.example')).toEqual(['ada@bücher.example', 'ada@xn--bcher-kva.example']);
    expect(addressForms('ada@xn--bcher-kva.example')).toEqual(addressForms('ada@bücher.example'));
  });

  it.each([
    '',
    'ada',
    'ada@',
    '@example.com',
    'a\u200b@example.com',
    'a\ud800@example.com',
    'a@xn--bücher.example',
    'a@1א.example',
  ])('is none in %j', (text) => {
    expect(isEmailAddress(text)).toBe(false);
  });
});
