import { type CreationMode } from '#libs/published/tenants';

/** An invited tenant is on no list before an admin of its own has accepted; from then on it stays there. */
export const isSetUp = (mode: CreationMode, hadAdmin: boolean): boolean => mode !== 'invite' || hadAdmin;
