import {
  BUILT_IN_ROLES,
  CHILD_TENANT_ROLES,
  type ChildTenantRole,
  type Extra,
  EXTRAS,
  type Role,
} from '#libs/access-policy/roles';
import { addressKey, isEmailAddress } from '#libs/email-address';

/** One row as it came, typed or in a file; an empty text says nothing. */
export type Row = Readonly<{
  /** Where it stood: `invitations[0]`, `lines[2]`; empty: it is the whole body. */
  place: string;
  email: string;
  name: string;
  jobFunction: string;
  role: string;
  /** By blank or comma. */
  extras: string;
  childTenantRole: string;
  /** How its cells do not fit the headings of its file; null: they do. */
  misfit: string | null;
}>;

/** What a row says, once nothing is wrong with it. */
export type Person = Readonly<{
  email: string;
  name: string | null;
  jobFunction: string | null;
  role: Role;
  extras: readonly Extra[];
  childTenantRole: ChildTenantRole | null;
}>;

type RowFault = Readonly<{ path: string; code: string; message: string }>;

export type JudgedRow = Readonly<{ row: Row; person: Person | null; faults: readonly RowFault[] }>;

/** Most letters of one request. */
export const MOST_ROWS = 500;
export const LONGEST_EMAIL = 320;
const LONGEST_NAME = 200;

const ROLES: readonly string[] = BUILT_IN_ROLES.filter((role) => role !== 'operator');

const CUSTOM_ROLE = /^custom:[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

const isRole = (text: string): text is Role => ROLES.includes(text) || CUSTOM_ROLE.test(text);
const isExtra = (text: string): text is Extra => EXTRAS.some((extra) => extra === text);
const isChildTenantRole = (text: string): text is ChildTenantRole => CHILD_TENANT_ROLES.some((role) => role === text);
const isName = (text: string): boolean => text.length <= LONGEST_NAME && !/[\p{Cc}\p{Cs}]/u.test(text);

/** Each by itself and beside the others: an address is invited once. */
export const judgeRows = (rows: readonly Row[]): readonly JudgedRow[] => {
  const firstOf = new Map<string, Row>();
  return rows.map((row) => {
    if (row.misfit !== null) {
      const faults = [{ path: row.place, code: 'wrong-number-of-cells', message: row.misfit }];
      return { row, faults, person: null };
    }
    const key = addressKey(row.email);
    const first = firstOf.get(key) ?? row;
    firstOf.set(key, first);
    const faults = [
      ...faultsOf(row),
      ...(first === row ? [] : [fault(row, 'email', 'listed-twice', `stands in ${first.place} already`)]),
    ];
    return { row, faults, person: faults.length === 0 ? personOf(row) : null };
  });
};

export const pathOf = ({ place }: Row, field: string): string => (place === '' ? field : `${place}.${field}`);

const fault = (row: Row, field: string, code: string, message: string): RowFault => ({
  path: pathOf(row, field),
  code,
  message,
});

const faultsOf = (row: Row): readonly RowFault[] => {
  const { email, name, jobFunction, role, childTenantRole } = row;
  const found: RowFault[] = [];
  if (!isEmailAddress(email) || email.length > LONGEST_EMAIL)
    found.push(fault(row, 'email', 'invalid-email', `"${email.slice(0, LONGEST_NAME)}" is no e-mail address`));
  for (const [field, text] of Object.entries({ name, jobFunction }))
    if (!isName(text))
      found.push(
        fault(row, field, 'invalid-name', `must be at most ${String(LONGEST_NAME)} characters, without control characters`),
      );
  if (!isRole(role))
    found.push(
      fault(
        row,
        'role',
        'unknown-role',
        `"${role.slice(0, LONGEST_NAME)}" is none of ${ROLES.join(', ')} and no \`custom:<id>\``,
      ),
    );
  const extras = extrasIn(row);
  const unknown = extras.find((extra) => !isExtra(extra));
  if (unknown !== undefined)
    found.push(fault(row, 'extras', 'unknown-extra', `"${unknown.slice(0, LONGEST_NAME)}" is none of ${EXTRAS.join(', ')}`));
  else if (extras.length > 0 && role !== 'admin')
    found.push(fault(row, 'extras', 'extras-not-available', 'only an Admin may have them'));
  if (childTenantRole !== '' && !isChildTenantRole(childTenantRole))
    found.push(
      fault(
        row,
        'childTenantRole',
        'unknown-child-tenant-role',
        `"${childTenantRole.slice(0, LONGEST_NAME)}" is none of ${CHILD_TENANT_ROLES.join(', ')}`,
      ),
    );
  return found;
};

const extrasIn = ({ extras }: Row): readonly string[] => [...new Set(extras.split(/[\s,]+/).filter((extra) => extra !== ''))];

/** Of a row without faults. */
const personOf = (row: Row): Person => ({
  email: row.email,
  name: row.name === '' ? null : row.name,
  jobFunction: row.jobFunction === '' ? null : row.jobFunction,
  role: row.role as Role,
  extras: extrasIn(row).filter(isExtra).toSorted(),
  childTenantRole: isChildTenantRole(row.childTenantRole) ? row.childTenantRole : null,
});
