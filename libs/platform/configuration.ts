import { type Type } from '@nestjs/common';
import { IsBoolean, IsIn, IsInt, IsNotEmpty, IsString, Matches, Max, Min, validateSync } from 'class-validator';

type VariableOf = Readonly<{ name: string; description: string }>;

const declared = new WeakMap<object, Map<string, VariableOf>>();

/**
 * Binds a field of a configuration class to an environment variable. The field's initial value is the default, and its type says
 * how the text is read: a number, `true`/`false`, a list by comma, else the text itself. class-validator decorators check it.
 */
export const Variable =
  (name: string, description: string): PropertyDecorator =>
  (target, property) => {
    const variables = declared.get(target.constructor) ?? new Map<string, VariableOf>();
    declared.set(target.constructor, variables.set(String(property), { name, description }));
  };

export class HttpConfiguration {
  @Variable('HOST', 'Address the server listens on; `0.0.0.0` for all')
  @IsNotEmpty()
  host = '127.0.0.1';

  @Variable('PORT', 'Port the server listens on; 0 picks a free one')
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 8080;

  @Variable('BODY_LIMIT_KB', 'Largest JSON body, in KiB')
  @IsInt()
  @Min(1)
  @Max(102_400)
  bodyLimitKb = 1_024;

  @Variable(
    'REQUEST_TIMEOUT_SECONDS',
    'A request that is not answered by then ends with 503; uploads have UPLOAD_TIMEOUT_SECONDS',
  )
  @IsInt()
  @Min(1)
  @Max(3_600)
  requestTimeoutSeconds = 60;

  @Variable('UPLOAD_TIMEOUT_SECONDS', 'The same for uploads')
  @IsInt()
  @Min(1)
  @Max(86_400)
  uploadTimeoutSeconds = 3_600;

  @Variable(
    'CONSISTENCY_SECONDS',
    'How long a request with a Consistency-Token waits for what the token names before it is answered with 503',
  )
  @IsInt()
  @Min(0)
  @Max(60)
  consistencySeconds = 5;

  @Variable('CORS_ORIGINS', 'Web pages of other addresses, by comma, that may call: `https://console.example`; empty: none')
  @Matches(/^https?:\/\/[^\s/]+$/, { each: true, message: 'must be origins such as https://console.example' })
  corsOrigins: string[] = [];

  @Variable(
    'TRUSTED_PROXIES',
    'Addresses or networks, by comma, whose `X-Forwarded-For` says who asks: the gateway, a load balancer; empty: none',
  )
  @Matches(/^[\da-fA-F.:]+(\/\d{1,3})?$/, { each: true, message: 'must be addresses or networks such as 10.0.0.0/8' })
  trustedProxies: string[] = [];

  @Variable('SHUTDOWN_SECONDS', 'How long a shutdown waits for requests and background work under way')
  @IsInt()
  @Min(0)
  @Max(600)
  shutdownSeconds = 10;
}

export class StorageConfiguration {
  @Variable('DATA_DIR', 'Folder of everything that is kept')
  @IsNotEmpty()
  dataDir = './data';

  @Variable(
    'EVENT_STORE_URL',
    'Where streams of events are: `sqlite:FILE` (relative to DATA_DIR), `sqlite::memory:`, or `esdb://HOST:PORT` (EventStoreDB)',
  )
  @Matches(/^[a-z][a-z0-9+.-]*:/, { message: 'must be a URL such as sqlite:tributary.db' })
  eventStoreUrl = 'sqlite:tributary.db';

  @Variable(
    'MESSAGING_URL',
    'How services hear of events: `embedded:` (the tail of the log), or `kafka:HOST:PORT,HOST:PORT`, each service a process of its own',
  )
  @Matches(/^[a-z][a-z0-9+.-]*:/, { message: 'must be a URL such as embedded:' })
  messagingUrl = 'embedded:';

  @Variable(
    'READ_MODELS_URL',
    'Where read models are: `sqlite:FILE`, the same file as the event store; with Kafka `mongodb://HOST:PORT/DATABASE`',
  )
  @Matches(/^[a-z][a-z0-9+.-]*:/, { message: 'must be a URL such as sqlite:tributary.db' })
  readModelsUrl = 'sqlite:tributary.db';

  @Variable('BACKUP_FOLDER', 'Where backups are kept; empty: `backups` in DATA_DIR')
  @IsString()
  backupFolder = '';
}

export class IngestionConfiguration {
  @Variable('IMPORT_FOLDERS', 'Folders, by comma, from which files may be imported by path; none: only uploads')
  @IsString({ each: true })
  importFolders: string[] = [];

  @Variable('UPLOAD_LIMIT_MB', 'Largest file of an upload, in MiB')
  @IsInt()
  @Min(1)
  @Max(1_048_576)
  uploadLimitMb = 10_240;

  @Variable('UPLOAD_FILES', 'Most files of one upload')
  @IsInt()
  @Min(1)
  @Max(10_000)
  uploadFiles = 100;
}

export class SecurityConfiguration {
  @Variable('ACCESS_TOKEN_MINUTES', 'Life of an access token; a refresh token gets the next one')
  @IsInt()
  @Min(1)
  @Max(1_440)
  accessTokenMinutes = 15;

  @Variable('LOGIN_FAILURES', 'Failed logins in a row after which an e-mail address is locked for a while')
  @IsInt()
  @Min(1)
  @Max(1_000)
  loginFailures = 10;

  @Variable('LOGIN_LOCK_MINUTES', 'How long')
  @IsInt()
  @Min(1)
  @Max(1_440)
  loginLockMinutes = 15;
}

export class LoggingConfiguration {
  @Variable('LOG_LEVEL', 'fatal, error, warn, info, debug, trace or silent')
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  level = 'info';

  @Variable('LOG_REQUESTS', 'Whether each request writes a line')
  @IsBoolean()
  requests = true;
}

/** The platform's own concerns; a service adds its own in its definition. */
export const PLATFORM_CONCERNS: readonly Type<object>[] = [
  HttpConfiguration,
  StorageConfiguration,
  IngestionConfiguration,
  SecurityConfiguration,
  LoggingConfiguration,
];

export type Configuration = <Concern extends object>(concern: Type<Concern>) => Concern;

/** Every fault at once, each naming its variable. */
export class ConfigurationFault extends Error {
  override readonly name = 'ConfigurationFault';

  constructor(readonly faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${String(faults.length)} faults`}:\n  - ${faults.join('\n  - ')}`,
    );
  }
}

/** @throws ConfigurationFault */
export const readConfiguration = (
  concerns: readonly Type<object>[],
  environment: Readonly<Record<string, string | undefined>>,
): Configuration => {
  const values = new Map<Type<object>, object>();
  const faults: string[] = [];
  for (const concern of new Set(concerns)) {
    const value = readConcern(concern, environment);
    values.set(concern, value);
    faults.push(...faultsOf(concern, value));
  }
  if (faults.length > 0) throw new ConfigurationFault(faults);
  return (concern) => {
    const value = values.get(concern);
    if (!(value instanceof concern))
      throw new Error(`${concern.name} is no concern of this process: name it in a service's definition`);
    return value;
  };
};

export type ConfigurationRow = Readonly<{ variable: string; fallback: string; description: string }>;

/** What may be configured, in the order of declaration, each concern once: the table in the README is this one. */
export const configurationTable = (concerns: readonly Type<object>[] = PLATFORM_CONCERNS): readonly ConfigurationRow[] =>
  [...new Set(concerns)].flatMap((concern) => {
    const defaults = Object.entries(new concern());
    return [...variablesOf(concern)].map(([property, { name, description }]) => ({
      variable: name,
      fallback: String(defaults.find(([key]) => key === property)?.[1] ?? ''),
      description,
    }));
  });

const variablesOf = (concern: Type<object>): ReadonlyMap<string, VariableOf> => {
  const variables = declared.get(concern);
  if (!variables) throw new Error(`${concern.name} declares no @Variable`);
  return variables;
};

const readConcern = (concern: Type<object>, environment: Readonly<Record<string, string | undefined>>): object => {
  const value = new concern();
  for (const [property, { name }] of variablesOf(concern)) {
    const text = environment[name];
    if (text !== undefined && text !== '') Reflect.set(value, property, interpreted(text, Reflect.get(value, property)));
  }
  return value;
};

/** Text that is not of the default's type stays text, for the validator to refuse. */
const interpreted = (text: string, fallback: unknown): unknown => {
  if (typeof fallback === 'number') return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  if (typeof fallback === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (Array.isArray(fallback)) return text.split(',').map((item) => item.trim());
  return text;
};

const faultsOf = (concern: Type<object>, value: object): readonly string[] =>
  validateSync(value, { forbidUnknownValues: true }).flatMap(({ property, constraints = {}, value: given }) => {
    const name = variablesOf(concern).get(property)?.name ?? property;
    return Object.values(constraints).map(
      (message) => `${name}: ${message.replace(`${property} `, '')} (it is "${withoutPassword(String(given))}")`,
    );
  });

/** A URL without who logs in there. */
const withoutPassword = (text: string): string => text.replace(/\/\/[^/]*@/, '//…@');
