import { categoriesOf, planOf } from '#libs/read-models/fold';
import { personOf } from '#libs/event-sourcing/event';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type UserId } from '#libs/published/ids';
import { isTold } from '../activity/activities.ts';
import { activityLog } from '../activity/activity-log.projection.ts';
import { type UsersAbout } from '../activity/users-about.ts';

const NAME = 'access-control.on-activity';

/** Whoever does something is about. */
export const onActivity = (users: UsersAbout): Consumer => ({
  name: NAME,
  categories: categoriesOf(planOf(activityLog)),
  onFailure: 'park',
  target: ({ metadata }) => personOf(metadata.principal),
  handle: async (event) => {
    const { principal, time } = event.metadata;
    if (!isTold(event) || principal.via === 'key') return;
    await users.note(personOf(principal) as UserId, (stream) => reactionCommand(NAME, event, stream), time);
  },
});
