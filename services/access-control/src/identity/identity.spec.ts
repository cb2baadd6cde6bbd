import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type UserId } from '#libs/published/ids';
import { identities, type IdentityEvent, linkIdentity, type Subject } from './identity.ts';

const ADA = 'ada' as UserId;
const of = (issuer: string, subject: string): Subject => ({ issuer, subject });
const linked = (issuer: string, subject: string): IdentityEvent => ({
  type: 'IdentityLinked',
  data: { userId: ADA, issuer, subject },
});

describe('an identity elsewhere', () => {
  it('is the first that logged in, for each provider', () => {
    given(identities)
      .when(linkIdentity(ADA, of('one', 's1')))
      .then(linked('one', 's1'));
    given(identities, linked('one', 's1'))
      .when(linkIdentity(ADA, of('one', 's2')))
      .thenNothing();
    const { state } = given(identities, linked('one', 's1'), linked('other', 's2'));
    expect([...state]).toEqual([
      ['one', 's1'],
      ['other', 's2'],
    ]);
  });
});
