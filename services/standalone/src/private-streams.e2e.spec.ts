import { describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { startPlatform } from '#libs/platform/testing/platform';
import { SERVICES } from './services.ts';

const PUBLISHED = new URL('../../../libs/published/', import.meta.url);

/** The published language says of each public stream what it is called. */
const publicCategories = async (): Promise<ReadonlySet<string>> => {
  const files = (await readdir(PUBLISHED)).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, PUBLISHED), 'utf8')));
  return new Set(texts.flatMap((text) => [...text.matchAll(/Stream `([\w.-]+?)-</g)].map(([, category = '']) => category)));
};

describe('a stream that is not in the published language', () => {
  it('is read by its own service only', async () => {
    const known = await publicCategories();
    expect(known).toContain('tenants.tenant');
    expect(known).not.toContain('access-control.credentials');
    const platform = await startPlatform(SERVICES);
    try {
      for (const { name, projections, consumers } of SERVICES) {
        const read = [
          ...projections.flatMap(({ parts }) => Object.values(parts).map(({ category }) => category)),
          ...consumers(platform.running.platform).flatMap(({ categories }) => categories),
        ];
        const others = read.filter((category) => !category.startsWith(`${name}.`));
        expect({ name, private: others.filter((category) => !known.has(category)) }).toEqual({ name, private: [] });
      }
    } finally {
      await platform.close();
    }
  });
});
