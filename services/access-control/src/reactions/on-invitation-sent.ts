import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Recorded } from '#libs/event-sourcing/event';
import { present } from '#libs/event-sourcing/handle';
import { type Letter, type Mail } from '#libs/mail/mail';
import { type Consumer } from '#libs/messaging/consumer';
import { type Platform } from '#libs/platform/service';
import { type InvitationEvent } from '#libs/published/access-control';
import { invitation } from '../invitation/invitation.ts';
import { type InvitationTokens } from '../invitation/invitation-tokens.ts';

type Sent = Extract<InvitationEvent, { type: 'InvitationSent' }>['data'];

/** Writes the letter, unless another one or a decision has overtaken it. A redelivered event sends the same letter again. */
export const onInvitationSent = (
  { store, readModels }: Pick<Platform, 'store' | 'readModels'>,
  { mail, tokens, publicUrl }: Readonly<{ mail: Mail; tokens: InvitationTokens; publicUrl: string }>,
): Consumer => ({
  name: 'access-control.on-invitation-sent',
  categories: [invitation.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isSent(event)) return;
    const { invitationId, round, tenantId } = event.data;
    const { state } = await present(store, invitation, invitationId);
    if (state?.decision !== null || state.round !== round) return;
    const tenant = await readModels.of(tenantTree).get(tenantId);
    if (!tenant) throw new Error(`${tenantId} is not known here yet`);
    await mail.send(
      letterOf(event.eventId, event.data, tenant.name, `${publicUrl}/invitations#token=${tokens.of(invitationId, round)}`),
    );
  },
});

const isSent = (event: Recorded): event is Recorded & Readonly<{ type: 'InvitationSent'; data: Sent }> =>
  event.type === 'InvitationSent';

/** The token stands behind the `#`, which no browser tells a server. */
const letterOf = (id: string, { email, name, expiresAt }: Sent, tenant: string, link: string): Letter => ({
  id,
  to: email,
  subject: `Invitation to ${tenant}`,
  text: `${name === null ? 'Hello' : `Hello ${name}`},

you are invited to work with ${tenant}. To accept, open

${link}

until ${expiresAt.slice(0, 16).replace('T', ' ')} UTC. A newer invitation takes the place of this one. If you did not expect this letter,
you need not do anything.
`,
});
