import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { HEADERS } from './headers.ts';
import { type DescribedService, said } from './described.ts';

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** The catalogue as an AsyncAPI 3.0 document. */
export const asyncApi = (services: readonly DescribedService[], version: string): Json => {
  const ofEveryStream = services.filter(({ service }) => service === undefined).flatMap(({ events }) => events);
  const topics = services.flatMap(({ service, topic, about, events }) =>
    service && topic ? [{ service, topic, about, events: [...events, ...ofEveryStream.filter(occursIn(service))] }] : [],
  );
  const messages = services.flatMap(({ events }) => events.map(({ message }) => message));
  const parts = services.flatMap((one) => one.parts);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tributary events',
      version,
      description: 'The public events of every service: CloudEvents 1.0 in binary mode on Kafka, their data in Protobuf.',
      license: { name: 'Apache 2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/protobuf',
    channels: byName(
      topics,
      ({ service }) => service,
      ({ topic, about, events }) => ({
        address: topic,
        description: about,
        messages: byName(
          events,
          ({ message }) => message.typeName,
          ({ message }) => ({
            $ref: `#/components/messages/${message.typeName}`,
          }),
        ),
      }),
    ),
    operations: byName(
      topics,
      ({ service }) => `publish-${service}`,
      ({ service }) => ({
        action: 'send',
        channel: { $ref: `#/channels/${service}` },
        summary: `What happens in ${service}, in the order of each stream`,
      }),
    ),
    components: {
      messages: byName(
        messages,
        ({ typeName }) => typeName,
        (message) => ({
          name: message.typeName,
          title: message.name,
          summary: said(message),
          contentType: 'application/protobuf',
          headers: { $ref: '#/components/schemas/headers' },
          payload: { $ref: `#/components/schemas/${message.typeName}` },
          bindings: { kafka: { key: { type: 'string', description: 'The stream' }, bindingVersion: '0.5.0' } },
        }),
      ),
      schemas: {
        headers: {
          type: 'object',
          required: HEADERS.filter(({ optional }) => !optional).map(({ name }) => name),
          properties: byName(
            HEADERS,
            ({ name }) => name,
            ({ text, value }) => ({
              type: 'string',
              description: text,
              ...(value === undefined ? {} : { const: value }),
            }),
          ),
        },
        ...byName([...parts, ...messages], ({ typeName }) => typeName, schemaOf),
      },
    },
  };
};

const occursIn =
  (service: string) =>
  ({ categories }: DescribedService['events'][number]): boolean =>
    categories.length === 0 || categories.some((category) => category.startsWith(`${service}.`));

const byName = <Of>(all: readonly Of[], name: (one: Of) => string, made: (one: Of) => Json): { readonly [key: string]: Json } =>
  Object.fromEntries(all.map((one) => [name(one), made(one)]));

const schemaOf = (desc: DescMessage | DescEnum): Json =>
  desc.kind === 'enum'
    ? {
        type: 'string',
        description: [said(desc), ...desc.values.map((value) => `${value.name}: ${said(value)}`)].join('\n'),
        enum: desc.values.map(({ name }) => name),
      }
    : {
        type: 'object',
        description: said(desc),
        properties: byName(
          desc.fields,
          ({ name }) => name,
          (field) => ({
            ...typeOf(field),
            description: said(field),
            'x-protobuf-field': field.number,
          }),
        ),
      };

const typeOf = (field: DescField): { readonly [key: string]: Json } => {
  switch (field.fieldKind) {
    case 'message':
      return { allOf: [{ $ref: `#/components/schemas/${field.message.typeName}` }] };
    case 'enum':
      return { allOf: [{ $ref: `#/components/schemas/${field.enum.typeName}` }] };
    case 'list':
      return {
        type: 'array',
        items:
          field.listKind === 'message'
            ? { $ref: `#/components/schemas/${field.message.typeName}` }
            : field.listKind === 'enum'
              ? { $ref: `#/components/schemas/${field.enum.typeName}` }
              : scalarOf(field.scalar),
      };
    case 'scalar':
      return scalarOf(field.scalar);
    case 'map':
      throw new Error(`${String(field)}: events have no maps.`);
  }
};

const scalarOf = (scalar: ScalarType): { readonly [key: string]: Json } => {
  if (scalar === ScalarType.STRING) return { type: 'string' };
  if (scalar === ScalarType.BOOL) return { type: 'boolean' };
  return { type: 'integer', format: 'int64' };
};
