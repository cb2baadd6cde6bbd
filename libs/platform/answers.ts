import { STATUS_CODES } from 'node:http';
import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { routesOf } from './routes.ts';
import { type JsonSchema, type Schema, withNamed } from './schema.ts';

const HEADERS = {
  ETag: { description: 'Revision of what is answered, for `If-Match`', schema: { type: 'string', example: '"3"' } },
  Location: { description: 'Path of what was made', schema: { type: 'string', example: '/api/v1/tenants/…' } },
  'X-Log-Head': { description: 'Position of the last event in the log', schema: { type: 'integer' } },
} as const;

type Header = keyof typeof HEADERS;

/** On a method that answers T: the compiler compares what the docs say with what the method declares. */
type OnMethodAnswering<T> = <M extends (...parameters: never[]) => T | Promise<T>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M> & ([T] extends [Awaited<ReturnType<M>>] ? unknown : never),
) => void;

const NAMED = 'tributary:named-schemas';

/**
 * What a route answers when all goes well, and with which status; `headers` beside it. A second one, of a status from 400 on, is an
 * answer of another case that is no problem document.
 */
export const Answers = <T>(
  status: 200 | 201 | 202 | 503,
  { json, named }: Schema<T>,
  { headers = [], mediaType = 'application/json' }: Readonly<{ headers?: readonly Header[]; mediaType?: string }> = {},
): OnMethodAnswering<T> => {
  const described = applyDecorators(
    ...(status < 400 ? [HttpCode(status)] : []),
    ApiResponse({
      status,
      description: STATUS_CODES[status] ?? '',
      content: { [mediaType]: { schema: json } },
      ...(headers.length > 0 && { headers: Object.fromEntries(headers.map((name) => [name, HEADERS[name]])) }),
    }),
  );
  return (target, key, descriptor) => {
    described(target, key, descriptor);
    const handler = descriptor.value;
    if (!handler) throw new Error(`${String(key)} is no method`);
    const others = (Reflect.getMetadata(NAMED, handler) ?? {}) as Readonly<Record<string, JsonSchema>>;
    Reflect.defineMetadata(NAMED, { ...others, ...named }, handler);
  };
};

/** 204: all went well, and there is nothing to say. */
export const AnswersNothing = (): MethodDecorator =>
  applyDecorators(HttpCode(204), ApiResponse({ status: 204, description: STATUS_CODES[204] ?? '' }));

/** The schemas that answers refer to by name. @throws Error when one name stands for two of them. */
export const namedSchemasOf = (controllers: readonly Type[]): Readonly<Record<string, JsonSchema>> =>
  routesOf(controllers)
    .flatMap(({ handler }) => Object.entries((Reflect.getMetadata(NAMED, handler) ?? {}) as Readonly<Record<string, JsonSchema>>))
    .reduce<Readonly<Record<string, JsonSchema>>>((all, [name, json]) => withNamed(all, name, json), {});
