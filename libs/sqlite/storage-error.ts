/**
 * The storage itself is at fault, not the request. `message` names the file and says what to do.
 * - `locked`: another process owns the file
 * - `busy`: other processes share the file and did not let this one write in time; nothing was kept, it may be tried again
 * - `full`: no room left; nothing of the failed transaction was kept
 * - `corrupt`: the file is damaged or no database
 * - `foreign`: a database of another program, or of another version of this one
 * - `unusable`: it cannot be opened, read or written
 */
export type StorageFault = 'locked' | 'busy' | 'full' | 'corrupt' | 'foreign' | 'unusable';

export class StorageError extends Error {
  override readonly name: string = 'StorageError';

  constructor(
    readonly fault: StorageFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The disk is full: HTTP 507. Everything acknowledged before is safe; the failed commands may be repeated once there is room. */
export class StorageFull extends StorageError {
  override readonly name = 'StorageFull';

  constructor(file: string, options?: ErrorOptions) {
    super(
      'full',
      `There is no room left to write ${file}. Nothing of this command was stored: free some space and repeat it.`,
      options,
    );
  }
}

const SQLITE_CANTOPEN = 14;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** Primary result codes are the low byte of SQLite's extended ones. */
const PRIMARY = 0xff;

type SqliteError = Readonly<{ errcode: number; message: string }>;

/** By its shape: an error of another realm is no instance of this one's `Error`. */
const isSqliteError = (error: unknown): error is SqliteError =>
  typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number';

/** What SQLite reports, in words that name the file; anything that is not the storage's fault comes back unchanged. */
export const storageErrorOf = (error: unknown, file: string): unknown => {
  if (!isSqliteError(error)) return error;
  const cause = { cause: error };
  const reason = error.message;
  switch (error.errcode & PRIMARY) {
    case SQLITE_FULL:
      return new StorageFull(file, cause);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new StorageError(
        'corrupt',
        `${file} is damaged or is no SQLite database (${reason}). Put a backup in its place, or name another file.`,
        cause,
      );
    case SQLITE_BUSY:
      return new StorageError('locked', `${file} is in use by another process. Stop that process, or name another file.`, cause);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
      return new StorageError(
        'unusable',
        `${file} cannot be opened, read or written (${reason}). Check its folder and permissions.`,
        cause,
      );
    default:
      return error;
  }
};
