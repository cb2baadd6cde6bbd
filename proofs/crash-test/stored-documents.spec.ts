import { describe, expect, it } from '@jest/globals';
import { differencesOf, type Stored } from './stored-documents.ts';

const stored = (text: string, head = 7): Stored => ({ head, documents: new Map([['list@1', text]]) });

describe('where two sets of documents differ', () => {
  it('is nowhere when they are the same', () => {
    expect(differencesOf(stored('a\nb'), stored('a\nb'))).toEqual([]);
  });

  it.each([
    ['in a document', 'a\nb', 'a\nc', 'list@1: "b" and "c"'],
    ['by one that the right has more', 'a', 'a\nb', 'list@1: nothing and "b"'],
    ['by one that the left has more', 'a\nb', 'a', 'list@1: "b" and nothing'],
  ])('is told by what stands there: %s', (_, left, right, said) => {
    expect(differencesOf(stored(left), stored(right))).toEqual([said]);
  });

  it('is also a read model that is there once only, and a log that is longer', () => {
    expect(differencesOf(stored('a'), { head: 8, documents: new Map() })).toEqual([
      'one log ends at 7, the other at 8',
      'list@1: is there once only',
    ]);
  });
});
