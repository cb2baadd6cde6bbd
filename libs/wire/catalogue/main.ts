/** `main.ts <image> [<folder>]`: writes the catalogue of the events in a `buf build` image, the page and the AsyncAPI document. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { format, resolveConfig } from 'prettier';
import { stringify } from 'yaml';
import { asyncApi } from './asyncapi.ts';
import { describedServices } from './described.ts';
import { page } from './page.ts';

const [image, folder = 'docs/events'] = process.argv.slice(2);
if (image === undefined) throw new Error('main.ts <image> [<folder>]');
const read = (path: string): Promise<string> => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

const services = describedServices(createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(image))).files);
const { version } = JSON.parse(await read('package.json')) as { version: string };

const write = async (name: string, text: string): Promise<void> => {
  const style = await resolveConfig(new URL(`../../../docs/events/${name}`, import.meta.url));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), await format(text, { ...style, filepath: name }));
};

await write('README.md', page(services, await read('docs/events/consumer.ts')));
await write(
  'asyncapi.yaml',
  `# Generated from proto/ by \`npm run proto:docs\`.\n${stringify(asyncApi(services, version), { lineWidth: 0 })}`,
);
