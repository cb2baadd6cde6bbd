/**
 * Whether a test asks for this guard to be switched off (`SABOTAGE=a,b`), to show that the checks behind it turn red. Outside tests
 * always false.
 */
export const sabotaged = (guard: string): boolean =>
  process.env['NODE_ENV'] === 'test' && (process.env['SABOTAGE'] ?? '').split(',').includes(guard);
