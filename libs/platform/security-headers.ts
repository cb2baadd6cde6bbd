const COMMON = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};
const OF_API = {
  ...COMMON,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};
const OF_DOCS = {
  ...COMMON,
  'content-security-policy': "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
};

/** What every answer carries, whichever process gives it. */
export const securityHeaders = (path: string): Readonly<Record<string, string>> =>
  path.startsWith('/api/docs') ? OF_DOCS : OF_API;
