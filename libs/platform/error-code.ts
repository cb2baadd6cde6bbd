/** The `code` of a system error, `ENOENT`. Asks for the shape: an error of another realm (a test's, a worker's) is no `instanceof Error`. */
export const errorCode = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
