import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { PUBLIC_EVENTS, TOPICS } from '../events.ts';
import { HEADERS } from './headers.ts';

type Document = Readonly<{
  channels: Readonly<Record<string, Readonly<{ address: string; messages: Readonly<Record<string, unknown>> }>>>;
  components: Readonly<{ messages: Readonly<Record<string, unknown>>; schemas: Readonly<Record<string, unknown>> }>;
}>;

const folder = new URL('../../../docs/events/', import.meta.url);
const text = await readFile(new URL('asyncapi.yaml', folder), 'utf8');
const document = parse(text) as Document;

/** Every `$ref` of the document, and whether it leads to something. */
const refs = [...text.matchAll(/\$ref: '?#\/([^'\s]+)/g)].map(([, path = '']) => path);
const leadsSomewhere = (path: string): boolean =>
  path.split('/').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document) !== undefined;

describe('the AsyncAPI document', () => {
  // The schema is large: its compilation takes a second of a free processor.
  it('is one', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    const validate = ajv.compile(specs.schemasWithoutId['3.0.0'] as object);
    validate(document);
    expect(validate.errors).toBeNull();
    expect(validate({ ...document, channels: { tenants: { address: 5 } } })).toBe(false);
  }, 60_000);

  it('refers to what is in it', () => {
    expect(refs.length).toBeGreaterThan(100);
    expect(refs.filter((path) => !leadsSomewhere(path))).toEqual([]);
  });

  it('has every topic with every event that may be on it', () => {
    const onTopics = Object.values(document.channels).map(({ address, messages }) => [address, Object.keys(messages).toSorted()]);
    const serviceOf = (topic: string): string => topic.split('.')[1] ?? '';
    const expected = TOPICS.map((topic) => [
      topic,
      PUBLIC_EVENTS.filter(
        ({ categories }) => categories.length === 0 || categories.some((category) => category.startsWith(`${serviceOf(topic)}.`)),
      )
        .map(({ name }) => name)
        .toSorted(),
    ]);
    expect(onTopics).toEqual(expected);
    expect(Object.keys(document.components.messages).toSorted()).toEqual(PUBLIC_EVENTS.map(({ name }) => name).toSorted());
  });
});

describe('the page', () => {
  it('describes every event and header, and links to what is there', async () => {
    const page = await readFile(new URL('README.md', folder), 'utf8');
    for (const { name } of [...PUBLIC_EVENTS, ...HEADERS]) expect(page).toContain(`\`${name}\``);
    const anchors = new Set([...page.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id));
    const links = [...page.matchAll(/\]\(#(tributary[^)]*)\)/g)].map(([, id]) => id);
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter((id) => !anchors.has(id))).toEqual([]);
  });
});
