import { type AccessTokens } from '#libs/platform/access-tokens';
import { type InvitationId } from '#libs/published/ids';
import { sealed, unsealed } from '../sealed-token.ts';

/** What stands in a letter: an invitation and the round of that letter, under our seal. Nothing of it is kept. */
export class InvitationTokens {
  readonly #secret: Buffer;

  constructor(accessTokens: Pick<AccessTokens, 'secretFor'>) {
    this.#secret = accessTokens.secretFor('invitations');
  }

  of(id: InvitationId, round: number): string {
    return sealed(this.#secret, [id, round]);
  }

  /** Undefined for what no letter of ours held. */
  read(token: string): Readonly<{ id: InvitationId; round: number }> | undefined {
    const [id, round] = unsealed(this.#secret, token) ?? [];
    return typeof id === 'string' && typeof round === 'number' ? { id: id as InvitationId, round } : undefined;
  }
}
