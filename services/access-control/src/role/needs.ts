import { type TenantPermission, unmetIn } from '#libs/access-policy/roles';
import { DomainError } from '#libs/event-sourcing/domain-error';

/**
 * What somebody puts together must count as it stands.
 * @throws DomainError `rejected` `permission-needs-another`, a field error for each
 */
export const refuseUnmet = (permissions: readonly TenantPermission[]): void => {
  const messages = unmetIn(permissions).map(({ permission, needs }) => `${permission} counts only with ${needs} beside it`);
  if (messages.length === 0) return;
  throw new DomainError(
    'rejected',
    'permission-needs-another',
    `The permissions do not fit: ${messages.join('; ')}.`,
    messages.map((message) => ({ path: 'permissions', message })),
  );
};
