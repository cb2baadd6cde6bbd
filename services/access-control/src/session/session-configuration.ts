import { IsInt, Max, Min } from 'class-validator';
import { Variable } from '#libs/platform/configuration';

export class SessionConfiguration {
  @Variable('SESSION_DAYS', 'A session ends so long after its login, however often it is refreshed')
  @IsInt()
  @Min(1)
  @Max(180)
  sessionDays = 30;

  @Variable('SESSION_IDLE_DAYS', 'And so long after it was refreshed last')
  @IsInt()
  @Min(1)
  @Max(180)
  sessionIdleDays = 7;

  @Variable(
    'LOGINS_PER_MINUTE',
    'Logins and refreshes, and invitations accepted, that one client address may ask of a process within a minute',
  )
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  loginsPerMinute = 300;
}
