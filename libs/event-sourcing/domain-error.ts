/**
 * Why a decision refuses.
 * - `invalid`: the input itself is wrong, whatever the state (HTTP 400)
 * - `not-found`: the thing is not there, or not there for this caller (404)
 * - `conflict`: it exists already, or another writer was faster (409)
 * - `stale`: `If-Match` names a revision that is no longer the present one (412)
 * - `rejected`: a business rule forbids it (422)
 * - `unavailable`: an answer needs something that is not there now; the caller may retry (503)
 */
export type Refusal = 'invalid' | 'not-found' | 'conflict' | 'stale' | 'rejected' | 'unavailable';

export type FieldError = Readonly<{ path: string; message: string }>;

/** A refusal with a stable, documented code in kebab-case; `errors` names the fields, rows or rules concerned. */
export class DomainError extends Error {
  override readonly name = 'DomainError';

  constructor(
    readonly refusal: Refusal,
    readonly code: string,
    message: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super(message);
  }
}
