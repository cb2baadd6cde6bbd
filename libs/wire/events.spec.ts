import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { createFileRegistry, type DescEnum, type DescMessage, fromBinary, getOption, type Registry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type Category } from '#libs/event-sourcing/event';
import { isPublic, PUBLIC_CATEGORIES, PUBLIC_EVENTS, TOPICS, topicOf } from './events.ts';
import { absent, all_or_ids, event, list, text } from './generated/tributary/common/v1/options_pb.ts';

describe('categories and topics', () => {
  it('each service has a topic of its own', () => {
    expect(TOPICS).toEqual([
      'tributary.access-control.v1',
      'tributary.contracts.v1',
      'tributary.ingestion.v1',
      'tributary.invoicing.v1',
      'tributary.tenants.v1',
    ]);
    expect(topicOf('access-control.userAccess' as Category)).toBe('tributary.access-control.v1');
  });
  it('what is not named as public is not public', () => {
    expect(PUBLIC_CATEGORIES.every(isPublic)).toBe(true);
    expect(isPublic('access-control.credentials' as Category)).toBe(false);
    expect(isPublic('contracts.claim' as Category)).toBe(false);
  });
});

/** The message and all that it is made of. */
const within = (desc: DescMessage | DescEnum, found = new Set<DescMessage | DescEnum>()): Set<DescMessage | DescEnum> => {
  if (found.has(desc)) return found;
  found.add(desc);
  if (desc.kind === 'message')
    for (const { message, enum: values } of desc.fields) for (const part of [message, values]) if (part) within(part, found);
  return found;
};

const published = new Map(
  PUBLIC_EVENTS.flatMap(({ message }) => [...within(message)]).map((desc): [string, DescMessage | DescEnum] => [
    desc.typeName,
    desc,
  ]),
);

describe('published fields', () => {
  it('have no name that smells of a secret', () => {
    const names = [...published.values()].flatMap((desc) => (desc.kind === 'message' ? desc.fields.map(({ name }) => name) : []));
    const smelling = names.filter((name) =>
      /password|passphrase|secret|hash|salt|token|credential|key|cookie|session/.test(name),
    );
    expect(names.length).toBeGreaterThan(150);
    expect(new Set(smelling)).toEqual(new Set(['content_hash', 'session_id']));
  });
});

/** What an option says of how a message reads as JSON, by what it stands at; buf does not compare options. */
const sayings = (descs: Iterable<DescMessage | DescEnum>): ReadonlyMap<string, unknown> => {
  const said = new Map<string, unknown>();
  for (const desc of descs)
    if (desc.kind === 'enum') for (const value of desc.values) said.set(`${desc.typeName} ${value.name}`, getOption(value, text));
    else {
      said.set(desc.typeName, getOption(desc, all_or_ids));
      if (getOption(desc, list)) said.set(`${desc.typeName} as a list`, true);
      for (const category of getOption(desc, event).categories) said.set(`${desc.typeName} in ${category}`, true);
      for (const field of desc.fields) said.set(`${desc.typeName}.${field.name}`, getOption(field, absent));
    }
  return said;
};

describe('what was released', () => {
  it('reads as JSON as it did', async () => {
    const image = await readFile(new URL('../../proto/baseline.binpb', import.meta.url));
    const released: Registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
    const descs = [...released].filter(
      (desc): desc is DescMessage | DescEnum => (desc.kind === 'message' || desc.kind === 'enum') && published.has(desc.typeName),
    );
    expect(descs.length).toBeGreaterThan(40);
    const today = sayings(published.values());
    const changed = [...sayings(descs)].filter(([at, said]) => today.get(at) !== said).map(([at]) => at);
    expect(changed).toEqual([]);
  });
});
