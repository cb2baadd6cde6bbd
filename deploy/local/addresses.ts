import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where the engines that `engines:up` started answer, by the variable that names them to a service. */
export type Addresses = Readonly<Partial<Record<'MESSAGING_URL' | 'READ_MODELS_URL' | 'EVENT_STORE_URL', string>>>;

/** Downloads, data, process ids and addresses of the local engines. */
export const enginesFolder = (): string => process.env['ENGINES_DIR'] ?? join('deploy', 'local', '.engines');

const addressesFile = (): string => join(enginesFolder(), 'addresses.json');

/** Undefined when no engines were started. */
export const readAddresses = (): Addresses | undefined =>
  existsSync(addressesFile()) ? (JSON.parse(readFileSync(addressesFile(), 'utf8')) as Addresses) : undefined;

export const writeAddresses = (addresses: Addresses): void => {
  mkdirSync(dirname(addressesFile()), { recursive: true });
  writeFileSync(addressesFile(), `${JSON.stringify(addresses, undefined, 2)}\n`);
};

export const forgetAddresses = (): void => {
  rmSync(addressesFile(), { force: true });
};
