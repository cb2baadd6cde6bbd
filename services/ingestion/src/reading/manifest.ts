import { readFile, stat } from 'node:fs/promises';
import { shown } from './shown.ts';

/** A list of the files that make up one delivery, as AWS sends it along. */
export type Manifest = Readonly<{
  /** Of the manifest's own file. */
  name: string;
  /** As the manifest has them: keys of a bucket, or `s3://bucket/key`. */
  parts: readonly string[] | undefined;
}>;

const LONGEST_MANIFEST = 16 << 20;

/** Far more than any report has: each part is looked for in several folders before the import is accepted. */
const MOST_PARTS = 10_000;

/** Too many parts for a delivery: none of them is looked for. */
export const isTooLong = ({ parts = [] }: Manifest): boolean => parts.length > MOST_PARTS;

/** The parts that a manifest names; undefined when the text is none. Legacy reports have `reportKeys`, Data Exports `dataFiles`. */
const partsIn = (text: string): readonly string[] | undefined => {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
  if (typeof manifest !== 'object' || manifest === null) return undefined;
  const parts = 'reportKeys' in manifest ? manifest.reportKeys : 'dataFiles' in manifest ? manifest.dataFiles : undefined;
  return isTexts(parts) ? parts : undefined;
};

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '');

/** A manifest without `parts` is none that we know. */
export const readManifest = async (file: Readonly<{ name: string; path: string }>): Promise<Manifest> => {
  const { size } = await stat(file.path);
  const parts = size > LONGEST_MANIFEST ? undefined : partsIn(await readFile(file.path, 'utf8'));
  return { name: file.name, parts };
};

/** The folders and the name of a part, the bucket left out: `data`, `BILLING_PERIOD=2026-01`, `report-1.csv.gz`. */
export const keyOf = (part: string): readonly string[] =>
  part
    .replace(/^s3:\/\/[^/]*\//, '')
    .split('/')
    .filter((name) => name !== '');

const nameOf = (part: string): string => keyOf(part).at(-1) ?? part;

const repeated = (names: readonly string[]): readonly string[] => {
  const seen = new Set<string>();
  return [...new Set(names.filter((name) => seen.size === seen.add(name).size))];
};

/**
 * What is wrong with a delivery by its manifests, in sentences: every part that one names is there, once, and nothing else. Parts are
 * known by their names, without folders. A delivery without a manifest is as whole as its sender says.
 */
export const checkParts = (manifests: readonly Manifest[], files: readonly Readonly<{ name: string }>[]): readonly string[] => {
  if (manifests.length === 0) return [];
  const unknown = manifests.filter(({ parts }) => parts === undefined);
  if (unknown.length > 0)
    return unknown.map(
      ({ name }) => `${shown(name)} is JSON, but no manifest that is known: it has no list reportKeys or dataFiles.`,
    );
  const tooLong = manifests.filter(isTooLong);
  if (tooLong.length > 0)
    return tooLong.map(
      ({ name, parts = [] }) =>
        `The manifest ${shown(name)} names ${String(parts.length)} parts: a delivery has at most ${String(MOST_PARTS)}.`,
    );
  const delivered = files.map(({ name }) => name);
  const there = new Set(delivered);
  const named = manifests.flatMap(({ name: manifest, parts = [] }) => parts.map((part) => ({ manifest, name: nameOf(part) })));
  const names = new Set(named.map(({ name }) => name));
  const ofManifests = new Set(manifests.map(({ name }) => name));
  return [
    ...manifests.filter(({ parts }) => parts?.length === 0).map(({ name }) => `The manifest ${shown(name)} names no part.`),
    ...repeated(named.map(({ name }) => name)).map(
      (name) => `The part ${shown(name)} is named twice by ${shown(manifests.map((one) => one.name).join(', '))}.`,
    ),
    ...named
      .filter(({ name }) => !there.has(name))
      .map(({ name, manifest }) => {
        const fault = ofManifests.has(name) ? 'is itself a manifest' : 'is not in the delivery';
        return `The part ${shown(name)}, which the manifest ${shown(manifest)} names, ${fault}.`;
      }),
    ...repeated(delivered).map((name) => `The part ${shown(name)} is in the delivery twice.`),
    ...[...there]
      .filter((name) => !names.has(name))
      .map((name) => `${shown(name)} is in the delivery, but no manifest of it names it.`),
  ];
};
