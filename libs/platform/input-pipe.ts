import { ValidationPipe, type ArgumentMetadata, type PipeTransform, type ValidationError } from '@nestjs/common';
import { getMetadataStorage, isUUID } from 'class-validator';
import { DomainError, type FieldError } from '#libs/event-sourcing/domain-error';

type Rules = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>;

/**
 * class-validator looks through the rules of all classes for each object that it checks. A class has all of its rules by the time
 * that one of its objects is there, so they are looked for once.
 */
const rememberRules = (storage: ReturnType<typeof getMetadataStorage>): void => {
  const known = new Map<unknown, Rules>();
  const look = storage.getTargetValidationMetadatas.bind(storage);
  storage.getTargetValidationMetadatas = (type, schema, always, strict, groups) => {
    if (schema || always || strict || groups) return look(type, schema, always, strict, groups);
    const found = known.get(type) ?? look(type, schema, always, strict, groups);
    known.set(type, found);
    return found;
  };
};
rememberRules(getMetadataStorage());

/** Checks bodies and queries against their class: nothing unknown passes and nothing is converted unasked. */
export class InputPipe extends ValidationPipe {
  constructor() {
    super({
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
      transform: true,
      transformOptions: { enableImplicitConversion: false },
      validationError: { target: false, value: false },
      exceptionFactory: (faults) => invalid(faults.flatMap((fault) => fieldErrors(fault, ''))),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (!this.toValidate(metadata)) return super.transform(value, metadata) as Promise<unknown>;
    // A list at the top would pass with its elements unchecked.
    if (
      metadata.type === 'body' &&
      value !== undefined &&
      (typeof value !== 'object' || value === null || Array.isArray(value))
    ) {
      throw invalid([{ path: '', message: 'the body must be a JSON object' }]);
    }
    const faults = [...unseenFaults(value)];
    if (faults.length > 0) throw invalid(faults);
    return super.transform(value ?? {}, metadata) as Promise<unknown>;
  }
}

/** A path parameter that is an id of the platform's own. @throws DomainError that names it */
export class IdPipe implements PipeTransform<string> {
  transform(value: string, { data = '' }: ArgumentMetadata): string {
    if (!isUUID(value)) throw invalid([{ path: data, message: 'must be a UUID' }]);
    return value;
  }
}

const invalid = (errors: readonly FieldError[]): DomainError =>
  new DomainError(
    'invalid',
    'invalid-input',
    `The request is not valid: ${errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')}.`,
    errors,
  );

const LONE_SURROGATE = /\p{Cs}/u;

/** What every object has by inheritance, or the pipe takes away: a field of that name is gone before the rules see it. */
const isUnseen = (name: string): boolean => name === 'prototype' || name in Object.prototype;

/**
 * What the rules of the classes cannot see: fields with names of that kind, and text that JSON can carry and UTF-8 cannot. Without
 * recursion, as a body may be nested however deeply.
 */
function* unseenFaults(input: unknown): Generator<FieldError> {
  const left: [path: string, value: unknown][] = [['', input]];
  for (let next = left.pop(); next; next = left.pop()) {
    const [path, value] = next;
    if (typeof value === 'string' && LONE_SURROGATE.test(value))
      yield { path, message: 'must not hold half of a character (a lone surrogate)' };
    if (typeof value !== 'object' || value === null) continue;
    const isList = Array.isArray(value);
    for (const [name, inner] of Object.entries(value)) {
      if (!isList && isUnseen(name)) yield { path: below(path, name, false), message: UNKNOWN_FIELD };
      else left.push([below(path, name, isList), inner]);
    }
  }
}

const UNKNOWN_FIELD = 'is not a known field';

const below = (parent: string, name: string, isElement: boolean): string =>
  isElement ? `${parent}[${name}]` : parent === '' ? name : `${parent}.${name}`;

const INDEX = /^\d+$/;

/** `items[0].price`, the way a reader of JSON would write it. */
const fieldErrors = ({ property, constraints = {}, children = [] }: ValidationError, parent: string): FieldError[] => {
  const path = below(parent, property, INDEX.test(property));
  return [
    ...Object.entries(constraints).map(([rule, message]) => ({
      path,
      message: rule === 'whitelistValidation' ? UNKNOWN_FIELD : worded(message, property),
    })),
    ...children.flatMap((child) => fieldErrors(child, path)),
  ];
};

/** The path stands before the message already. */
const worded = (message: string, property: string): string =>
  message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
