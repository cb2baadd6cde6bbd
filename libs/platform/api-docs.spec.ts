import { describe, expect, it } from '@jest/globals';
import { type Type } from '@nestjs/common';
import { differingByName } from './api-docs.ts';

/** Another class each time. */
const addressInput = (): Type => {
  class AddressInput {
    city!: string;
  }
  return AddressInput;
};

class NoteInput {
  text!: string;
}

describe('the classes of input in the docs', () => {
  it('are refused where two bear one name, which the docs would take for one', () => {
    const address = addressInput();
    expect(differingByName([address, NoteInput])).toEqual([address, NoteInput]);
    expect(() => differingByName([address, NoteInput, addressInput()])).toThrow(
      'Two different classes of input are called "AddressInput".',
    );
  });
});
