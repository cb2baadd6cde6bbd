import { describe, expect, it } from '@jest/globals';
import { KnownMethods } from './known-methods.ts';

const known = new KnownMethods();
known.add('/notes', ['GET', 'HEAD']);
known.add('/notes', 'POST');
known.add('/notes/export', 'GET');
known.add('/notes/:id', 'PATCH');
known.add('/notes/:id', 'DELETE');
known.add('/docs/*', 'GET');
known.add('*', 'OPTIONS');

describe('the methods of a path', () => {
  it.each([
    ['/notes', ['GET', 'HEAD', 'POST']],
    ['/notes/1', ['DELETE', 'PATCH']],
    ['/notes/export', ['DELETE', 'GET', 'PATCH']],
    ['/notes/', []],
    ['/notes/1/more', []],
    ['/other', []],
    ['/docs/x', []],
    ['', []],
  ])('%s: %j', (path, methods) => {
    expect(known.of(path)).toEqual(methods);
  });
});
