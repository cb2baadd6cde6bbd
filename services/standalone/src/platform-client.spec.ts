import { describe, expect, it } from '@jest/globals';
import { PlatformClient, Unreachable } from './platform-client.ts';

describe('a platform that is not there', () => {
  it.each([
    ['nobody listens', 'http://127.0.0.1:1', /127\.0\.0\.1:1 does not answer/],
    ['it is no address', 'nope', /nope does not answer/],
  ])('is told by its address when %s', async (_, address, message) => {
    const fault: unknown = await new PlatformClient(address)
      .login('admin@example.com', 'secret')
      .catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Unreachable);
    expect(String(fault)).toMatch(message);
  });
});
