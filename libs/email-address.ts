import { domainToASCII, domainToUnicode } from 'node:url';
import { isEmail } from 'class-validator';
import { normalised } from './event-sourcing/claims.ts';

/** An e-mail address, nothing in which is invisible, at a domain that can exist. */
export const isEmailAddress = (text: string): boolean =>
  !/[\p{C}\p{Default_Ignorable_Code_Point}]/u.test(text) && isEmail(text) && domainToASCII(domainOf(text)) !== '';

/** What is the same for every spelling of one address, whatever its case and the letters of its domain. */
export const addressKey = (address: string): string => spelt(address, domainToUnicode);

/** The spellings by which an address may be taken; before they were one, each stood for itself. */
export const addressForms = (address: string): readonly string[] => [
  ...new Set([addressKey(address), spelt(address, (ascii) => ascii)]),
];

const spelt = (address: string, ofDomain: (ascii: string) => string): string => {
  const text = address.trim();
  // What the standard for URLs would make a domain of, such as `ex%61mple.com`, is none here.
  if (!isEmailAddress(text)) return normalised(text);
  const domain = domainOf(text);
  return normalised(text.slice(0, -domain.length)) + ofDomain(domainToASCII(domain));
};

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);
