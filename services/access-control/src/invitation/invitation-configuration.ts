import { IsInt, IsNotEmpty, Matches, Max, Min } from 'class-validator';
import { Variable } from '#libs/platform/configuration';

export class InvitationConfiguration {
  @Variable('PUBLIC_URL', 'Where people reach the platform: links in letters lead there')
  @Matches(/^https?:\/\/[^\s?#]+$/, { message: 'must be a URL such as https://tributary.example' })
  publicUrl = 'http://127.0.0.1:8080';

  @Variable('INVITATION_DAYS', 'An invitation can be accepted so long after its last letter')
  @IsInt()
  @Min(1)
  @Max(90)
  invitationDays = 7;

  @Variable('INVITATIONS_PER_DAY', 'Letters that a tenant may have sent on one day')
  @IsInt()
  @Min(1)
  @Max(100_000)
  invitationsPerDay = 500;

  @Variable(
    'MAIL_URL',
    'How letters go out: `folder:PATH` (relative to DATA_DIR, one `.eml` file each), `smtp://USER:PASSWORD@HOST:PORT` or `smtps://…`',
  )
  @Matches(/^(folder:.+|smtps?:\/\/.+)$/, { message: 'must be a URL such as folder:mail or smtp://mail.example:587' })
  mailUrl = 'folder:mail';

  @Variable('MAIL_FROM', 'Sender of letters')
  @IsNotEmpty()
  mailFrom = 'Tributary <no-reply@localhost>';
}
