import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { countLetters, invitationQuota, type InvitationQuotaEvent } from './invitation-quota.ts';

const counted = (letters: number): InvitationQuotaEvent => ({ type: 'LettersCounted', data: { letters } });

describe('the letters of a day', () => {
  it('are counted together, and never too many of them', () => {
    given(invitationQuota).when(countLetters(10, 10)).then(counted(10));
    given(invitationQuota, counted(4), counted(5)).when(countLetters(1, 10)).then(counted(1));
    given(invitationQuota, counted(4), counted(5)).when(countLetters(2, 10)).thenNothing();
    given(invitationQuota).when(countLetters(11, 10)).thenNothing();
  });
});
